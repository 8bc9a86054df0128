"""Splits what an editor sends into JSON values. Pure: bytes in, values out.

A frame is a block of header lines, an empty line, and as many bytes as `Content-Length` says
(LSP 3.17, base protocol). Whatever else comes is skipped, and the next header counts again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

LARGEST = 128 << 20
"""Bytes of one message; what claims to be larger is no text that somebody edits."""
LONGEST_HEADER = 16 << 10
LONGEST_LINE = 64
"""Bytes that may hold the beginning of a `Content-Length` line."""

END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
# Not at the start of a line only: after a wrong length it follows the end of the last message directly.
LENGTH = re.compile(rb"(?<![\w-])content-length[ \t]*:[ \t]*(\d{1,12})[ \t]*(?=\r|\n|$)", re.IGNORECASE)
LENGTH_LINE = re.compile(rb"(?<![\w-])content-length[ \t]*:[ \t]*\d{1,12}[ \t]*\r?\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """One JSON value, whatever it is."""

    content: object


@dataclass(frozen=True, slots=True)
class Garbled:
    """Bytes that are no message, and why."""

    reason: str


Incoming = Message | Garbled


def packed(message: object, default: Callable[[Any], object] | None = None) -> bytes:
    """The frame of a message; `default` makes what is no JSON value into one."""
    body = json.dumps(message, default=default, separators=(",", ":")).encode("ascii")
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class FrameReader:
    """Keeps what is not complete yet."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._wanted: int | None = None
        """Bytes of the body whose header was read."""
        self._lost = False
        """Rubbish was reported already and no header was found since."""

    def feed(self, data: bytes) -> Iterator[Incoming]:
        """Everything that these bytes complete, in order."""
        self._buffer += data
        while True:
            found = self._header() if self._wanted is None else self._body(self._wanted)
            if found is None:
                return
            if found:
                yield from found

    def _header(self) -> list[Incoming] | None:
        """None if the header is not there yet."""
        end = END_OF_HEADER.search(self._buffer)
        if end is None:
            return self._cut()
        lengths = LENGTH.findall(self._buffer, 0, end.start())
        del self._buffer[: end.end()]
        if not lengths:
            return self._rubbish("a header without a proper Content-Length")
        if int(lengths[-1]) > LARGEST:
            return self._rubbish(f"a message of {int(lengths[-1])} bytes, and {LARGEST} are the most")
        self._wanted, self._lost = int(lengths[-1]), False
        return []

    def _cut(self) -> list[Incoming] | None:
        """Forget a header that never ends, all but what may be the beginning of the next."""
        if len(self._buffer) <= LONGEST_HEADER:
            return None
        del self._buffer[:-LONGEST_LINE]
        return self._rubbish("a header that does not end")

    def _rubbish(self, reason: str) -> list[Incoming]:
        told, self._lost = self._lost, True
        return [] if told else [Garbled(reason)]

    def _body(self, length: int) -> list[Incoming] | None:
        """None if the body is not complete yet."""
        if len(self._buffer) < length:
            return None
        self._wanted = None
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        try:
            return [Message(json.loads(body))]
        except (ValueError, RecursionError) as error:
            self._put_back(body)
            return [Garbled(f"no JSON: {error}")]

    def _put_back(self, body: bytes) -> None:
        """If the length was too large, the body ran into the next message, which must not be lost."""
        line = LENGTH_LINE.search(body + bytes(self._buffer[:LONGEST_LINE]))
        if line is not None and line.start() < len(body):
            self._buffer[:0] = body[line.start() :]
