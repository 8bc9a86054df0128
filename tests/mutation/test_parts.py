"""The parts beside the operators: grafting, suspicion, which tests come first, who may run when."""

from __future__ import annotations

import ast
import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from flowmill.engine.judge import Tried
from flowmill.engine.verdict import Suite, Verdict
from flowmill.mutation.base import TOO_SLOW, Base, base_of, first_tests, stands_alone
from flowmill.mutation.graft import graft
from flowmill.mutation.lanes import Lanes
from flowmill.mutation.mutant import Mutant
from flowmill.mutation.nearby import look_around, wanted_exceptions
from flowmill.mutation.shapes import PRIORS, WORDS, Change, Kind
from flowmill.mutation.suspicion import from_tracebacks
from flowmill.shapes import Draft, Outcome, RunEnd, TestRef, TestResult
from flowmill.source.functions import find
from flowmill.source.splice import draft_of, splice
from flowmill.source.text import SourceFile

MODULE = '''\
LIMIT = 3


def near(a, b=1, *rest):
    if a is None:
        return 0
    return a


class Box:
    size = 1

    def f(self, x):  # kept
        """Doc."""
        y = """two
lines"""

        if x:
            return y + 'é'
        return self.size

    def g(self):
        if not self.depth:
            raise ValueError("no depth")
'''


def module(text: str = MODULE) -> SourceFile:
    return SourceFile.from_bytes(Path("/p/m.py"), text.encode())


def result(name: str, outcome: Outcome = "failed", seconds: float = 0.01, **more: str) -> TestResult:
    return TestResult(name, outcome, seconds, **more)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_graft_is_what_a_splice_makes(newline: str) -> None:
    file = module(MODULE.replace("\n", newline))
    function = find(file, "Box.f")
    body = draft_of(function).body.replace("return y", "return x, y")
    assert graft(file, function, body) == splice(file, function, Draft(body))


@pytest.mark.parametrize("body", ["break", "return 1\ncontinue\n", "x = [\n", "'ü' = 1"])
def test_what_no_function_can_hold_is_not_grafted(body: str) -> None:
    file = module()
    assert graft(file, find(file, "Box.f"), body) is None


def test_what_is_merely_odd_is_grafted_without_a_word(recwarn: pytest.WarningsRecorder) -> None:
    file = SourceFile.from_bytes(Path("m.py"), b"def f(x):\n    return x\n")
    assert graft(file, find(file, "f"), "return x is 1\n") == b"def f(x):\n    return x is 1\n"
    assert not recwarn.list


def test_the_module_is_looked_through() -> None:
    file = module()
    seen = look_around(
        file, find(file, "Box.f"), [result("t", message="Failed: DID NOT RAISE <class 'ValueError'>")]
    )
    assert seen.functions == (("near", 99),)
    assert seen.constants == ("LIMIT",)
    assert set(seen.attributes) == {"f", "g", "size", "depth"}
    assert seen.checks == (("not self.depth", "raise ValueError('no depth')"), ("a is None", "return 0"))
    assert seen.wanted == (("ValueError", ""),)


def test_what_comes_instead_of_the_exception_that_a_test_waits_for() -> None:
    file, waits = module(), {"t": "with raises(ValueError):\n    f(3)", "u": "assert f(3)"}
    messages = [
        ("t", "TypeError: 'int'"),
        ("u", "KeyError: 1"),
        ("t", "NameError: x"),
        ("t", "assert 1"),
        ("t", "KeyError"),
    ]
    failures = [result(name, message=message) for name, message in messages]
    assert look_around(file, find(file, "Box.f"), failures, waits).instead == ("TypeError", "KeyError")


@pytest.mark.parametrize(
    ("message", "source", "wanted"),
    [
        ("Failed: DID NOT RAISE <class 'ValueError'>", "", [("ValueError", "")]),
        ("Failed: DID NOT RAISE ValueError", "", [("ValueError", "")]),
        ("DID NOT RAISE <class 'pkg.errors.Odd'>", "", [("Odd", "")]),
        ("AssertionError: KeyError not raised", "", [("KeyError", "")]),
        ("assert 1 == 2", "", []),
        ("AttributeError: x", "with pytest.raises(errors.Odd):", [("Odd", "")]),
        ("DID NOT RAISE KeyError", "with raises(KeyError, match='no key'):", [("KeyError", "no key")]),
        ("DID NOT RAISE KeyError", 'with raises(KeyError, match=r"no .* key"):', [("KeyError", "")]),
        ("AttributeError: x", 'with raises(Odd, match="^It is odd .*"):', [("Odd", "It is odd ")]),
        ("AttributeError: x", 'with raises(Odd, match="odd.even"):', [("Odd", "")]),
        (
            "AttributeError: x",
            "with raises(Odd) as e:\n    f(1)\nassert 'odd' in str(e.value).lower()\nassert \"one\" in str(e)",
            [("Odd", "odd one")],
        ),
        ("AttributeError: x", "with raises(Odd) as e:\n    f(1)\nassert 'odd' in str(other)", [("Odd", "")]),
        ("TypeError", "self.assertRaisesRegex(ValueError, 'too low'):", [("ValueError", "too low")]),
    ],
)
def test_exceptions_that_tests_wait_for(message: str, source: str, wanted: list[tuple[str, str]]) -> None:
    assert list(wanted_exceptions([result("t", message=message)], {"t": source})) == wanted


