"""On save, the tests that the file may have broken: one test run at a time in each project."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from flowmill_server.outcomes.asking import Asking
from flowmill_server.outcomes.auto import AutoRepair
from flowmill_server.outcomes.blaming import Blaming
from flowmill_server.outcomes.quiet import Quiet
from flowmill_server.outcomes.roots import Roots
from flowmill_server.text.document import Document

logger = logging.getLogger(__name__)

Batch = dict[Path, set[str]]
"""Saved files, each with its functions that changed since they were last looked at."""


class Documents(Protocol):
    def all(self) -> list[Document]: ...
    def by_path(self, path: Path) -> Document | None: ...


@dataclass(slots=True)
class _Queue:
    """What waits in one project, and what is going on in it."""

    waiting: Batch = field(default_factory=Batch)
    now: Batch = field(default_factory=Batch)
    worker: asyncio.Task[None] | None = None
    testing: asyncio.Task[None] | None = None


@dataclass(frozen=True, slots=True)
class Means:
    """What a test run on save goes through, in order."""

    asking: Asking
    roots: Roots
    quiet: Quiet
    blaming: Blaming
    auto: AutoRepair


class Watch:
    """Listens to the documents. What waits is joined to one batch, which the next test run takes as it is then."""

    def __init__(self, documents: Documents, means: Means) -> None:
        self._documents = documents
        self._means = means
        self._seen: dict[str, dict[str, str]] = {}
        """By address, each function's digest when the file was last looked at."""
        self._queues: dict[Path, _Queue] = {}
        self._entering: set[asyncio.Task[None]] = set()

    # -------------------------------------------------------------- documents
    def opened(self, document: Document) -> None:
        self._begin(self._meet(document))

    def changed(self, document: Document) -> None:
        pass

    def saved(self, document: Document) -> None:
        """Have the tests run that this may have broken, if the user wants that."""
        self._begin(self._enter(document))

    def closed(self, document: Document) -> None:
        """Nobody waits for its tests any more."""
        self._seen.pop(document.uri, None)
        for queue in self._queues.values():
            if document.path is not None:
                queue.waiting.pop(document.path, None)
            if queue.testing is not None and set(queue.now) == {document.path}:
                queue.testing.cancel()

    async def aclose(self) -> None:
        """End every test run."""
        workers = [queue.worker for queue in self._queues.values() if queue.worker is not None]
        tasks = [*self._entering, *workers]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # -------------------------------------------------------------- queues
    def _look(self, document: Document) -> set[str]:
        """The functions that are not as they were at the last look; none if there was no other look."""
        now = {span.qualname.partition("@")[0]: span.digest for span in document.outline.functions}
        before = self._seen.get(document.uri)
        self._seen[document.uri] = now
        return set() if before is None else {name for name in now if before.get(name) != now[name]}

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._entering.add(task)
        task.add_done_callback(self._entered)

    def _entered(self, task: asyncio.Task[None]) -> None:
        self._entering.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a save could not be taken in", exc_info=error)

    async def _meet(self, document: Document) -> None:
        """Remember the functions as they are at first."""
        if await self._means.asking.wanted(document) and document.uri not in self._seen:
            self._look(document)

    async def _enter(self, document: Document) -> None:
        path = document.path
        if path is None or not await self._means.asking.wanted(document):
            return
        root = await self._means.roots.find(path)
        if self._documents.by_path(path) is not document:
            return  # closed in the meantime
        queue = self._queues.setdefault(root, _Queue())
        queue.waiting.setdefault(path, set()).update(self._look(document))
        if queue.worker is None or queue.worker.done():
            queue.worker = asyncio.create_task(self._work(root, queue))

    async def _work(self, root: Path, queue: _Queue) -> None:
        while queue.waiting:
            await self._means.quiet.on(queue.waiting)
            queue.now, queue.waiting = queue.waiting, Batch()
            queue.testing = asyncio.create_task(self._test(root, queue.now))
            try:
                # Not awaited itself: a file that is closed ends its test run, not the queue.
                await asyncio.wait([queue.testing])
            except asyncio.CancelledError:
                queue.testing.cancel()
                await asyncio.wait([queue.testing])
                raise
            if not queue.testing.cancelled() and (error := queue.testing.exception()) is not None:
                logger.error("the tests after a save broke", exc_info=error)

    async def _test(self, root: Path, batch: Batch) -> None:
        means = self._means
        documents = await self._open_of(batch)
        if not documents:
            return
        changed = tuple((path, name) for path in batch for name in sorted(batch[path]))
        spans = {document.uri: document.outline.functions for document in self._documents.all()}
        earlier = means.blaming.earlier(root)
        report = await means.asking.ask(root, documents, changed, earlier)
        if report is not None:
            for path in report.saved:
                means.roots.learn(path, report.root)
            broken = means.blaming.take(report, spans, earlier)
            means.auto.consider(broken, report.saved)

    async def _open_of(self, batch: Batch) -> Sequence[Document]:
        """The batch's documents that are still open and still watched."""
        found = [document for path in batch if (document := self._documents.by_path(path)) is not None]
        return [document for document in found if await self._means.asking.wanted(document)]
