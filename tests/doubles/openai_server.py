"""A tiny OpenAI-compatible server on loopback that follows a script; also a process of its own.

In a test:

    async with FakeOpenAI([Reply(("Hello", " world"))]) as server:
        model = OpenAIModel(server.base_url, "key", profile)

As a process, for a real command to talk to (prints its port, ends with its stdin or by SIGTERM):

    python -m doubles.openai_server --script FILE.json

where FILE.json is `{"replies": [{"chunks": ["..."]}, ...], "pages": {"/v1/models": {...}},
"repeat": true}` with the fields of `Reply`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
Ending = Literal["done", "no_done", "cut", "break", "stall"]
"""After the chunks: `[DONE]`; a clean end without it; without even a finish reason; the connection is
dropped in the middle; or nothing, until the client goes."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answers to one chat completion: a stream of chunks, or a plain body.

    `delay` seconds pass before each chunk. A reply with `when` answers only a request
    whose messages contain that text. With `raw`, that JSON goes over the stream as it
    is, in place of chunks. `gate`, set by the test, lets the stream go on after its
    first chunk.
    """

    chunks: Sequence[str] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: str | None = None
    content_type: str = "application/json"
    finish: str | None = "stop"
    usage: JsonObject | None = None
    usage_sent: bool = True
    delay: float = 0.0
    ending: Ending = "done"
    when: str = ""
    raw: Sequence[JsonObject] = ()
    gate: asyncio.Event | None = None


def error(status: int, message: str, headers: Mapping[str, str] | None = None, **fields: object) -> Reply:
    """OpenAI's form of an error."""
    body = json.dumps({"error": {"message": message, **fields}})
    return Reply(status=status, body=body, headers=headers or {})


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    json: JsonObject

    @property
    def text(self) -> str:
        """All its messages."""
        return "\n".join(str(message["content"]) for message in self.json.get("messages", []))


Answering: TypeAlias = "Reply | Callable[[Request], Reply]"


class FakeOpenAI:
    """Answers chat completions by the script, and other paths by `pages` (404 if they have none)."""

    def __init__(
        self,
        replies: Sequence[Answering] = (),
        *,
        pages: Mapping[str, object] | None = None,
        repeat: bool = False,
    ) -> None:
        self._left = list(replies)
        self._repeat = repeat
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[object]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.pages = dict(pages or {})
        self.requests: list[Request] = []
        """The chat completions asked for."""
        self.others: list[Request] = []
        self._news = asyncio.Condition()
        self.dropped = asyncio.Event()
        """Set when a client has closed the connection in the middle of a stream."""

    async def __aenter__(self) -> FakeOpenAI:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.gather(*self._tasks)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def asked(self, count: int) -> None:
        """Wait until so many chat completions have been asked for."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.requests) >= count)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while (request := await _read(reader)) is not None:
                if not await self._answer(request, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            self.dropped.set()
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self._writers.discard(writer)

    async def _answer(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Is the connection still good afterwards?"""
        if request.method == "TLS":  # What any plain server answers to it.
            await _send(writer, Reply(status=400))
            return False
        if not request.path.endswith("/chat/completions"):
            self.others.append(request)
            page = self.pages.get(request.path, error(404, "no such page"))
            await _send(writer, page if isinstance(page, Reply) else Reply(body=json.dumps(page)))
            return True
        async with self._news:
            self.requests.append(request)
            self._news.notify_all()
        reply = self._choose(request)
        if reply.body is not None:
            await _send(writer, reply)
            return True
        return await self._stream(request, reply, reader, writer)

    def _choose(self, request: Request) -> Reply:
        for place, item in enumerate(self._left):
            reply = item(request) if callable(item) else item
            if reply.when in request.text:
                if not (self._repeat and place == len(self._left) - 1):
                    del self._left[place]
                return reply
        return error(500, "the script of the fake server has no reply left", code="exhausted")

    async def _stream(
        self, request: Request, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        headers = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked", **reply.headers}
        _head(writer, reply.status, headers)
        gone = asyncio.ensure_future(reader.read(1))  # No client sends anything while it listens.
        sending = asyncio.ensure_future(_send_events(writer, _events(request, reply), reply))
        await asyncio.wait({gone, sending}, return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            self.dropped.set()
        for task in (gone, sending):
            task.cancel()
        await asyncio.gather(gone, sending, return_exceptions=True)
        if reply.ending == "break":
            writer.transport.abort()
        return False


def _events(request: Request, reply: Reply) -> list[str]:
    base = {"id": "chatcmpl-0", "object": "chat.completion.chunk", "model": request.json.get("model")}
    events = [{**base, "choices": [_choice({"content": chunk})]} for chunk in reply.chunks]
    events += list(reply.raw)
    if reply.ending in ("done", "no_done"):
        if reply.finish is not None:
            events.append({**base, "choices": [_choice({}, reply.finish)]})
        if reply.usage_sent and request.json.get("stream_options", {}).get("include_usage"):
            events.append({**base, "choices": [], "usage": reply.usage or _usage(request, reply)})
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    return [*lines, "data: [DONE]\n\n"] if reply.ending == "done" else lines


def _choice(delta: JsonObject, finish: str | None = None) -> JsonObject:
    return {"index": 0, "delta": delta, "finish_reason": finish}


def _usage(request: Request, reply: Reply) -> JsonObject:
    prompt, completion = len(request.text.split()), len("".join(reply.chunks).split())
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


async def _send_events(writer: asyncio.StreamWriter, events: Sequence[str], reply: Reply) -> None:
    for number, event in enumerate(events):
        if reply.gate is not None and number == 1:
            await reply.gate.wait()
        if reply.delay:
            await asyncio.sleep(reply.delay)
        data = event.encode()
        writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        await writer.drain()
    if reply.ending == "stall":
        await asyncio.Event().wait()
    if reply.ending != "break":
        writer.write(b"0\r\n\r\n")
        await writer.drain()


async def _send(writer: asyncio.StreamWriter, reply: Reply) -> None:
    body = (reply.body or "").encode()
    _head(
        writer,
        reply.status,
        {"Content-Type": reply.content_type, "Content-Length": str(len(body)), **reply.headers},
    )
    writer.write(body)
    await writer.drain()


def _head(writer: asyncio.StreamWriter, status: int, headers: Mapping[str, str]) -> None:
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())


async def _read(reader: asyncio.StreamReader) -> Request | None:
    """The next request, None when the client has gone."""
    try:
        first = await reader.readexactly(1)
        if first == b"\x16":
            return Request("TLS", "", {}, {})
        head = first + await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    start, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = start.split(" ", 2)
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path.partition("?")[0], headers, json.loads(body) if body else {})


async def _run(script: JsonObject) -> None:
    replies = [Reply(**reply) for reply in script.get("replies", [])]
    async with FakeOpenAI(
        replies, pages=script.get("pages"), repeat=bool(script.get("repeat", False))
    ) as server:
        print(server.port, flush=True)
        # Whoever started us holds the other end of stdin: when it dies, so do we.
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def main() -> None:
    parser = argparse.ArgumentParser(description="An OpenAI-compatible server that follows a script.")
    parser.add_argument("--script", type=Path, required=True)
    asyncio.run(_run(json.loads(parser.parse_args().script.read_text("utf-8"))))


if __name__ == "__main__":
    main()
