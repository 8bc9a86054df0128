"""How a draft fared, and which of two drafts is the better one: pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flowmill.shapes import Candidate, SelectedHow, TestRef, TestResult


@dataclass(frozen=True, slots=True)
class Suite:
    """The tests of a run and what they said about the code as it stood.

    `counting` are the ids that a verdict rests on: they execute the target and are
    not known to flicker. `doctests` and `made` only rank. `visible` ids may appear
    in prompts. `open_ended` means that the baseline could not be collected because
    of the target itself, so that a draft may bring ids nobody has seen yet: they come
    from `files` and `keep`, as `TestOrder` takes them.
    """

    tests: tuple[TestRef, ...]
    counting: frozenset[str]
    doctests: frozenset[str]
    visible: frozenset[str]
    baseline: Mapping[str, TestResult]
    was_stub: bool
    open_ended: bool = False
    files: tuple[str, ...] | None = None
    keep: tuple[str, ...] = ()
    how: SelectedHow = "static"

    @property
    def trusts(self) -> bool:
        """Whether there is any test that a verdict can rest on."""
        return bool(self.counting) or self.open_ended

    @property
    def held_back(self) -> frozenset[str]:
        return self.counting - self.visible

    def failing_before(self) -> tuple[str, ...]:
        """Counting tests that were run and did not pass; one that was not reported says nothing."""
        ran = [(t.id, self.baseline.get(t.id)) for t in self.tests if t.id in self.counting]
        return tuple(i for i, result in ran if result is not None and not _fine(result, result))


@dataclass(frozen=True, slots=True)
class Verdict:
    """One judged draft. `number` 0 is the code as it stood.

    `results` holds all outcomes by id; `complete` is False if the run of the tests
    broke off, `refused` says why a draft was not run at all, or why its run is not trusted.
    """

    number: int
    candidate: Candidate | None
    code: str
    data: bytes
    diff: str
    results: Mapping[str, TestResult]
    complete: bool
    refused: str = ""
    problem: str = ""

    @property
    def size(self) -> int:
        """Changed lines: of two equal drafts the smaller change is kept."""
        return sum(line[:1] in "+-" for line in self.diff.splitlines())


def _fine(result: TestResult | None, before: TestResult | None) -> bool:
    if result is None:
        return False
    skipped_before = before is not None and before.outcome == "skipped"
    return result.outcome == "passed" or (result.outcome == "skipped" and skipped_before)


def passed(verdict: Verdict, suite: Suite, ids: Iterable[str]) -> int:
    """How many of `ids` came out fine: passed, or skipped as they were before."""
    return sum(_fine(verdict.results.get(i), suite.baseline.get(i)) for i in ids)


def baseline_passes(suite: Suite, ids: Iterable[str], *, was_stub: bool) -> int:
    """How many of `ids` passed on the code as it stood; a stub's count for nothing."""
    return 0 if was_stub else sum(_fine(suite.baseline.get(i), suite.baseline.get(i)) for i in ids)


def counted(verdict: Verdict, suite: Suite) -> frozenset[str]:
    """The ids that the verdict rests on; an open-ended suite takes what the draft's run brought."""
    if not suite.open_ended:
        return suite.counting
    rank_only = suite.doctests
    return frozenset(i for i in verdict.results if i not in rank_only and not is_made(i))


def is_made(test_id: str) -> bool:
    return test_id.startswith("flowmill::made::")


def is_green(verdict: Verdict, suite: Suite) -> bool:
    """Every counting test ran and passes."""
    ids = counted(verdict, suite)
    return bool(ids) and verdict.complete and not verdict.refused and passed(verdict, suite, ids) == len(ids)


def is_verified(verdict: Verdict, suite: Suite) -> bool:
    """Green, by tests of which at least one failed before (or the body was a stub), and no doctest fails anew."""
    if not is_green(verdict, suite) or _breaks_doctest(verdict, suite):
        return False
    some_pass = any(verdict.results[i].outcome == "passed" for i in counted(verdict, suite))
    return some_pass and (suite.was_stub or suite.open_ended or bool(suite.failing_before()))


def _breaks_doctest(verdict: Verdict, suite: Suite) -> bool:
    kept = [i for i in suite.doctests if _fine(suite.baseline.get(i), suite.baseline.get(i))]
    return passed(verdict, suite, kept) < len(kept)


def score(verdict: Verdict, suite: Suite) -> tuple[int, int, int, int]:
    """Greater is better: trusted passes, doctest passes, passes of made tests, smaller change."""
    made = [i for i in verdict.results if is_made(i)]
    return (
        passed(verdict, suite, counted(verdict, suite)),
        passed(verdict, suite, suite.doctests),
        passed(verdict, suite, made),
        -verdict.size,
    )


def better(verdict: Verdict, than: Verdict, suite: Suite) -> bool:
    """True if `verdict` should replace `than` as best so far; never for a refused one.

    Where nothing can be run at all, the first usable draft is better than a stub.
    """
    if verdict.refused:
        return False
    if not verdict.results:
        return not suite.tests and suite.was_stub and than.number == 0
    if than.number == 0:
        return score(verdict, suite)[:3] > score(than, suite)[:3]
    return score(verdict, suite) > score(than, suite)


def counts(results: Mapping[str, TestResult], ids: Iterable[str]) -> dict[str, int]:
    """Counts per outcome over `ids`, only outcomes that occur."""
    tally = Counter(results[i].outcome for i in ids if i in results)
    return dict(sorted(tally.items()))


def signature(verdict: Verdict) -> tuple[tuple[str, str, str], ...]:
    """What the tests said: two drafts with the same signature taught the same."""
    return tuple(sorted((r.id, r.outcome, r.message) for r in verdict.results.values()))
