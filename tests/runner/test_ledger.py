from __future__ import annotations

import json

import pytest

from flowmill.runner.ledger import Ledger
from flowmill.runner.wire import WireError
from flowmill.shapes import Collected, RunnerMessage, TestLimits, TestResult

LIMITS = TestLimits(run_seconds=60, test_seconds=2, timeouts=2)


class Told:
    """A ledger with its clock, fed by kind of line."""

    def __init__(self, *tests: str, limits: TestLimits = LIMITS) -> None:
        self.now = 100.0
        self.ledger = Ledger(limits, "/venv/python", self.now)
        self.ledger.begin_attempt()
        self.say("hello", problem="", detail="3.12")
        for test in tests:
            self.say("item", id=test, trust="project")
        self.collected = self.say("collected", missing=[], traced=True) if tests else []

    def say(self, kind: str, **fields: object) -> list[RunnerMessage]:
        return self.ledger.feed(json.dumps({"k": kind, **fields}).encode(), self.now)

    def test(self, name: str, outcome: str = "passed", **more: object) -> list[RunnerMessage]:
        self.say("start", id=name)
        for _ in range(3):
            self.say("phase")
        flags = {"reached": False, "everywhere": False, "call": ""} | more
        return self.say("test", id=name, outcome=outcome, seconds=0.1, message="", details="", **flags)

    def finish(self, status: int, output: str = "") -> None:
        self.say("finish", status=status)
        self.ledger.finished(0, output, self.now)


def test_all_reported_and_finished_is_no_problem() -> None:
    told = Told("a", "b")
    assert isinstance(told.collected[0], Collected)
    told.test("a", reached=True)
    told.test("b", "failed")
    told.finish(1)
    told.now += 3
    end = told.ledger.end(told.now)
    assert (end.problem, end.reached, end.seconds) == (None, frozenset({"a"}), 3.0)
    assert not told.ledger.open


def test_a_finish_with_tests_missing_is_a_problem() -> None:
    told = Told("a", "b")
    told.test("a")
    told.finish(0)
    end = told.ledger.end(told.now)
    assert end.problem == "crashed"
    assert "1 of 2 tests were not run" in end.detail


@pytest.mark.parametrize("name", ["start", "test"])
def test_a_test_that_was_not_collected_is_forged(name: str) -> None:
    told = Told("a")
    with pytest.raises(WireError):
        told.test("b") if name == "test" else told.say("start", id="b")


def test_the_first_report_of_a_test_counts() -> None:
    told = Told("a")
    assert len(told.test("a", "failed")) == 1
    assert told.test("a", "passed") == []


def test_a_crash_goes_on_with_what_is_left() -> None:
    told = Told("a", "b", "c")
    told.test("a")
    told.say("start", id="b")
    (lost,) = told.ledger.exited(-11, "Fatal Python error", told.now)
    assert isinstance(lost, TestResult)
    assert (lost.id, lost.outcome, lost.message) == ("b", "crashed", "the interpreter was killed by SIGSEGV")
    assert told.ledger.open
    assert told.ledger.begin_attempt() == ("c",)
    told.say("hello", problem="", detail="")
    assert told.say("collected", missing=[], traced=True) == []
    told.test("c")
    told.finish(0)
    assert told.ledger.end(told.now).problem is None


def test_crashing_for_ever_ends() -> None:
    told = Told(*"abcdefgh")
    while told.ledger.open:
        told.say("start", id=told.ledger.remaining()[0])
        told.ledger.exited(1, "", told.now)
        if told.ledger.open:
            told.ledger.begin_attempt()
    end = told.ledger.end(told.now)
    assert end.problem == "crashed"
    assert end.detail == "the tests' process had to be replaced 3 times; 4 of 8 tests were not run"


def test_a_hung_test_is_told_by_the_parent() -> None:
    told = Told("a", "b")
    told.say("start", id="a")
    assert told.ledger.patience(told.now) == 3.0
    told.now += 3.0
    (lost,) = told.ledger.overdue(told.now)
    assert isinstance(lost, TestResult)
    assert (lost.id, lost.outcome, lost.seconds) == ("a", "timeout", 3.0)
    assert told.ledger.open


def test_each_phase_has_its_own_patience() -> None:
    told = Told("a")
    told.say("start", id="a")
    told.now += 2.5
    told.say("phase")
    assert told.ledger.patience(told.now) == 3.0


def test_too_many_timeouts_end_the_run() -> None:
    told = Told("a", "b", "c")
    told.test("a", "timeout")
    told.test("b", "timeout")
    assert not told.ledger.attempt_open
    end = told.ledger.end(told.now)
    assert (end.problem, end.detail) == ("timeout", "2 tests timed out; the other 1 were not run")


def test_the_run_has_a_limit() -> None:
    told = Told("a", limits=TestLimits(run_seconds=5, test_seconds=60))
    told.say("start", id="a")
    told.now += 5
    assert told.ledger.patience(told.now) == 0
    (lost,) = told.ledger.overdue(told.now)
    assert isinstance(lost, TestResult)
    assert lost.outcome == "timeout"
    assert told.ledger.end(told.now).detail == "the run took longer than 5 s; a was running"


def test_what_all_tests_share_is_reached_by_all() -> None:
    told = Told("a", "b")
    told.test("a", everywhere=True)
    told.test("b")
    told.finish(0)
    assert told.ledger.end(told.now).reached == {"a", "b"}


def test_no_pytest_names_the_remedy() -> None:
    told = Told()
    told.say("hello", problem="no_pytest", detail="")
    end = told.ledger.end(told.now)
    assert end.problem == "no_pytest"
    assert end.detail == "pytest is not installed in /venv/python: /venv/python -m pip install pytest"


def test_wrong_usage_is_in_the_words_of_pytest() -> None:
    told = Told()
    told.finish(4, "noise\nERROR: file or directory not found: nope.py\n\n")
    end = told.ledger.end(told.now)
    assert (end.problem, end.detail) == ("usage", "file or directory not found: nope.py")


def test_a_process_that_never_spoke_is_no_python() -> None:
    ledger = Ledger(LIMITS, "/bin/x", 0.0)
    ledger.begin_attempt()
    ledger.exited(127, "x: command not found\n", 1.0)
    end = ledger.end(1.0)
    assert (end.problem, end.detail) == ("no_python", "/bin/x cannot run: x: command not found")


def test_a_draft_that_does_not_fit_is_not_tried_again() -> None:
    told = Told()
    told.say("unfit", why="it uses other variables")
    assert told.ledger.unfit == "it uses other variables"
    assert not told.ledger.open
    assert not told.ledger.attempt_open
