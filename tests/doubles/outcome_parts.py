"""A client that remembers what it was told, an engine and a table of runs that tests steer by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lsprotocol import types

from flowmill.engine.affected import AffectedReport, AffectedSpec, Blamed
from flowmill.events import (
    Event,
    Evidence,
    Record,
    RunFinished,
    RunStarted,
    Seconds,
    Stage,
    TestReported,
    TestsSelected,
)
from flowmill.settings import Settings
from flowmill.shapes import Budget, Mode, Outcome, SelectedHow, Status, Target, TestRef, TestResult, Usage
from flowmill_server.client import Level
from flowmill_server.engine.messages import Affected, Place
from flowmill_server.outcomes.asking import Asking
from flowmill_server.outcomes.auto import AutoRepair
from flowmill_server.outcomes.blaming import Blaming
from flowmill_server.outcomes.outcomes import Outcomes
from flowmill_server.outcomes.quiet import Quiet
from flowmill_server.outcomes.roots import Roots
from flowmill_server.outcomes.watch import Means, Watch
from flowmill_server.runs.job import OPEN, Job, Listener, Origin, State
from flowmill_server.text.document import Document
from flowmill_server.text.documents import Documents
from flowmill_server.text.outline import FunctionSpan
from flowmill_server.text.positions import Encoding

SOURCE = """\
def pick(items):
    return items[0]


class Box:
    def grown(self, by):
        return by
"""
EMPTY, TEXT = "tests/test_pick.py::test_empty", "tests/test_pick.py::test_text[a-b]"
DETAILS = "tests/test_pick.py:4: in test_empty\n    assert pick([]) == 1\nsrc/shop.py:2: in pick\n    return items[0]\n"


def reported(
    test: str = EMPTY, outcome: Outcome = "failed", message: str = "boom", details: str = DETAILS
) -> TestReported:
    return TestReported(0, test, outcome, 0.01, message, details)


def result(test: str = EMPTY, message: str = "boom", details: str = DETAILS) -> TestResult:
    return TestResult(test, "failed", 0.01, message, details)


def story(
    *told: TestReported,
    how: SelectedHow = "static",
    settled: bool = True,
    drafts: tuple[TestReported, ...] = (),
    status: Status | None = None,
    before: dict[str, int] | None = None,
) -> list[Event]:
    """The events of a run; `told` are its tests of the code as it stands."""
    target = Target(Path("/p/src/shop.py"), "pick", 1, 2)
    events: list[Event] = [
        RunStarted("repair", target, "m", "flow", Budget()),
        Stage("tests", "started"),
        TestsSelected(tuple(TestRef(test.id) for test in told), how),
        *told,
    ]
    if settled:
        events.append(Stage("tests", "finished", 1.0))
    events.extend(drafts)
    if status is not None:
        evidence = Evidence(before or {}, {}, {})
        events.append(RunFinished(status, None, "", evidence, 0, Usage(), Seconds(1.0, 0.0, 1.0, 0.0)))
    return events


@dataclass
class RecordingClient:
    """What it was told, in order."""

    encoding: Encoding = "utf-16"
    diagnostic_versions: bool = True
    related_information: bool = True
    published: list[types.PublishDiagnosticsParams] = field(
        default_factory=list[types.PublishDiagnosticsParams]
    )
    lines: list[str] = field(default_factory=list[str])

    def tell(self, method: str, params: object = None) -> None:
        assert method == types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS
        assert isinstance(params, types.PublishDiagnosticsParams)
        self.published.append(params)

    def log(self, text: str, level: Level = "info") -> None:
        self.lines.append(text)

    @property
    def messages(self) -> list[str]:
        """What the user sees now."""
        return [each.message for each in self.published[-1].diagnostics] if self.published else []


class SteeredRuns:
    """The table of runs without an engine: what is asked for works until a test ends it."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self._listeners: list[Listener] = []

    def listen(self, *listeners: Listener) -> None:
        self._listeners.extend(listeners)

    def request(self, mode: Mode, document: Document, span: FunctionSpan, *, origin: Origin = "user") -> Job:
        assert document.path is not None
        run = f"r{len(self.jobs)}"
        job = Job(run, mode, document.uri, document.path, span.qualname, document.version, span.digest)
        job.origin, job.state = origin, "working"
        self.jobs[run] = job
        for listener in self._listeners:
            listener.began(job)
        return job

    def at(self, uri: str, qualname: str) -> Job | None:
        found = [
            job
            for job in self.jobs.values()
            if (job.uri, job.qualname) == (uri, qualname) and job.state in OPEN
        ]
        return found[-1] if found else None

    def tell(self, job: Job, *events: Event) -> None:
        for event in events:
            record = Record(job.run, 0, 0.0, event)
            job.story.add(record)
            for listener in self._listeners:
                listener.told(job, record)

    def end(self, job: Job, state: State = "done") -> None:
        job.state = state
        for listener in self._listeners:
            listener.ended(job)

    def move(self, job: Job, state: State) -> None:
        job.state = state
        for listener in self._listeners:
            listener.changed(job)


