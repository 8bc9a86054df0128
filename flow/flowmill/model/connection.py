"""One HTTP connection pool to one OpenAI-compatible endpoint, through the `openai` package."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

from openai import AsyncOpenAI, AsyncStream, DefaultAsyncHttpxClient, Omit, Timeout

from flowmill.model import faults
from flowmill.model.faults import Place
from flowmill.model.loose import mapping
from flowmill.model.redact import redactor, shown, url_secrets

_Got = TypeVar("_Got")
_LONGEST_BODY = 4_000_000
"""Bytes of an answer that does not come as a stream; more is no completion."""


def place_of(base_url: str, api_key: str, model: str) -> Place:
    return Place(shown(base_url), model, bool(api_key), redactor((api_key, *url_secrets(base_url))))


@dataclass(frozen=True, slots=True)
class Connection:
    """Asks one endpoint and returns plain JSON values, nothing validated."""

    client: AsyncOpenAI = field(repr=False)
    headers: Mapping[str, str | Omit]

    async def open_stream(self, body: dict[str, object]) -> AsyncStream[object]:
        """Ask for a streamed chat completion, or for a plain one if the body has a `prompt`."""
        return await self.client.post(
            "/completions" if "prompt" in body else "/chat/completions",
            body=body,
            cast_to=object,
            options={"headers": self.headers},
            stream=True,
            stream_cls=AsyncStream[object],
        )

    async def get(self, path: str) -> object:
        return await self.client.get(path, cast_to=object, options={"headers": self.headers})

    async def post(self, path: str, body: dict[str, object]) -> object:
        return await self.client.post(path, cast_to=object, body=body, options={"headers": self.headers})

    async def aclose(self) -> None:
        await self.client.close()


def connect(base_url: str, api_key: str, connect_seconds: float) -> Connection:
    """A connection that retries nothing, follows no redirect (it would carry the user's code elsewhere),
    asks no proxy for this machine itself, and tells only OpenAI the user's OpenAI organisation."""
    host = urlsplit(base_url).hostname or ""
    omitted: dict[str, str | Omit] = {}
    if not api_key:
        omitted["Authorization"] = Omit()
    if host != "api.openai.com":
        omitted |= {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()}
    timeout = Timeout(None, connect=connect_seconds, write=60.0)
    http = DefaultAsyncHttpxClient(timeout=timeout, follow_redirects=False, trust_env=not is_loopback(host))
    # The package would take an empty key for none, and the user's key for OpenAI instead.
    client = AsyncOpenAI(
        api_key=api_key or "none", base_url=base_url, max_retries=0, timeout=timeout, http_client=http
    )
    return Connection(client, omitted)


def is_loopback(host: str) -> bool:
    """Is it this machine? No proxy is asked for it, whatever the environment says."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def whole_answer(stream: AsyncStream[object], place: Place) -> object | None:
    """The JSON of a server that answered at once instead of streaming; None if it does stream.

    Raises `Fault` for a web page, an error object, or what is no JSON at all.
    """
    kind = stream.response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/json", "text/html", "application/xhtml+xml", "application/xml"):
        return None
    content = bytearray()
    async for piece in stream.response.aiter_bytes():
        content += piece
        if len(content) > _LONGEST_BODY:
            raise faults.garbled(place)
    text = content.decode("utf-8", "replace")
    if faults.is_page(text):
        raise faults.of_status(200, text, place)
    try:
        answer: object = json.loads(text)
    except ValueError:
        raise faults.garbled(place) from None
    if mapping(answer).get("error"):
        raise faults.of_error_object(answer, place)
    return answer


class TooSlow(Exception):
    """Nothing came within the time given."""


async def within(seconds: float, work: Coroutine[object, object, _Got]) -> _Got:
    """The result of the work, or `TooSlow`, with the work cancelled and finished in either case.

    `asyncio.wait_for` of Python 3.10 and 3.11 can swallow a cancellation that comes
    together with the result; this never does.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # Seen here, since nobody asks for it if we are being cancelled.
    if task.cancelled():
        raise TooSlow
    return task.result()
