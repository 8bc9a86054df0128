"""The part of OpenAI's HTTP interface that flowmill speaks, in front of `Batches`: loopback, one key."""

from __future__ import annotations

import hmac
import json
import queue
import select
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from flowmill.model.embedded.batches import Answer, Batches, Ended, Wanted

LOOK = 0.1
"""Seconds between two looks whether the client is still there."""
TOP = 0.95


class Api(ThreadingHTTPServer):
    """Serves one model under one name; `width` is how many answers it is worth asking for at once."""

    daemon_threads = True

    def __init__(self, port: int, batches: Batches, name: str, key: str, context: int, width: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.batches = batches
        self.name = name
        self.key = key
        self.context = context
        self.width = width

    @property
    def listening_address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is none of our concern."""


class _Handler(BaseHTTPRequestHandler):
    """One request per connection."""

    protocol_version = "HTTP/1.1"

    @property
    def _api(self) -> Api:
        return cast(Api, self.server)

    def do_GET(self) -> None:
        if self.path == "/health":
            self._json(200, {"status": "ok"})
        elif self._allowed():
            self._get()

    def _get(self) -> None:
        api = self._api
        if self.path == "/props":
            settings = {"n_ctx": api.context}
            self._json(200, {"default_generation_settings": settings, "width": api.width})
        elif self.path == "/slots":
            busy = api.batches.busy
            self._json(200, [{"id": n, "is_processing": n < busy} for n in range(max(busy, api.width))])
        elif self.path == "/v1/models":
            self._json(200, {"object": "list", "data": [{"id": api.name, "object": "model"}]})
        else:
            self._refuse(404, f"no such address: {self.path}")

    def do_POST(self) -> None:
        if not self._allowed():
            return
        kind = _KINDS.get(self.path)
        if kind is None:
            self._refuse(404, f"no such address: {self.path}")
            return
        try:
            body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            wanted = _wanted(body, kind.text(body))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            self._refuse(400, f"not a {kind.words}: {error}")
            return
        answer = self._api.batches.ask(wanted)
        try:
            self._stream(answer, kind) if body.get("stream") else self._whole(answer, kind)
        finally:
            answer.cancelled.set()

    def _allowed(self) -> bool:
        given = self.headers.get("Authorization", "")
        if hmac.compare_digest(given.encode(), f"Bearer {self._api.key}".encode()):
            return True
        self._refuse(401, "Invalid API Key")
        return False

    def _stream(self, answer: Answer, kind: _Kind) -> None:
        begun = False
        for piece in self._pieces(answer):
            if isinstance(piece, Ended) and piece.failure and not begun:
                self._refuse(400, piece.failure)
                return
            if not begun:
                begun = True
                self._head(200, "text/event-stream")
            for chunk in _chunks(piece, kind):
                self._write(b"data: " + json.dumps(self._named(chunk, kind.chunk)).encode() + b"\n\n")
        self._write(b"data: [DONE]\n\n")

    def _whole(self, answer: Answer, kind: _Kind) -> None:
        text = ""
        for piece in self._pieces(answer):
            if isinstance(piece, str):
                text += piece
            elif piece.failure:
                self._refuse(400, piece.failure)
            else:
                choice = {"index": 0, "finish_reason": piece.finish} | kind.whole_text(text)
                body = {"choices": [choice], "usage": _usage(piece)}
                self._json(200, self._named(body, kind.whole))

    def _pieces(self, answer: Answer) -> Iterator[str | Ended]:
        """What is heard of the answer, up to its end; ends early once the client has gone."""
        while True:
            try:
                piece = answer.heard.get(timeout=LOOK)
            except queue.Empty:
                if self._gone():
                    return
                continue
            yield piece
            if isinstance(piece, Ended):
                return

    def _gone(self) -> bool:
        connection = cast(socket.socket, self.connection)
        if not select.select([connection], [], [], 0)[0]:
            return False
        try:
            return connection.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True

    def _named(self, body: dict[str, Any], kind: str) -> dict[str, Any]:
        return {"id": "chatcmpl-embedded", "object": kind, "created": 0, "model": self._api.name} | body

    def _json(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self._head(status, "application/json", len(data))
        self._write(data)

    def _refuse(self, status: int, words: str) -> None:
        self._json(status, {"error": {"code": status, "message": words, "type": "invalid_request_error"}})

    def _head(self, status: int, kind: str, length: int | None = None) -> None:
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _write(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """The log is for what goes wrong."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What differs between a chat and a plain completion: names, what the model goes on with, where its words stand."""

    words: str
    chunk: str
    whole: str
    text: Callable[[dict[str, Any]], str]
    part: Callable[[str], dict[str, Any]]
    whole_text: Callable[[str], dict[str, Any]]


_KINDS = {
    "/v1/chat/completions": _Kind(
        "chat completion",
        "chat.completion.chunk",
        "chat.completion",
        lambda body: chat_text([(str(m["role"]), _content(m["content"])) for m in body["messages"]]),
        lambda text: {"delta": {"content": text} if text else {}},
        lambda text: {"message": {"role": "assistant", "content": text}},
    ),
    "/v1/completions": _Kind(
        "completion",
        "text_completion",
        "text_completion",
        lambda body: str(body["prompt"]),
        lambda text: {"text": text},
        lambda text: {"text": text},
    ),
}


def _wanted(body: dict[str, Any], text: str) -> Wanted:
    """Raises what reading rubbish raises."""
    stop = body.get("stop") or ()
    return Wanted(
        text=text,
        max_tokens=int(body.get("max_tokens") or body.get("max_completion_tokens") or 1024),
        temperature=float(body.get("temperature") or 0.0),
        top_p=float(body.get("top_p") or TOP),
        seed=int(body.get("seed") or 0) % 2**31,
        stop=(stop,) if isinstance(stop, str) else tuple(str(text) for text in stop),
    )


def _content(content: Any) -> str:
    return content if isinstance(content, str) else "".join(str(part["text"]) for part in content)


def chat_text(messages: list[tuple[str, str]]) -> str:
    """ChatML, as Qwen's models know it; an assistant's message at the end is gone on with."""
    last = messages.pop()[1] if messages and messages[-1][0] == "assistant" else ""
    turns = [f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in messages]
    return "".join(turns) + f"<|im_start|>assistant\n{last}"


def _chunks(piece: str | Ended, kind: _Kind) -> Iterator[dict[str, Any]]:
    if isinstance(piece, str):
        yield {"choices": [{"index": 0, "finish_reason": None} | kind.part(piece)]}
    else:
        reason = "error" if piece.failure else piece.finish
        yield {"choices": [{"index": 0, "finish_reason": reason} | kind.part("")]}
        yield {"choices": [], "usage": _usage(piece)}


def _usage(end: Ended) -> dict[str, Any]:
    return {
        "prompt_tokens": end.prompt,
        "completion_tokens": end.completion,
        "total_tokens": end.prompt + end.completion,
        "prompt_tokens_details": {"cached_tokens": end.cached},
    }
