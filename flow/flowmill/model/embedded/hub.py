"""The official hub as a source: one HTTP file, resumed with Range."""

from __future__ import annotations

import http.client
import os
import re
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass

from flowmill.model.embedded.catalogue import Weights
from flowmill.model.embedded.part import CHUNK, Part, SourceFailed

PATIENCE = 5.0
"""Seconds without an answer or a byte after which the hub counts as unreachable, or a stream as broken."""
ATTEMPTS = 4
"""Broken streams in a row that brought no byte."""


def hub_address() -> str:
    """The hub, or the mirror that HF_ENDPOINT names; the digest makes either one safe."""
    return os.environ.get("HF_ENDPOINT") or "https://huggingface.co"


@dataclass(frozen=True, slots=True)
class Hub:
    """Appends what is missing from `address`, or raises `SourceFailed` with the reason in words."""

    address: str
    patience: float = PATIENCE

    def fill(self, part: Part, model: Weights) -> None:
        url = model.url(self.address)
        host = urllib.parse.urlsplit(url).hostname or ""
        if not _via_proxy(url) and not _resolves(host, self.patience):
            raise SourceFailed(f"{host} cannot be found")
        idle, began = 0, part.size
        while not part.complete:
            before = part.size
            problem = self._read(part, url, host)
            idle = 0 if part.size > before else idle + 1
            if idle and (part.size == began or idle >= ATTEMPTS):
                raise SourceFailed(f"{host}: {problem}")

    def _read(self, part: Part, url: str, host: str) -> str:
        """Read until the end or a break; a break is returned in words, a refusal raises."""
        request = urllib.request.Request(url, headers={"User-Agent": "flowmill"})
        if part.size:
            request.add_header("Range", f"bytes={part.size}-")
        try:
            with urllib.request.urlopen(request, timeout=self.patience) as answer:
                _agree(answer, part, host)
                while data := answer.read(CHUNK):
                    part.write(data, host)
        except urllib.error.HTTPError as error:
            error.close()
            raise SourceFailed(f"{host} answered {error.code} {error.reason}") from error
        except urllib.error.URLError as error:
            return f"cannot be reached ({error.reason})"
        except (OSError, http.client.HTTPException) as error:
            return f"the connection broke ({error or type(error).__name__})"
        return "the file ended early"


def _agree(answer: http.client.HTTPResponse, part: Part, host: str) -> None:
    """Begin anew if the server ignored the range; refuse a file of another size before it is written."""
    if answer.status != 206:
        part.cut(0)
    said = re.search(r"/(\d+)$", answer.headers.get("Content-Range", ""))
    total = int(said[1]) if said else _length(answer, part.size)
    if total is not None and total != part.total:
        raise SourceFailed(f"{host} offers a file of {total} bytes, not {part.total}")


def _length(answer: http.client.HTTPResponse, offset: int) -> int | None:
    length = answer.headers.get("Content-Length")
    return offset + int(length) if length and length.isdigit() else None


def _via_proxy(url: str) -> bool:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(parts.netloc)


def _resolves(host: str, seconds: float) -> bool:
    """Whether the name is known in time: the system's resolver itself takes no time limit."""
    known = threading.Event()

    def ask() -> None:
        try:
            socket.getaddrinfo(host, None)
        except OSError:
            return
        known.set()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return known.is_set()
