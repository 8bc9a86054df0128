"""The table of runs: who waits for whom, and on what text a run begins that waited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from doubles.preview_parts import ActingEditor, result_of
from doubles.projects import CALC
from flowmill.shapes import Draft
from flowmill_server.engine.messages import Ended, Opened, Place, StartRun, Told
from flowmill_server.runs.job import Job
from flowmill_server.runs.table import Runs
from flowmill_server.text.document import Document

TWO = "if 1:\n    def f():\n        return 1\nelse:\n    def f():\n        return 2\n"


@dataclass
class OrderedEngine:
    """Notes what it is asked; the test ends its runs."""

    started: list[StartRun] = field(default_factory=list[StartRun])
    hears: dict[str, Callable[[Opened | Told | Ended], None]] = field(
        default_factory=dict[str, Callable[[Opened | Told | Ended], None]]
    )

    def start(self, run: StartRun, hear: Callable[[Opened | Told | Ended], None]) -> None:
        self.started.append(run)
        self.hears[run.run] = hear

    def cancel(self, run: str) -> None:
        self.hears.pop(run)(Ended(run, problem="cancelled", code=130))

    def end(self, job: Job, draft: str) -> None:
        """The run ends well, with this body."""
        start = next(start for start in self.started if start.run == job.run)
        original = start.place.buffers[job.path]
        self.hears.pop(job.run)(Ended(job.run, result_of(job.path, original, job.qualname, Draft(draft))))


class Table:
    """The runs on one open document, with what is around them."""

    settled = True

    def __init__(self, path: Path, text: str) -> None:
        self.editor = ActingEditor()
        self.document = self.editor.open(path, text)
        self.engine = OrderedEngine()
        self.runs = Runs(self.engine, self)
        self.discarded: tuple[str, ...] = ()

    def run_at(self, line: int) -> Job:
        """A run on the function of that line."""
        span = self.document.outline.at(line)
        assert span is not None
        return self.runs.request("generate", self.document, span)

    def add(self) -> Job:
        return self.run_at(CALC.splitlines().index("def add(a, b):") + 1)

    @property
    def states(self) -> list[str]:
        return [job.state for job in self.runs.jobs.values()]

    # what is around
    def open_document(self, uri: str) -> Document | None:
        return self.editor.documents.get(uri)

    def place(self, document: Document) -> Place:
        assert document.path is not None
        return Place({}, None, {document.path: document.encoded()})

    def rejected(self, uri: str, qualname: str) -> tuple[str, ...]:
        return self.discarded

    def complain(self, warnings: Sequence[str]) -> None:
        assert not warnings


@pytest.fixture
def calc(tmp_path: Path) -> Path:
    return tmp_path / "calc.py"


async def test_a_run_that_waited_begins_on_the_text_as_it_is_then(calc: Path) -> None:
    table = Table(calc, CALC)
    first, second = table.add(), table.add()
    before = second.digest
    typed = CALC.replace("The sum of both", "Their sum")
    table.editor.type(table.document, typed)
    table.discarded = ("return a - b",)
    table.runs.cancel(first.run)
    started = table.engine.started[-1]
    assert (started.run, started.place.buffers[calc]) == (second.run, typed.encode())
    assert started.rejected == ("return a - b",)
    assert (second.version, second.digest != before) == (table.document.version, True)


async def test_a_run_whose_function_went_while_it_waited(calc: Path) -> None:
    table = Table(calc, CALC)
    first, second = table.add(), table.add()
    table.editor.type(table.document, CALC.replace("def add(", "def plus("))
    table.runs.cancel(first.run)
    assert (second.state, second.problem) == ("done", "calc.py has no function add any more")
    assert (await second.done).to_json()["status"] == "failed"
    assert len(table.engine.started) == 1


async def test_functions_of_one_name_do_not_wait_for_each_other(calc: Path) -> None:
    table = Table(calc, TWO)
    jobs = [table.run_at(2), table.run_at(5)]
    assert [job.qualname for job in jobs] == ["f@2", "f@5"]
    assert table.states == ["working", "working"]
    for name, job in zip(("f@2", "f@5"), jobs, strict=True):
        assert table.runs.at(job.uri, name) is job


async def test_a_function_of_several_is_the_same_when_it_has_moved(calc: Path) -> None:
    """Three lines above: the one that was `f@2` is `f@5` now, as the other was before."""
    table = Table(calc, TWO)
    first = table.run_at(2)
    table.editor.type(table.document, f"# 1\n# 2\n# 3\n{TWO}")
    again = table.run_at(5)
    assert (first.qualname, again.qualname, table.states) == ("f@2", "f@5", ["working", "queued"])
    other = table.run_at(8)
    assert (other.qualname, other.state) == ("f@8", "working")
    assert table.runs.at(first.uri, "f@5") is again
    table.runs.cancel(again.run)
    assert table.runs.at(first.uri, "f@5") is first


async def test_one_result_at_a_function(calc: Path) -> None:
    table = Table(calc, CALC)
    first, second = table.add(), table.add()
    table.engine.end(first, "return b + a")
    assert table.states == ["ready", "working"]
    table.engine.end(second, "return a + b")
    assert table.states == ["replaced", "ready"]
