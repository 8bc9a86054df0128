"""Messages that no editor should send, made from those that editors do send, by a seed."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any, cast

from lsprotocol import types

from doubles.lsp import frame

NEVER = (types.EXIT, types.SHUTDOWN, types.INITIALIZE)
METHODS = sorted(
    method
    for method in types.METHOD_TO_TYPES
    if types.message_direction(method) in ("clientToServer", "both")
)
COMMANDS = ("generate", "repair", "accept", "discard", "cancel", "showDiff", "runs", "", "x" * 300)
URIS = (
    "untitled:a",
    "untitled:b",
    "untitled:c",
    "http://x/y.py",
    "",
    "\ud800",
    "file:",
    "flow:/run/x/log.md",
)
TEXT = "import os\n\n\ndef f(x):\n    '''😀'''\n    return x\r\n\x0c\u2028\ndef g(:\n  pass\n"
ODD_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2**31, 2**63, -(2**70), 1.5, 1e300, "", "x", "\ud83d", "a\x00b", [], {}, [[]], [None],
    {"": {}}, {"uri": 3}, {"line": -1, "character": 2**40}, "flowmill", ["x"] * 50, {"a": {"b": {"c": {}}}},
)  # fmt: skip
HEADERS = (
    "Content-Length: {}\r\n\r\n",
    "content-length: {}\r\nContent-Type: utf-16\r\n\r\n",
    "Content-Length: -{}\r\n\r\n",
    "Content-Length: 99999999{}\r\n\r\n",
    "Content-Length: x\r\n\r\n",
    "Content-Length: {}\n\n",
    "\r\n\r\n",
    "Content-Length: {}",
)


class Nonsense:
    """`frames` are the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._sent: list[bytes] = []

    def frames(self, count: int) -> Iterator[bytes]:
        for _ in range(count):
            kind = self._chance.random()
            if kind < 0.10 and self._sent:
                yield self._chance.choice(self._sent)  # again, or later than it should be
            elif kind < 0.20:
                yield self._broken()
            else:
                yield self._kept(frame(json.dumps(self._message()).encode()))

    def _kept(self, data: bytes) -> bytes:
        if len(self._sent) < 200:
            self._sent.append(data)
        return data

    def _broken(self) -> bytes:
        body = bytearray(json.dumps(self._message()).encode())
        way = self._chance.randrange(4)
        if way == 0:
            for _ in range(self._chance.randint(1, 9)):
                body[self._chance.randrange(len(body))] = self._chance.randrange(256)
        if way == 1:
            return frame(bytes(body), self._chance.choice(HEADERS))
        if way == 2:
            del body[self._chance.randrange(len(body)) :]
        if way == 3:
            length = max(0, len(body) + self._chance.randint(-20, 60))
            return b"Content-Length: %d\r\n\r\n%b" % (length, body)
        return frame(bytes(body))

    def _message(self) -> Any:
        kind = self._chance.random()
        if kind < 0.05:
            return self._any()
        message: dict[str, Any] = {"jsonrpc": "2.0"}
        if kind < 0.15:
            message |= {"id": self._id(), self._chance.choice(["result", "error"]): self._any()}
        elif kind < 0.20:
            message |= {"method": "$/cancelRequest", "params": {"id": self._id()}}
        elif kind < 0.30:
            command = f"flow.{self._chance.choice(COMMANDS)}"
            given = {
                "command": command,
                "arguments": [self._params() for _ in range(self._chance.randrange(3))],
            }
            message |= {"id": self._id(), "method": "workspace/executeCommand", "params": given}
        else:
            message |= self._call()
        if self._chance.random() < 0.1:
            message[self._chance.choice([*message, "extra"])] = self._any()
        return message if message.get("method") not in NEVER else {}

    def _call(self) -> dict[str, Any]:
        method = self._chance.choice([*METHODS, "flow/run", "$/x", "textDocument/x"])
        if self._chance.random() < 0.4:
            method = f"textDocument/{self._chance.choice(['didOpen', 'didChange', 'didClose', 'codeAction'])}"
        asks = "did" not in method or self._chance.random() < 0.1
        return {"method": method, "params": self._params()} | ({"id": self._id()} if asks else {})

    def _params(self) -> Any:
        """Mostly of the right form, with one wrong value now and then."""
        uri = self._chance.choice(URIS)
        params: dict[str, Any] = {
            "textDocument": {
                "uri": uri,
                "version": self._chance.randint(-3, 50),
                "languageId": "python",
                "text": TEXT,
            },
            "range": self._range(),
            "position": self._position(),
            "context": {"diagnostics": [], "triggerKind": 1},
            "contentChanges": [{"range": self._range(), "text": "é\n"}, {"text": TEXT}][
                : self._chance.randrange(3)
            ],
            "uri": uri,
            "qualname": "f",
            "mode": "repair",
            "run": "x",
        }
        while self._chance.random() < 0.4:
            table = self._chance.choice(
                [params, params["textDocument"]] if "textDocument" in params else [params]
            )
            if isinstance(table, dict) and table:
                self._spoil(cast("dict[str, Any]", table))
                params.setdefault("textDocument", {})
        return params if self._chance.random() < 0.9 else self._any()

    def _spoil(self, table: dict[str, Any]) -> None:
        table[self._chance.choice([*table])] = self._any()

    def _range(self) -> Any:
        return {"start": self._position(), "end": self._position()}

    def _position(self) -> Any:
        return {"line": self._chance.randint(-1, 12), "character": self._chance.randint(-1, 12)}

    def _id(self) -> Any:
        return self._chance.choice([self._any(), self._chance.randrange(40), "a", "b"])

    def _any(self) -> Any:
        return copy.deepcopy(self._chance.choice(ODD_VALUES))
