"""Whether a save asks for a test run, and the engine's answer to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from flowmill.engine.affected import AffectedReport, AffectedSpec
from flowmill.report.words import clock, plural
from flowmill.settings import Settings
from flowmill_server.client import Level
from flowmill_server.engine.messages import Affected, Place
from flowmill_server.text.document import Document

SHARE = 4
"""A test run on save may take this part of what a whole run may."""


class Engine(Protocol):
    async def affected(self, spec: AffectedSpec, place: Place) -> Affected: ...


class Configured(Protocol):
    async def known(self) -> None: ...
    async def load(self, path: Path) -> Settings: ...


class Folders(Protocol):
    def offered(self, document: Document) -> bool: ...


class Logged(Protocol):
    def log(self, text: str, level: Level = "info") -> None: ...


class Asking:
    """Knows the settings, and what the engine takes from the editor."""

    def __init__(
        self,
        engine: Engine,
        configuration: Configured,
        folders: Folders,
        place: Callable[[Document], Place],
        client: Logged,
    ) -> None:
        self._engine = engine
        self._configuration = configuration
        self._folders = folders
        self._place = place
        self._client = client

    async def wanted(self, document: Document) -> bool:
        """Whether the user asked for tests on save, and this is one of the user's own Python files.

        Waits until the editor has told its settings, for it may save before.
        """
        if document.path is None or not self._folders.offered(document):
            return False
        await self._configuration.known()
        return (await self._configuration.load(document.path)).watch

    async def ask(
        self,
        root: Path,
        documents: Sequence[Document],
        changed: tuple[tuple[Path, str], ...],
        earlier: Sequence[str],
    ) -> AffectedReport | None:
        """How the tests went; None, with a line in the client's log, if they could not be run."""
        paths = tuple(document.path for document in documents if document.path is not None)
        settings = await self._configuration.load(paths[0])
        spec = AffectedSpec(
            root,
            paths,
            changed=changed,
            earlier=tuple(earlier),
            seconds=settings.max_seconds / SHARE,
            test_seconds=settings.test_seconds,
        )
        answer = await self._engine.affected(spec, self._place(documents[0]))
        report = answer.report
        names = ", ".join(path.name for path in paths)
        problem = answer.problem or (report.problem if report is not None else "")
        if problem:
            self._client.log(f"Tests after saving {names}: {problem}", "warning")
        if report is not None and report.ran:
            self._client.log(f"Tests after saving {names}: {_summary(report)}")
        return report


def _summary(report: AffectedReport) -> str:
    failed = f"{len(report.failed)} failed" if report.failed else "none failed"
    left_out = f", {report.cut} were left out" if report.cut else ""
    return f"{plural(report.ran, 'test')} ran in {clock(report.seconds)}, {failed}{left_out}"
