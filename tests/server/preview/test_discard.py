"""Discarding: no trace but for what the next run has to know."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubles.preview_parts import ActingEditor, Bench, until
from doubles.projects import CALC
from flowmill.errors import UsageError
from flowmill.shapes import Draft
from flowmill_server.features.accept import read_hunks
from flowmill_server.preview.rejected import BODIES, FUNCTIONS, Rejected

DRAFT = Draft("return a + b")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    path = tmp_path / "calc.py"
    path.write_text(CALC)
    return Bench(path, ActingEditor())


async def test_the_body_is_remembered_and_nothing_else(bench: Bench) -> None:
    document = bench.editor.open(bench.path)
    job = bench.ready(DRAFT)
    bench.previews.discard(job)
    assert (job.state, document.text, bench.editor.asked) == ("discarded", CALC, [])
    assert bench.previews.edits(job, document) is None
    assert bench.previews.rejected(job.uri, "add") == ("return a + b",)
    assert bench.previews.rejected(job.uri, "twice") == ()
    assert bench.previews.keeps(job) == "the run on add was discarded"
    await bench.previews.accept(job)
    assert bench.editor.messages == ["the run on add was discarded"]


async def test_a_run_that_works_is_stopped(bench: Bench) -> None:
    document = bench.editor.open(bench.path)
    span = document.outline.find("add")
    assert span is not None
    job = bench.runs.request("generate", document, span)
    bench.previews.discard(job)
    assert (job.state, bench.previews.rejected(job.uri, "add")) == ("cancelled", ())


async def test_the_test_of_a_discarded_draft_is_stopped(bench: Bench) -> None:
    document = bench.editor.open(bench.path)
    job = bench.ready(DRAFT)
    bench.editor.type(document, CALC.replace("The sum", "A sum"))
    await until(lambda: bench.runs.checks, "the kept draft is tested")
    bench.previews.discard(job)
    assert [check.state for check in bench.runs.checks] == ["cancelled"]
    assert bench.editor.messages == []


async def test_to_discard_the_test_of_a_draft_is_to_discard_the_draft(bench: Bench) -> None:
    document = bench.editor.open(bench.path)
    job = bench.ready(DRAFT)
    bench.editor.type(document, CALC.replace("The sum", "A sum"))
    await until(lambda: bench.runs.checks, "the kept draft is tested")
    (check,) = bench.runs.checks
    bench.previews.discard(check)
    assert (job.state, check.state) == ("discarded", "cancelled")
    assert bench.previews.rejected(job.uri, "add") == ("return a + b",)


def test_memory_is_bounded() -> None:
    rejected = Rejected()
    for number in range(BODIES + 2):
        rejected.add("file:///a.py", "f@3", f"return {number}")
    rejected.add("file:///a.py", "f@9", "return 3")
    assert rejected.of("file:///a.py", "f") == ("return 2", "return 4", "return 5", "return 6", "return 3")
    for number in range(FUNCTIONS):
        rejected.add("file:///b.py", f"f{number}", "pass")
    assert rejected.of("file:///a.py", "f") == ()
    assert rejected.of("file:///b.py", "f0") == ("pass",)


@pytest.mark.parametrize("hunks", [[], ["0"], [True], [-1], 0, {"0": 1}, [0, 1.5]])
def test_hunks_that_are_no_numbers(hunks: object) -> None:
    with pytest.raises(UsageError, match=r"flow\.accept takes"):
        read_hunks(hunks)


def test_hunks_by_number() -> None:
    assert read_hunks(None) is None
    assert read_hunks([2, 0]) == [2, 0]
