"""Which functions are suspected, and which failures count as gone after a repair."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowmill.engine.locate import Findings, still_failing, suspects
from flowmill.runner.scripted import ScriptedRunner
from flowmill.shapes import Outcome, RunEnd, TestLimits, TestOrder, TestResult

ONE, TWO = "test_m.py::test_one", "test_m.py::test_two"
BEFORE = Findings((TestResult(ONE, "failed", 0.0), TestResult(TWO, "failed", 0.0)))


async def left(outcomes: dict[str, Outcome], end: RunEnd | None = None) -> tuple[str, ...]:
    def results(order: TestOrder) -> list[TestResult]:
        assert (order.files, order.keep, order.untrusted) == (("test_m.py",), (ONE, TWO), True)
        return [TestResult(test, outcome, 0.0) for test, outcome in outcomes.items()]

    runner = ScriptedRunner(results, fault=lambda order: end)
    return (await still_failing(runner, TestLimits(), BEFORE, {Path("m.py"): b""})).ids


async def test_what_passes_fails_no_more() -> None:
    assert await left({ONE: "passed", TWO: "failed"}) == (TWO,)
    assert await left({ONE: "passed", TWO: "passed"}) == ()
    assert await left({ONE: "passed", TWO: "skipped"}) == (TWO,)


async def test_no_word_is_no_pass() -> None:
    assert await left({ONE: "passed"}) == (TWO,)


@pytest.mark.parametrize("problem", ["no_tests", "collection", "crashed"])
async def test_a_run_that_comes_to_nothing_leaves_all_of_them(problem: str) -> None:
    assert await left({}, RunEnd(problem)) == (ONE, TWO)  # pyright: ignore[reportArgumentType]


async def test_a_pass_in_doubt_is_no_pass() -> None:
    assert await left({ONE: "passed", TWO: "passed"}, RunEnd(None, doubt="it forged a report")) == (ONE, TWO)


def test_what_only_failing_tests_execute_comes_first(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("def a():\n    return 1\n\n\ndef b():\n    return a()\n")
    executed = {
        ONE: frozenset({("m.py", "a"), ("m.py", "b")}),
        "test_m.py::test_fine": frozenset({("m.py", "b"), ("m.py", "made_at_run_time")}),
    }
    found = suspects(tmp_path, Findings(BEFORE.failures[:1], executed))
    assert [(suspect.qualname, round(suspect.weight, 2)) for suspect in found] == [("a", 4.0), ("b", 2.83)]
