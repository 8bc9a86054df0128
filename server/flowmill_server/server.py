"""The server and its parts: who hears of what. The parts know each other only through what they are given here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from pygls.lsp.server import LanguageServer

from flowmill import __version__
from flowmill_server.client import Client
from flowmill_server.configuration import Configuration
from flowmill_server.engine.host import Engine
from flowmill_server.engine.messages import Place
from flowmill_server.outcomes.outcomes import Outcomes
from flowmill_server.outcomes.roots import Roots
from flowmill_server.preview.previews import Previews
from flowmill_server.protocol import FlowProtocol
from flowmill_server.runs.table import Runs
from flowmill_server.show.showing import Showing
from flowmill_server.text.document import Document
from flowmill_server.text.documents import Documents
from flowmill_server.workspace import Folders

logger = logging.getLogger(__name__)

Command = Callable[[Any, "list[object]"], object]
"""Gets the server and the arguments of `workspace/executeCommand`; raises `FlowmillError` for bad ones."""


class FlowServer(LanguageServer):
    """One editor's server. Everything here runs on one event loop and returns at once."""

    def __init__(self) -> None:
        super().__init__("flowmill", __version__, protocol_cls=FlowProtocol)  # pyright: ignore[reportUnknownMemberType]
        self.commands: dict[str, Command] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closers: list[Callable[[], Awaitable[None]]] = []
        self.client = Client(self.protocol)
        self.folders = Folders()
        self.documents = Documents(self.client)
        self.configuration = Configuration(self.client, self.folders, self.spawn)
        self.engine = Engine()
        self.runs = Runs(self.engine, self)
        self.previews = Previews(self.client, self.documents, self.runs, self.spawn)
        self.outcomes = Outcomes(self.client, self.documents, Roots(self._project, self.folders.root_of))
        # What is known of a run comes before what is shown of it.
        self.runs.listen(self.outcomes)
        self.runs.listen(self.previews)
        self.showing = Showing(self.client, self.runs, self.previews, self.outcomes.publish_hint, self.spawn)
        self.on_close(self.showing.close)
        self.settled = False
        """Whether the editor has told its settings, or had its time to."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something go on beside the handler; what breaks it is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("work beside a handler broke", exc_info=error)

    def on_close(self, closer: Callable[[], Awaitable[None]]) -> None:
        """Have something awaited before the server's process ends."""
        self._closers.append(closer)

    async def close(self) -> None:
        """End all work: the engine's process first, since it has the most to end."""
        await self.engine.close()
        for task in self._tasks:
            task.cancel()
        for closer in self._closers:
            try:
                await closer()
            except Exception:  # the other parts are to be closed all the same
                logger.exception("a part of the server could not be closed")

    async def settle(self) -> None:
        """Wait for the editor's settings; runs that were asked for before begin then."""
        await self.configuration.known()
        self.settled = True
        self.runs.start_waiting()

    # -------------------------------------------------------------- what a run takes from the editor
    def open_document(self, uri: str) -> Document | None:
        return self.documents.get(uri)

    def place(self, document: Document) -> Place:
        assert document.path is not None
        buffers = {**self.documents.buffers(), document.path: document.encoded()}
        folder = self.folders.root_of(document.path)
        return Place(self.settings(document.path), self.configuration.trusted, buffers, folder)

    def settings(self, path: Path) -> Mapping[str, object]:
        return self.configuration.editor_settings(path)

    def rejected(self, uri: str, qualname: str) -> tuple[str, ...]:
        return self.previews.rejected(uri, qualname)

    def complain(self, warnings: Sequence[str]) -> None:
        self.configuration.complain(warnings)

    def _project(self, path: Path) -> str | None:
        given = self.settings(path).get("project")
        return given if isinstance(given, str) else None
