"""What runs and saves have shown of the functions' tests."""

from __future__ import annotations

import asyncio
from pathlib import Path

from flowmill.events import Record, Stage
from flowmill_server.outcomes.failures import Failures, Found, found_in
from flowmill_server.outcomes.known import Documents, Known, Shown, find_unchanged
from flowmill_server.outcomes.roots import Roots
from flowmill_server.runs.job import Job


class Outcomes:
    """Listens to the runs; `known`, which it fills, listens to the documents."""

    def __init__(self, client: Shown, documents: Documents, roots: Roots) -> None:
        self.roots = roots
        self.known = Known(client, documents, roots)
        self._documents = documents
        self._looking: set[asyncio.Task[Path]] = set()

    def failures(self, uri: str, qualname: str) -> Failures | None:
        """The failing tests of the function as it stands; None if none are known."""
        return self.known.at(uri, qualname)

    def publish_hint(self, uri: str, qualname: str, text: str | None) -> None:
        """Show how the run on the function is doing, on its `def` line; None takes that away."""
        self.known.publisher.hint(uri, qualname, text)

    def test_file_changed(self, path: Path) -> None:
        """A test file or a conftest.py changed on disk: what it said is forgotten."""
        self.known.test_file_changed(path)

    # -------------------------------------------------------------- runs
    def began(self, job: Job) -> None:
        """Have the project's place known by the time that a test has failed."""
        task = asyncio.create_task(self.roots.find(job.path))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    def told(self, job: Job, record: Record) -> None:
        event = record.event
        if isinstance(event, Stage) and event.name == "tests" and event.state == "finished":
            self._take(job)

    def ended(self, job: Job) -> None:
        self._take(job)

    def changed(self, job: Job) -> None:
        """An accepted function is another one: a check or the next run will tell of it."""
        entry = self.failures(job.uri, job.qualname)
        # What was said of the new text meanwhile stays.
        if job.state == "accepted" and entry is not None and entry.digest == job.digest:
            self.known.drop(job.uri, job.qualname)

    async def aclose(self) -> None:
        for task in self._looking:
            task.cancel()
        if self._looking:
            await asyncio.wait(self._looking)

    def _take(self, job: Job) -> None:
        document, finished = self._documents.get(job.uri), job.story.finished
        span = find_unchanged(document, job.qualname, job.digest) if document is not None else None
        if document is None or span is None:
            return
        found, earlier = found_in(job.story), self.failures(document.uri, span.qualname)
        if found is None and finished is not None and finished.status != "cancelled":
            # Of what was told while the run worked, nothing counts in the end.
            found = Found() if earlier is not None and earlier.source == job.run else None
        if found is not None:
            self.known.record(document, span, found, job.run)
