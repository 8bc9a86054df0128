"""Which draft is better, and what may be called verified: tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from flowmill.engine.board import Board
from flowmill.engine.feedback import failing_case
from flowmill.engine.holding import hold_back
from flowmill.engine.verdict import Suite, Verdict, better, counts, is_verified, score
from flowmill.shapes import Candidate, Draft, Outcome, TestRef, TestResult

IDS = ("t.py::a", "t.py::b", "t.py::c")
WORDS: dict[str, Outcome] = {
    "p": "passed",
    "f": "failed",
    "s": "skipped",
    "t": "timeout",
    "c": "crashed",
    "e": "error",
}


def results(letters: str, ids: tuple[str, ...] = IDS) -> Mapping[str, TestResult]:
    """One letter a test; a dot is a test that was not reported."""
    return {
        i: TestResult(i, WORDS[letter], 0.1, f"{WORDS[letter]} {i}")
        for i, letter in zip(ids, letters, strict=True)
        if letter != "."
    }


def suite(
    before: str, *, stub: bool = False, counting: tuple[str, ...] = IDS, visible: tuple[str, ...] = IDS
) -> Suite:
    refs = tuple(TestRef(i) for i in IDS)
    return Suite(refs, frozenset(counting), frozenset(), frozenset(visible), results(before), stub)


def verdict(
    number: int, letters: str, *, lines: int = 1, complete: bool = True, refused: str = ""
) -> Verdict:
    candidate = Candidate(number, Draft("return 1\n")) if number else None
    return Verdict(
        number, candidate, "def f(): ...", b"", "+x\n" * lines, results(letters), complete, refused
    )


@pytest.mark.parametrize(
    ("before", "after", "stub", "verified"),
    [
        ("fff", "ppp", True, True),
        ("ppf", "ppp", False, True),
        ("ppp", "ppp", False, False),  # nothing failed before
        ("fff", "ppf", True, False),
        ("fff", "pp.", True, False),  # a test that was not reported is no pass
        ("fff", "ppt", True, False),  # nor is a time-out
        ("fff", "ppc", True, False),
        ("ffs", "pps", True, True),  # skipped before, skipped now
        ("fff", "pps", True, False),  # skipped by the draft
        ("sss", "sss", True, False),  # nothing ran at all
    ],
)
def test_verified(before: str, after: str, stub: bool, verified: bool) -> None:
    assert is_verified(verdict(1, after), suite(before, stub=stub)) is verified


@pytest.mark.parametrize(
    ("before", "after", "verified"),
    [("ffp", "ppp", True), ("ffp", "ppf", False), ("fff", "ppf", True), ("ffp", "pp.", False)],
)
def test_a_doctest_that_passed_must_still_pass(before: str, after: str, verified: bool) -> None:
    """It is no reason to call a draft verified, and one not to."""
    plain = suite(before, counting=IDS[:2])
    assert is_verified(verdict(1, after), replace(plain, doctests=frozenset(IDS[2:]))) is verified


def test_an_incomplete_or_refused_run_is_never_verified() -> None:
    assert not is_verified(verdict(1, "ppp", complete=False), suite("fff", stub=True))
    assert not is_verified(verdict(1, "ppp", refused="it names pytest"), suite("fff", stub=True))


def test_a_test_that_does_not_reach_the_function_does_not_count() -> None:
    few = suite("fff", stub=True, counting=IDS[:2])
    assert is_verified(verdict(1, "ppf"), few)


def test_more_passes_win_then_the_smaller_change() -> None:
    s = suite("fff", stub=True)
    assert better(verdict(1, "pff"), verdict(0, "fff"), s)
    assert not better(verdict(1, "fff"), verdict(0, "fff"), s)
    assert better(verdict(2, "ppf"), verdict(1, "pff"), s)
    assert better(verdict(2, "pff", lines=1), verdict(1, "pff", lines=3), s)
    assert not better(verdict(2, "pff", lines=3), verdict(1, "pff", lines=1), s)
    assert not better(verdict(2, "ppp", refused="no"), verdict(1, "pff"), s)
    assert score(verdict(1, "ppt"), s)[0] == 2


def test_the_best_draft_never_gets_worse() -> None:
    board = Board(verdict(0, "pff"), suite("pff"))
    for number, letters in enumerate(("fff", "ppf", "pff", "fpp", "..."), 1):
        board.add(verdict(number, letters))
    assert board.best.number == 2
    assert not board.verified


def test_a_draft_may_be_doubted_more_than_once() -> None:
    board = Board(verdict(0, "fff"), suite("fff", stub=True))
    best = verdict(1, "ppp")
    board.add(best)
    board.doubt(best, "it altered what judges it")
    board.doubt(best)
    board.learn(board.suite, best, results("ppf"))
    (held,) = board.verdicts
    assert (held.complete, held.refused) == (False, "it altered what judges it")
    assert held.results == results("ppf")
    assert board.best is board.baseline


def test_news_is_what_no_earlier_draft_showed() -> None:
    board = Board(verdict(0, "fff"), suite("fff", stub=True))
    assert not board.add(verdict(1, "fff"))
    assert board.add(verdict(2, "pff"))
    assert not board.add(verdict(3, "pff"))


def test_without_tests_the_first_usable_draft_beats_a_stub_and_is_never_verified() -> None:
    empty = Suite((), frozenset(), frozenset(), frozenset(), {}, was_stub=True)
    draft = Verdict(1, Candidate(1, Draft("return 1\n")), "", b"", "", {}, complete=True)
    nothing = Verdict(0, None, "", b"", "", {}, complete=True)
    assert better(draft, nothing, empty)
    assert not is_verified(draft, empty)


def test_counts_name_only_what_occurs() -> None:
    assert counts(results("pft"), IDS) == {"failed": 1, "passed": 1, "timeout": 1}
    assert counts(results("p.."), IDS) == {"passed": 1}


@pytest.mark.parametrize(
    ("ids", "held"),
    [
        (("a", "b", "c"), set[str]()),
        (("a", "b", "c", "d"), {"d"}),
        (("a[1]", "a[2]", "b", "c", "d[1]", "d[2]"), {"d[1]", "d[2]"}),
        (tuple("abcdefgh"), {"d", "h"}),
    ],
)
def test_each_fourth_test_function_is_held_back(ids: tuple[str, ...], held: set[str]) -> None:
    assert hold_back(ids) == held


def test_feedback_never_shows_a_held_back_test() -> None:
    s = suite("fff", stub=True, visible=IDS[:1])
    text = failing_case(verdict(1, "pff"), s, {i: f"def {i[-1]}(): ..." for i in IDS})
    assert text == ""
    shown = failing_case(verdict(1, "fff"), s, {i: f"def {i[-1]}(): ..." for i in IDS})
    assert "`a`" in shown
    assert "def b" not in shown


def test_feedback_tells_how_the_failing_test_calls_the_function() -> None:
    s = suite("fff", stub=True)
    called = {i: replace(result, call="f(n=1)") for i, result in s.baseline.items()}
    assert "`f(n=1)`" in failing_case(verdict(1, "fff"), replace(s, baseline=called), {})


def test_feedback_stays_short() -> None:
    long = TestResult(IDS[0], "failed", 0.1, "AssertionError: no", "line\n" * 5000 + "the end")
    one = Verdict(1, None, "", b"", "", {IDS[0]: long}, complete=True)
    text = failing_case(one, suite("fff", stub=True), {})
    assert len(text) < 2000
    assert "the end" in text
