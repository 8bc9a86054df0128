"""Repairs that begin by themselves, where the user asked for that. Their results wait like any other's."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from flowmill.events import Record
from flowmill.settings import Settings
from flowmill.shapes import Mode
from flowmill_server.outcomes.blaming import Broken
from flowmill_server.runs.job import Job, Origin
from flowmill_server.text.document import Document
from flowmill_server.text.outline import FunctionSpan

MOST_AT_ONCE = 3
"""Repairs that one save begins, however much it broke."""
MOST_REMEMBERED = 2_000


class Configured(Protocol):
    def settings(self, path: Path) -> Settings: ...


class Runs(Protocol):
    def at(self, uri: str, qualname: str) -> Job | None: ...

    def request(
        self, mode: Mode, document: Document, span: FunctionSpan, *, origin: Origin = "user"
    ) -> Job: ...


class AutoRepair:
    """Listens to the runs: no text of a function is tried again that a run, whoever began it, was tried on."""

    def __init__(self, runs: Runs, configuration: Configured) -> None:
        self._runs = runs
        self._configuration = configuration
        self._tried: dict[tuple[str, str, str], None] = {}

    def consider(self, broken: Iterable[Broken], saved: Iterable[Path]) -> None:
        """Begin repairs of those functions that lie in the saved files."""
        files, begun = set(saved), 0
        for each in broken:
            document, span = each.document, each.span
            if document.path in files and begun < MOST_AT_ONCE and self._may(document, span):
                self._runs.request("repair", document, span, origin="auto")
                begun += 1

    def _may(self, document: Document, span: FunctionSpan) -> bool:
        """A stub is left to the user: nothing of it broke, it waits to be written."""
        path = document.path
        return (
            path is not None
            and not span.is_stub
            and self._configuration.settings(path).auto_repair
            and _key(document.uri, span.qualname, span.digest) not in self._tried
            and self._runs.at(document.uri, span.qualname) is None
        )

    # -------------------------------------------------------------- runs
    def began(self, job: Job) -> None:
        if job.origin != "check":
            self._remember(job)

    def told(self, job: Job, record: Record) -> None:
        pass

    def ended(self, job: Job) -> None:
        pass

    def changed(self, job: Job) -> None:
        if job.state == "discarded":
            self._remember(job)

    def _remember(self, job: Job) -> None:
        key = _key(job.uri, job.qualname, job.digest)
        self._tried.pop(key, None)
        self._tried[key] = None
        if len(self._tried) > MOST_REMEMBERED:
            del self._tried[next(iter(self._tried))]


def _key(uri: str, qualname: str, digest: str) -> tuple[str, str, str]:
    return uri, qualname.partition("@")[0], digest
