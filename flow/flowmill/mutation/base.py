"""What is mutated: a body with its place in the file and what the tests say of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flowmill.engine.board import Board
from flowmill.engine.verdict import Suite, Verdict, baseline_passes, counted, passed
from flowmill.mutation.nearby import look_around
from flowmill.mutation.plan import changes, meaning
from flowmill.mutation.shapes import OF_DRAFTS, PRIORS, Change, Kind
from flowmill.mutation.suspicion import from_tracebacks
from flowmill.shapes import FINE, Draft, TestResult
from flowmill.source.function import Function
from flowmill.source.text import SourceFile, parse

MOST_AFTERWARDS = 400
"""Changes of a body that is itself a draft or a mutant."""
TOO_SLOW = 3
ENOUGH_CHECKS = 6
"""A draft is changed only where so much is asked of it: of little, some change of a wrong one fulfils all."""
_CHECK = re.compile(r"\bassert\b|\bassert[A-Z_]\w*\(|\braises\(|^>>> ", re.M)
FARTHER = 3.0
"""So many times as seldom more is a body changed that passes nothing than one that lacks nearly nothing."""
FIRST_TESTS = 6
"""Failing tests that a mutant is run on before all others."""


@dataclass(slots=True)
class Base:
    """One body and the changes of it that are still to be tried.

    `good` is how many of the counting tests pass, `first` are the failing ones that tell
    soonest; with `hangs` they do not end. `run` are the tests that are run for that: more
    where those need others before them. Changes of a kind and line that keep making
    a test run for ever wait in `late`.
    """

    verdict: Verdict
    draft: Draft
    file: SourceFile
    function: Function
    good: int
    first: frozenset[str]
    run: frozenset[str]
    hangs: bool
    depth: int
    written: bool
    """Whether a model wrote it, or what it was made of."""
    missing: float
    """The share of the counting tests that do not pass."""
    tries: int = 0
    ahead: list[Change] = field(default_factory=list[Change])
    late: list[Change] = field(default_factory=list[Change])
    slow: Counter[tuple[Kind, int]] = field(default_factory=Counter[tuple[Kind, int]])
    partly: Counter[int] = field(default_factory=Counter[int])
    """How many mutants passed so many of the first tests."""

    def next(self) -> Change | None:
        while self.ahead:
            change = self.ahead.pop()
            if self.slow[change.kind, change.line] < TOO_SLOW:
                return change
            self.late.insert(0, change)
        return self.late.pop() if self.late else None

    def hangs_with(self, change: Change) -> None:
        """A change made a test run for ever: after a few such its like come last, unless the tests did before."""
        if not self.hangs:
            self.slow[change.kind, change.line] += 1

    @property
    def turn(self) -> float:
        """The lowest one is next: each in its turn, and those that lack little more often."""
        return self.tries * (1 + FARTHER * self.missing)

    @property
    def left(self) -> int:
        return len(self.ahead) + len(self.late)


def failing(verdict: Verdict, suite: Suite) -> list[TestResult]:
    """Counting tests that were run and do not pass, in the suite's order."""
    ran = [verdict.results.get(t.id) for t in suite.tests if t.id in suite.counting]
    return [r for r in ran if r is not None and r.outcome not in FINE]


def first_tests(failures: Sequence[TestResult]) -> frozenset[str]:
    """Few and different ones; a test that runs for ever only where no other fails."""
    quick = [r for r in failures if r.outcome != "timeout"]
    by_message: dict[str, TestResult] = {}
    for result in sorted(quick or failures, key=lambda r: (r.seconds, len(r.id))):
        by_message.setdefault(f"{result.outcome} {result.message}", result)
    chosen = [r.id for r in by_message.values()]
    chosen += [r.id for r in quick if r.id not in chosen]
    return frozenset(chosen[: FIRST_TESTS if quick else 1])


def base_of(
    verdict: Verdict,
    draft: Draft,
    file: SourceFile,
    function: Function,
    suite: Suite,
    depth: int,
    *,
    written: bool = False,
) -> Base:
    ids = counted(verdict, suite)
    first = first_tests(failing(verdict, suite))
    hangs = any(verdict.results[i].outcome == "timeout" for i in first)
    good = passed(verdict, suite, ids)
    missing = 1 - good / max(1, len(ids))
    return Base(verdict, draft, file, function, good, first, first, hangs, depth, written, missing)


def prepared(base: Base, root: Path, suite: Suite, sources: Mapping[str, str]) -> Base:
    """The base with its changes planned, which takes a while where the module is large."""
    failures = failing(base.verdict, suite)
    nearby = look_around(base.file, base.function, failures, sources)
    first_line = base.file.line_at(base.function.body_start)
    suspicion = from_tracebacks(failures, base.file.path, root, first_line, parse(base.draft.body))
    found = changes(base.draft.body, nearby, suspicion, OF_DRAFTS if base.written else PRIORS)
    base.ahead = found[: MOST_AFTERWARDS if base.depth > 1 or base.written else None][::-1]
    return base


def stands_alone(base: Base, alone: Mapping[str, TestResult]) -> bool:
    """Whether the first tests fail by themselves as they do among all others."""
    return all(
        i in alone
        and alone[i].outcome == base.verdict.results[i].outcome
        and alone[i].message.split(" ")[0] == base.verdict.results[i].message.split(" ")[0]
        for i in base.first
    )


def may_be_near(verdict: Verdict, board: Board, sources: Mapping[str, str]) -> bool:
    """Whether a draft that does some good, but not all, may be one small change away from it.

    How many tests it passes tells little: one wrong entry of a dictionary fails nearly all of them.
    `sources` are those of tests, by their ids.
    """
    suite = board.suite
    ids = counted(verdict, suite)
    good = passed(verdict, suite, ids)
    before = baseline_passes(suite, suite.counting, was_stub=suite.was_stub)
    checks = sum(max(1, len(_CHECK.findall(sources.get(i, "")))) for i in ids)
    return verdict.complete and checks >= ENOUGH_CHECKS and before < good < len(ids)


def told_apart(bodies: Sequence[str]) -> set[str]:
    """What these bodies mean, so that none of them is tried again."""
    return {said for body in bodies if (said := meaning(body)) is not None}