class SteeredEngine:
    """Answers as `answer` says; while `gate` is closed, not yet."""

    def __init__(self) -> None:
        self.specs: list[AffectedSpec] = []
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.cancelled = 0
        self.answer: Callable[[AffectedSpec], AffectedReport | str] = lambda spec: AffectedReport(
            spec.root, spec.saved
        )

    async def affected(self, spec: AffectedSpec, place: Place) -> Affected:
        self.specs.append(spec)
        self.asked.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        answer = self.answer(spec)
        number = len(self.specs)
        return Affected(number, None, answer) if isinstance(answer, str) else Affected(number, answer)

    async def next(self) -> AffectedSpec:
        """The spec of the next test run, once it was asked for."""
        await asyncio.wait_for(self.asked.wait(), 10)
        self.asked.clear()
        return self.specs[-1]


@dataclass
class Settled:
    """The same settings for every file."""

    value: Settings = field(default_factory=lambda: Settings(watch=True, max_seconds=60.0, test_seconds=5.0))
    told: asyncio.Event = field(default_factory=asyncio.Event)
    """Whether the editor has told its settings."""

    def __post_init__(self) -> None:
        self.told.set()

    def settings(self, path: Path) -> Settings:
        return self.value

    async def load(self, path: Path) -> Settings:
        return self.value

    async def known(self) -> None:
        await self.told.wait()


class Everything:
    """Folders that hold all that has a path."""

    def offered(self, document: Document) -> bool:
        return document.path is not None


class Bench:
    """The outcomes with all that they hear of and speak to, in a project of one module."""

    def __init__(self, folder: Path, client: RecordingClient | None = None) -> None:
        self.root = folder / "project"
        (self.root / "src").mkdir(parents=True)
        (self.root / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
        self.client = client or RecordingClient()
        self.documents = Documents(self.client)
        self.configured = Settled()
        self.roots = Roots(lambda path: None)
        self.outcomes = Outcomes(self.client, self.documents, self.roots)
        self.runs, self.engine = SteeredRuns(), SteeredEngine()
        self.auto = AutoRepair(self.runs, self.configured)
        quiet, self.blaming = Quiet(self.runs), Blaming(self.outcomes.known, self.documents)
        asking = Asking(self.engine, self.configured, Everything(), self._place, self.client)
        self.watch = Watch(self.documents, Means(asking, self.roots, quiet, self.blaming, self.auto))
        self.runs.listen(self.outcomes, quiet, self.auto)
        self.documents.listen(self.outcomes.known)
        self.documents.listen(self.watch)

    def _place(self, document: Document) -> Place:
        return Place({}, None, {})

    def open(self, name: str = "src/shop.py", text: str = SOURCE, *, placed: bool = True) -> Document:
        """A document of a project whose place is known already, unless it is not to be."""
        path = self.root / name
        if placed:
            self.roots.learn(path, self.root)
        return self.documents.open(types.TextDocumentItem(path.as_uri(), "python", 1, text))

    def edit(self, document: Document, text: str) -> None:
        """The editor's text is another one."""
        identifier = types.VersionedTextDocumentIdentifier(document.version + 1, document.uri)
        change = types.TextDocumentContentChangeWholeDocument(text)
        self.documents.change(types.DidChangeTextDocumentParams(identifier, [change]))

    def span(self, document: Document, qualname: str = "pick") -> FunctionSpan:
        span = document.outline.find(qualname)
        assert span is not None
        return span

    def blamed(
        self, document: Document, qualname: str = "pick", *tests: TestResult, total: int = 1
    ) -> Blamed:
        assert document.path is not None
        span = self.span(document, qualname)
        return Blamed(document.path, qualname, span.def_line, tests or (result(),), total)

    def report(
        self, *blamed: Blamed, passed: tuple[str, ...] = (), problem: str = "", cut: int = 0
    ) -> AffectedReport:
        failed = frozenset(test.id for each in blamed for test in each.tests)
        return AffectedReport(
            self.root, (self.root / "src/shop.py",), blamed, frozenset(passed), failed, cut, problem
        )

    async def aclose(self) -> None:
        await self.watch.aclose()
        await self.outcomes.aclose()
        self.documents.stop()
