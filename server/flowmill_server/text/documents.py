"""The documents that are open in the editor."""

from __future__ import annotations

import asyncio
import codecs
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Protocol

from lsprotocol import types

from flowmill.errors import TargetError
from flowmill.source.text import SourceFile
from flowmill_server.text.document import Document
from flowmill_server.text.positions import Encoding
from flowmill_server.text.uris import path_of

logger = logging.getLogger(__name__)

REST_SECONDS = 0.3
"""How long the typing rests before a document is read again as a whole."""
READY_SECONDS = 1.0
"""The longest that a question waits for a document that was just opened."""


class Listener(Protocol):
    """Hears what the editor does to documents, after it was done."""

    def opened(self, document: Document) -> None: ...

    def changed(self, document: Document) -> None: ...

    def saved(self, document: Document) -> None: ...

    def closed(self, document: Document) -> None: ...


class Speaker(Protocol):
    """The part of the client that documents need: what its columns count."""

    @property
    def encoding(self) -> Encoding: ...


class Documents:
    """Keeps every open document as the editor has it, and its outline up to date."""

    def __init__(self, client: Speaker, *, rest_seconds: float = REST_SECONDS) -> None:
        self._client = client
        self._rest_seconds = rest_seconds
        self._open: dict[str, Document] = {}
        self._listeners: list[Listener] = []
        self._work: dict[str, asyncio.Task[None]] = {}
        """Readings of documents' lines."""
        self._looks: dict[str, asyncio.Task[None]] = {}
        """Looks at what only the disk tells."""
        self._timers: dict[str, asyncio.TimerHandle] = {}

    # -------------------------------------------------------------- questions
    def get(self, uri: str) -> Document | None:
        """The open document of that address, however it is spelled."""
        found = self._open.get(uri)
        if found is not None:
            return found
        path = path_of(uri)
        return self.by_path(path) if path is not None else None

    def all(self) -> list[Document]:
        return list(self._open.values())

    def by_path(self, path: Path) -> Document | None:
        """The open document of that file, also if the editor reached it over a symbolic link."""
        everything = self._open.values()
        exact = next((document for document in everything if document.path == path), None)
        return exact or next((document for document in everything if document.real_path == path), None)

    def buffers(self) -> dict[Path, bytes]:
        """What every open file would hold if it were saved now, under each of its names."""
        found: dict[Path, bytes] = {}
        for document in self._open.values():
            if document.path is not None:
                data = document.encoded()
                found[document.path] = data
                found[document.real_path or document.path] = data
        return found

    def load(self, uri: str) -> Document:
        """A file that the editor does not have open, as it is on disk. Raises `TargetError`."""
        path = path_of(uri)
        if path is None:
            raise TargetError(f"{uri} is not open, and it is no file")
        file = SourceFile.read(path)
        document = Document(uri, "python", 0, file.text, encoding=self._client.encoding)
        document.bom = file.data.startswith(codecs.BOM_UTF8)
        return document

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    async def ready(self, document: Document) -> None:
        """Wait until a document that was just opened is read, a second at most."""
        work = self._work.get(document.uri)
        if work is not None:
            await asyncio.wait({work}, timeout=READY_SECONDS)

    # -------------------------------------------------------------- what the editor does
    def open(self, item: types.TextDocumentItem) -> Document:
        self._let_go(item.uri)
        document = Document(
            item.uri, str(item.language_id), item.version, item.text, encoding=self._client.encoding
        )
        self._open[item.uri] = document
        self._begin(self._work, item.uri, document.outline.settle)
        self._begin(self._looks, item.uri, partial(_look_at_disk, document))
        self._tell(lambda listener: listener.opened(document))
        return document

    def change(self, params: types.DidChangeTextDocumentParams) -> None:
        document = self._open.get(params.text_document.uri)
        if document is None:
            logger.debug("a change of a document that is not open: %s", params.text_document.uri)
            return
        document.change(params.text_document.version, params.content_changes)
        if not document.outline.settled:
            self._settle_later(document)
        self._tell(lambda listener: listener.changed(document))

    def save(self, uri: str) -> None:
        document = self._open.get(uri)
        if document is not None:
            self._tell(lambda listener: listener.saved(document))

    def close(self, uri: str) -> None:
        document = self._open.pop(uri, None)
        self._let_go(uri)
        if document is not None:
            self._tell(lambda listener: listener.closed(document))

    def stop(self) -> None:
        """End all reading; documents stay known."""
        for uri in list(self._open):
            self._let_go(uri)

    # -------------------------------------------------------------- reading beside the protocol
    def _settle_later(self, document: Document) -> None:
        loop = _loop()
        if loop is None:
            return
        timer = self._timers.pop(document.uri, None)
        if timer is not None:
            timer.cancel()
        self._timers[document.uri] = loop.call_later(
            self._rest_seconds, self._begin, self._work, document.uri, document.outline.settle
        )

    def _begin(
        self,
        tasks: dict[str, asyncio.Task[None]],
        uri: str,
        work: Callable[[], Coroutine[None, None, None]],
    ) -> None:
        """Start work on a document in place of the like; without a loop the first question reads the lines."""
        loop = _loop()
        if loop is None:
            return
        old = tasks.pop(uri, None)
        if old is not None:
            old.cancel()
        tasks[uri] = task = loop.create_task(work())
        task.add_done_callback(lambda done: self._over(tasks, uri, done))

    def _over(self, tasks: dict[str, asyncio.Task[None]], uri: str, task: asyncio.Task[None]) -> None:
        if tasks.get(uri) is task:
            del tasks[uri]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s could not be read", uri, exc_info=error)

    def _let_go(self, uri: str) -> None:
        timer = self._timers.pop(uri, None)
        if timer is not None:
            timer.cancel()
        for tasks in (self._work, self._looks):
            task = tasks.pop(uri, None)
            if task is not None:
                task.cancel()

    def _tell(self, tell: Callable[[Listener], None]) -> None:
        """One listener's fault must not keep the others from hearing."""
        for listener in self._listeners:
            try:
                tell(listener)
            except Exception:  # one listener must not keep the news from the others
                logger.exception("news of a document could not be taken in")


async def _look_at_disk(document: Document) -> None:
    if document.path is not None:
        document.bom, document.real_path = await asyncio.to_thread(_look_at, document.path)


def _look_at(path: Path) -> tuple[bool, Path]:
    """Whether the file begins with a byte order mark, and its path without symbolic links."""
    try:
        with path.open("rb") as file:
            bom = file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
        return bom, path.resolve()
    except (OSError, RuntimeError):
        return False, path


def _loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