def test_lines_of_tracebacks_are_suspected_first() -> None:
    details = "test_m.py:3: \nm.py:24: in f\nm.py:99: AssertionError"
    body = ast.parse("a = 1\nb = 2\nc = 3\nd = 4\nif c:\n    e = 5\nf = 6\nreturn f")
    seen = from_tracebacks([result("t", details=details)], Path("/p/m.py"), Path("/p"), 22, body)
    weights = [seen.weight(line) for line in range(1, 9)]
    assert weights[2] == 1.0
    assert weights[0] == weights[4] == 0.9
    assert weights[7] > weights[6]
    assert max(weights) == weights[2]


def test_without_a_traceback_all_lines_are_much_alike() -> None:
    seen = from_tracebacks([], Path("/p/m.py"), Path("/p"), 1, ast.parse("a = 1\nreturn a"))
    assert 0 < seen.weight(2) - seen.weight(1) < 0.2


def test_different_failures_are_run_first_and_endless_ones_only_alone() -> None:
    same = [result(f"same{n}", message="assert") for n in range(9)]
    other = result("other", message="KeyError", seconds=0.5)
    endless = result("endless", "timeout", 5.0)
    assert first_tests([endless, *same, other]) >= {"same0", "other"}
    assert len(first_tests([*same, other])) <= 6
    assert "endless" not in first_tests([endless, *same])
    assert first_tests([endless, replace(endless, id="endless too")]) == {"endless"}


def test_tests_that_need_others_before_them_are_noticed() -> None:
    some = base()
    assert stands_alone(some, {"t": result("t", message="")})
    assert not stands_alone(some, {"t": result("t", message="AttributeError: no set-up")})
    assert not stands_alone(some, {"t": result("t", "passed")})
    assert not stands_alone(some, {})


def change(kind: Kind = "operator", line: int = 1, weight: float = 1.0) -> Change:
    return Change(kind, line, weight, lambda: None)


def base(first: Outcome = "failed") -> Base:
    file = module()
    function = find(file, "Box.f")
    verdict = Verdict(0, None, function.source, file.data, "", {"t": result("t", first)}, True)
    suite = Suite((TestRef("t"),), frozenset({"t"}), frozenset(), frozenset(), verdict.results, False)
    return base_of(verdict, draft_of(function), file, function, suite, 1)


def test_changes_like_one_that_ran_for_ever_come_last() -> None:
    some = base()
    some.ahead = [change(line=2), change(), change("delete"), change()]
    assert some.next() is not None
    for _ in range(TOO_SLOW):
        some.hangs_with(change())
    order = [(found.kind, found.line) for _ in range(3) if (found := some.next())]
    assert order == [("delete", 1), ("operator", 2), ("operator", 1)]
    assert (some.next(), some.left) == (None, 0)


def test_where_the_original_runs_for_ever_nothing_is_learnt_of_it() -> None:
    some = base("timeout")
    some.ahead = [change("delete"), change()]
    for _ in range(TOO_SLOW):
        some.hangs_with(change())
    found = some.next()
    assert found is not None
    assert found.kind == "operator"


def mutant(kind: Kind, line: int = 1, diff: str = "-a\n+b") -> Mutant:
    verdict = Verdict(-1, None, "", b"", diff, {}, True)
    tried = Tried(Draft(""), verdict, find(module(), "near"), RunEnd(None))
    return Mutant(change(kind, line), tried, green=True, parent=0)


def test_of_several_that_pass_the_likeliest_is_told() -> None:
    lines = Counter({1: 1, 2: 4})
    assert mutant("operator").likelihood(lines) > mutant("delete").likelihood(lines)
    assert mutant("operator").likelihood(lines) > mutant("operator", diff="-a\n+b\n+c\n+d").likelihood(lines)
    assert mutant("slice", 2).likelihood(lines) > mutant("slice", 1).likelihood(lines)


def test_every_kind_has_its_words() -> None:
    assert PRIORS.keys() == WORDS.keys()
    assert all(0 < prior <= 1 for prior in PRIORS.values())


async def test_drafts_take_lanes_that_mutants_have_to_wait_for() -> None:
    lanes = Lanes(1)
    assert lanes.free
    with lanes.probe():
        assert not lanes.free
        with lanes.draft():
            waiting = asyncio.create_task(lanes.changed())
            await asyncio.sleep(0)
        assert not lanes.free
    await waiting
    assert lanes.free
