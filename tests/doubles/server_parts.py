"""Parts of a server that tests put together: what a client can show, and what a run would change."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from lsprotocol import types

from flowmill_server.app import create_server
from flowmill_server.protocol import FlowProtocol
from flowmill_server.text.document import Document
from flowmill_server.wire import frames

CLIENTS = Path(__file__).resolve().parents[1] / "server" / "clients"


@dataclass(frozen=True)
class Abilities:
    """A client that shows everything, unless told otherwise."""

    action_literals: bool = True
    disabled_actions: bool = True
    preferred_actions: bool = True
    llm_tag: bool = True
    document_changes: bool = True


@dataclass(frozen=True)
class WaitingChange:
    """The edits of a run that lies ready."""

    edits: list[types.TextEdit] = field(default_factory=lambda: [text_edit("new")])
    version: int | None = 7
    passed: int = 9
    total: int = 9
    verified: bool = True
    reason: str = ""
    pending: bool = False


def text_edit(text: str) -> types.TextEdit:
    place = types.Position(3, 0)
    return types.TextEdit(types.Range(place, place), text)


class Desk:
    """The whole server in this process, without pipes: messages go in as values and answers come back.

    `client` is one of the recorded profiles in `tests/server/clients`, `root` the workspace folder.
    """

    def __init__(self, root: Path, client: str = "vscode") -> None:
        self.server = create_server()
        self.root = root
        self._protocol = cast("FlowProtocol", self.server.protocol)
        self._client = json.loads((CLIENTS / f"{client}.json").read_text())
        self._answers: dict[int, asyncio.Future[Any]] = {}

    async def __aenter__(self) -> Desk:
        self._protocol.attach(self._came, lambda code, reason: None)
        folders = [{"uri": self.root.as_uri(), "name": "work"}]
        capabilities = {"capabilities": self._client["capabilities"], "processId": None}
        await self.ask(
            "initialize", {**capabilities, "rootUri": self.root.as_uri(), "workspaceFolders": folders}
        )
        self.tell("initialized", {})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.ask("shutdown", None)

    def open(self, uri: str, text: str, language: str = "python") -> Document:
        item = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": item})
        document = self.server.documents.get(uri)
        assert document is not None
        return document

    async def actions(self, uri: str, line: int, *only: str) -> list[dict[str, Any]]:
        """The code actions at a 0-based line."""
        place = {"line": line, "character": 0}
        nothing: list[object] = []
        context = {"diagnostics": nothing, "only": list(only)} if only else {"diagnostics": nothing}
        extent = {"start": place, "end": place}
        document = {"uri": uri}
        return await self.ask(
            "textDocument/codeAction", {"textDocument": document, "range": extent, "context": context}
        )

    def tell(self, method: str, params: object) -> None:
        self._receive({"method": method, "params": params})

    async def ask(self, method: str, params: object) -> Any:
        number = len(self._answers) + 1
        self._answers[number] = asyncio.get_running_loop().create_future()
        self._receive({"id": number, "method": method, "params": params})
        return await asyncio.wait_for(self._answers[number], 20)

    def _receive(self, message: dict[str, Any]) -> None:
        self._protocol.receive(frames.Message({"jsonrpc": "2.0", **message}))

    def _came(self, frame: bytes) -> None:
        """Note an answer; a request of the server gets nothing, as often as it asks for something."""
        message = json.loads(frame.partition(b"\r\n\r\n")[2])
        if "method" in message and "id" in message:
            params = cast("dict[str, list[object]]", message.get("params") or {})
            nothing = [None] * len(params["items"]) if "items" in params else None
            asyncio.get_running_loop().call_soon(self._receive, {"id": message["id"], "result": nothing})
        elif "id" in message:
            self._answers[message["id"]].set_result(message.get("result", message.get("error")))
