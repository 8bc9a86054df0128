"""The winner is run once more from cold, and beyond the tests that it was made with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from flowmill.engine.board import Board
from flowmill.engine.emitter import Emitter
from flowmill.engine.feedback import short_id
from flowmill.engine.judge import Judge, report
from flowmill.engine.verdict import Verdict, is_made
from flowmill.events import TestsSelected
from flowmill.project.selection import Tier
from flowmill.shapes import FINE, TestRef, TestResult


async def confirm(judge: Judge, board: Board, wider: Tier | None, emitter: Emitter) -> bool:
    """True if the best draft holds.

    A test that now answers otherwise flickers and no longer counts; a test of the
    wider tier that executes the target and fails joins the suite.
    """
    best = board.best
    with emitter.stage("confirm"):
        again, end = await judge.run_tests(best.number, best.data, again=True)
        if end is not None and end.doubt:
            emitter.note(f"draft {best.number} is not trusted: {end.doubt}", "warning")
            board.doubt(best, end.doubt)
            return False
        if end is None or end.problem:
            emitter.note(
                f"draft {best.number} could not be confirmed: {end.detail if end else 'cut off'}", "warning"
            )
            board.doubt(best)
        await _settle_unsteady(judge, board, best, again, emitter)
        if board.verified and board.best is best and wider is not None:
            await _look_wider(judge, board, wider, emitter)
    return board.verified and board.best.number == best.number


async def _settle_unsteady(
    judge: Judge, board: Board, best: Verdict, again: Mapping[str, TestResult], emitter: Emitter
) -> None:
    """Same draft, other outcome: a test that flickers on the user's own code too does not count.

    For the others nothing tells the test's chance from the draft's, so the draft is doubted.
    """
    suite = board.suite
    unsteady = {i for i, r in best.results.items() if i in again and _differ(again[i], r) and not is_made(i)}
    if not unsteady:
        return
    before, _ = await judge.run_tests(0, judge.original, only=frozenset(unsteady), again=True)
    flickers = {
        i for i in unsteady if i in before and i in suite.baseline and _differ(before[i], suite.baseline[i])
    }
    if flickers:
        emitter.note(
            f"{_names(flickers)}: passes and fails at random on the same code; it does not count", "warning"
        )
    if unsteady - flickers:
        emitter.note(
            f"draft {best.number} is not trusted: {_names(unsteady - flickers)} passed and then failed at random",
            "warning",
        )
        board.doubt(best)
    board.reconsider(replace(suite, counting=suite.counting - flickers))


def _differ(one: TestResult, other: TestResult) -> bool:
    return (one.outcome in FINE) != (other.outcome in FINE)


def _names(ids: Iterable[str]) -> str:
    return ", ".join(short_id(i) for i in sorted(ids)[:3])


async def _look_wider(judge: Judge, board: Board, wider: Tier, emitter: Emitter) -> None:
    best, suite = board.best, board.suite
    results, end = await judge.run_wider(best.data, wider)
    known = {t.id for t in suite.tests}
    reached = end.reached if end is not None and end.reached is not None else frozenset(results)
    bad = [r for i, r in results.items() if i not in known and i in reached and r.outcome not in FINE]
    if end is not None and end.doubt:
        emitter.note(f"draft {best.number} is not trusted: {end.doubt}", "warning")
        board.doubt(best, end.doubt)
        return
    if end is None or end.through_target:
        emitter.note(
            f"draft {best.number} is not trusted: a wider test file cannot be collected with it", "warning"
        )
        board.doubt(best)
        return
    if end.problem == "timeout":
        emitter.note(f"{len(results)} further tests were run in the time there was")
    if not bad:
        fresh = sum(i in reached and i not in known for i in results)
        if fresh:
            emitter.note(f"{fresh} further tests that reach the function pass too")
        return
    before, _ = await judge.run_wider(
        judge.original, Tier(wider.files, tuple(r.id for r in bad), wider.how, wider.why)
    )
    guilty = [r for r in bad if r.id in before and not _same_failure(before[r.id], r)]
    if not guilty:
        return
    refs = tuple(TestRef(r.id) for r in guilty)
    tests = suite.tests + refs
    emitter.emit(TestsSelected(tests, wider.how))
    for r in guilty:
        emitter.emit(report(0, before[r.id]))
        emitter.emit(report(best.number, r))
    emitter.note(
        f"{len(guilty)} further tests fail with draft {best.number}: they count from now on", "warning"
    )
    ids = {r.id for r in guilty}
    board.learn(
        replace(
            suite,
            tests=tests,
            counting=suite.counting | ids,
            baseline={**suite.baseline, **{i: before[i] for i in ids}},
        ),
        best,
        {r.id: r for r in guilty},
    )


def _same_failure(before: TestResult, after: TestResult) -> bool:
    """A test that failed in the same way before is not the draft's fault."""
    return before.outcome not in FINE and before.message == after.message
