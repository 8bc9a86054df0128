"""What speaks against a run, and what honest runs do that does not."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from flowmill.runner.ledger import Ledger
from flowmill.runner.wire import CANARIES, WireError
from flowmill.runner.witness import REPORT_BYTES, Witness
from flowmill.shapes import RunEnd, TestLimits

LIMITS = TestLimits(run_seconds=60, test_seconds=2, timeouts=2)
NONCE = "0123456789abcdef"


class Report:
    """The report of a run of `tests`, written line by line."""

    def __init__(self, *tests: str, witness: Witness | None = None, confined: tuple[str, ...] = ()) -> None:
        self.ledger = Ledger(LIMITS, "/venv/python", 0.0, NONCE, witness or Witness(canary=True))
        self._tests = tests
        self._confined = confined
        self.begin()

    def begin(self, *left: str) -> None:
        self.ledger.begin_attempt()
        self.say("hello", problem="", detail="3.12")
        if self._confined:
            self.say("confined", layers=list(self._confined))
        for test in left or self._tests:
            self.say("item", id=test, trust="project")
        self.say("collected", missing=[], traced=False)

    def say(self, kind: str, *, nonce: str = NONCE, **fields: object) -> None:
        self._write(kind, n=nonce, **fields)

    def _write(self, kind: str, **fields: object) -> None:
        self.ledger.feed(json.dumps({"k": kind, "n": NONCE} | fields).encode() + b"\n", 1.0)

    def start(self, name: str, phases: int = 3) -> None:
        self.say("start", id=name)
        for _ in range(phases):
            self.say("phase")

    def result(self, name: str, outcome: str = "passed") -> None:
        told = {"seconds": 0.1, "message": "", "details": ""}
        self._write("test", id=name, outcome=outcome, reached=False, everywhere=False, call="", **told)

    def test(self, name: str, outcome: str = "passed", phases: int = 3) -> None:
        self.start(name, phases)
        self.result(name, outcome)

    def prove(self, *, caught: tuple[str, ...] = CANARIES, broken: tuple[str, ...] = ()) -> None:
        for _ in range(12):
            self.say("phase")
        self.say("canary", caught=list(caught), broken=list(broken))

    def finish(self, status: int = 0, returncode: int | None = 0) -> RunEnd:
        self.say("finish", status=status)
        self.ledger.finished(returncode, "", 2.0)
        return self.ledger.end(2.0)


def test_an_honest_pass() -> None:
    report = Report("a", "b")
    report.test("a")
    report.test("b", "skipped", phases=2)
    report.prove()
    assert (report.finish().problem, report.ledger.end(2.0).doubt) == (None, "")


def test_an_honest_failure_needs_no_canary() -> None:
    report = Report("a", "b")
    report.test("a")
    report.test("b", "failed")
    assert report.finish(1).doubt == ""


def test_an_error_in_a_fixture_leaves_a_phase_out() -> None:
    report = Report("a")
    report.test("a", "error", phases=2)
    assert report.finish(1).doubt == ""


def test_a_rerun_has_more_phases() -> None:
    report = Report("a")
    report.test("a", phases=18)
    report.prove()
    assert report.finish().doubt == ""


def test_a_swallowed_interruption_is_a_pass_to_pytest() -> None:
    report = Report("a")
    report.test("a", "timeout")
    assert report.finish(0).doubt == ""


def test_two_tests_of_one_name_are_two_tests() -> None:
    report = Report("a", "a")
    report.test("a")
    report.test("a")
    report.prove()
    assert report.finish().doubt == ""


def test_a_crash_goes_on_in_another_process() -> None:
    report = Report("a", "b", "c")
    report.test("a")
    report.start("b", 1)
    report.ledger.exited(-11, "", 1.0)
    report.begin("c")
    report.test("c")
    report.prove()
    assert report.finish().doubt == ""


def _twice(report: Report) -> None:
    report.test("a")
    report.test("a")


def _out_of_turn(report: Report) -> None:
    report.test("b")
    report.test("a")


def _inside(report: Report) -> None:
    report.start("a")
    report.test("b")


def _unstarted(report: Report) -> None:
    report.result("a")


def _unrun(report: Report) -> None:
    report.test("a", phases=1)


def _collected_again(report: Report) -> None:
    report.test("a")
    report.say("item", id="c", trust="project")


def _begun_again(report: Report) -> None:
    report.say("hello", problem="", detail="")


def _confined_late(report: Report) -> None:
    report.start("a")
    report.say("confined", layers=["landlock"])


def _proved_again(report: Report) -> None:
    report.prove()
    report.prove()


def _after_the_end(report: Report) -> None:
    report.test("a", "failed")
    report.say("finish", status=1)
    report.say("phase")


@pytest.mark.parametrize(
    ("forge", "why"),
    [
        (_twice, "a was run out of turn, or more than once"),
        (_out_of_turn, "b was run out of turn, or more than once"),
        (_inside, "b began while a was running"),
        (_unstarted, "a was reported without having been started"),
        (_unrun, "a was reported as passed without having been run to its end"),
        (_collected_again, "its report told which tests there are twice"),
        (_begun_again, "its report began twice"),
        (_confined_late, "its report told its sandbox twice"),
        (_proved_again, "its report was proved twice"),
        (_after_the_end, "its report went on after its end"),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_what_our_process_would_not_say(forge: Callable[[Report], None], why: str) -> None:
    report = Report("a", "b")
    forge(report)
    assert report.ledger.end(2.0).doubt == why


@pytest.mark.parametrize(
    ("outcome", "status", "why"),
    [
        ("failed", 0, "pytest ended as if no test had failed, and one had"),
        ("passed", 1, "pytest ended as if a test had failed, and none was reported"),
    ],
)
def test_the_status_goes_with_the_outcomes(outcome: str, status: int, why: str) -> None:
    report = Report("a")
    report.test("a", outcome)
    report.prove()
    assert report.finish(status).doubt == why


@pytest.mark.parametrize(
    ("returncode", "why"),
    [(None, "was done and went on"), (3, "ended with status 3"), (-9, "ended with status -9")],
)
def test_who_says_that_it_is_done_ends(returncode: int | None, why: str) -> None:
    report = Report("a")
    report.test("a")
    report.prove()
    assert why in report.finish(0, returncode).doubt


@pytest.mark.parametrize("nonce", ["", "fedcba9876543210"])
def test_a_line_without_the_mark_is_forged(nonce: str) -> None:
    report = Report("a")
    with pytest.raises(WireError, match="mark"):
        report.say("finish", nonce=nonce, status=0)


def test_an_interpreter_without_pytest_has_read_no_mark() -> None:
    ledger = Ledger(LIMITS, "/venv/python", 0.0, NONCE)
    ledger.begin_attempt()
    ledger.feed(b'{"k": "hello", "problem": "no_pytest", "detail": ""}', 1.0)
    assert (ledger.end(1.0).problem, ledger.end(1.0).doubt) == ("no_pytest", "")


def test_a_report_that_is_not_ours_is_a_doubt_too() -> None:
    report = Report("a")
    report.ledger.stop("output", "the tests' process wrote a report that is not ours: not JSON")
    end = report.ledger.end(2.0)
    assert (end.problem, end.doubt) == ("output", end.detail)


def test_a_pass_without_canaries_is_doubted() -> None:
    report = Report("a")
    report.test("a")
    assert report.finish().doubt == "it was not proved that a wrong result still fails"


def test_a_canary_that_passes_is_told_by_its_name() -> None:
    report = Report("a")
    report.test("a")
    report.prove(caught=("assert", "fixture"))
    assert report.finish().doubt == "what must fail passes with it: unittest, raises"


def test_no_canary_is_asked_of_the_users_own_code() -> None:
    report = Report("a", witness=Witness())
    report.test("a")
    assert report.finish().doubt == ""


def test_altered_machinery_is_a_doubt_even_in_a_failure() -> None:
    report = Report("a")
    report.test("a", "failed")
    report.prove(caught=(), broken=("_pytest.reports.TestReport.outcome",))
    assert report.finish(1).doubt == "it altered what judges it: _pytest.reports.TestReport.outcome"


def test_what_the_project_alters_itself_is_usual() -> None:
    report = Report("a", witness=Witness(canary=True, usual=frozenset({"builtins.print"})))
    report.test("a")
    report.prove(broken=("builtins.print",))
    assert report.finish().doubt == ""
    assert report.ledger.witness.altered == {"builtins.print"}


@pytest.mark.parametrize(
    ("confined", "why"),
    [(("seccomp", "landlock"), ""), (("landlock",), "seccomp missing"), ((), "landlock, seccomp missing")],
)
def test_the_layers_that_were_asked_for(confined: tuple[str, ...], why: str) -> None:
    report = Report("a", witness=Witness(layers=("landlock", "seccomp")), confined=confined)
    report.test("a")
    doubt = report.finish().doubt
    assert doubt == (f"its sandbox was not closed: {why}" if why else "")


def test_a_flood_of_lines_ends() -> None:
    report = Report("a")
    line = json.dumps({"k": "reached", "n": NONCE, "x": "x" * 250_000}).encode()
    for _ in range(REPORT_BYTES // len(line)):
        report.ledger.feed(line, 1.0)
    with pytest.raises(WireError, match="more than 32 MB"):
        report.ledger.feed(line, 1.0)


def test_a_test_cannot_buy_time_with_phases() -> None:
    report = Report("a")
    with pytest.raises(WireError, match="more phases"):
        report.start("a", 1000)


def test_only_a_phase_buys_time() -> None:
    report = Report("a")
    report.start("a", 1)
    before = report.ledger.patience(2.0)
    report.ledger.feed(json.dumps({"k": "reached", "n": NONCE}).encode(), 2.0)
    assert report.ledger.patience(2.0) == before


def test_a_draft_that_does_not_fit_is_told_before_any_test() -> None:
    ledger = Ledger(LIMITS, "/venv/python", 0.0)
    ledger.begin_attempt()
    ledger.feed(b'{"k": "unfit", "why": "the helper cannot be imported"}', 1.0)
    assert (ledger.unfit, ledger.attempt_open) == ("the helper cannot be imported", False)


def test_a_draft_that_ran_does_not_turn_out_unfit() -> None:
    report = Report("a")
    with pytest.raises(WireError):
        report.say("unfit", why="x")
