"""Before anything is asked of a model: which tests there are, and what they say of the code as it stands."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, field

from flowmill.engine.emitter import Emitter
from flowmill.engine.judge import report
from flowmill.engine.meter import Meter
from flowmill.engine.request import RunRequest
from flowmill.engine.verdict import Suite
from flowmill.errors import ProjectError, UsageError
from flowmill.events import TestsSelected
from flowmill.project.selection import Selection, Tier, select
from flowmill.protocols import Runner
from flowmill.shapes import Collected, RunEnd, Target, TestLimits, TestOrder, TestRef, TestResult

BROKEN = frozenset({"no_python", "no_pytest", "usage"})


@dataclass(slots=True)
class Tally:
    """What one run of the tests reported."""

    tests: tuple[TestRef, ...] = ()
    results: dict[str, TestResult] = field(default_factory=dict[str, TestResult])
    end: RunEnd = field(default_factory=lambda: RunEnd("crashed", "the tests' process ended without a word"))


@dataclass(frozen=True, slots=True)
class Baseline:
    """`wider` is the tier that the winner is confirmed on: more tests than the drafts are run on."""

    suite: Suite
    wider: Tier | None


async def take_baseline(
    request: RunRequest, target: Target, was_stub: bool, runner: Runner, meter: Meter, emitter: Emitter
) -> Baseline:
    """Select the tests and run them on the code as it stands.

    Tiers are tried from the most specific on until one holds tests that execute the
    target. Raises `ProjectError` if the tests cannot run for a reason that is not the
    target's, `UsageError` for given ids that do not exist.
    """
    with emitter.stage("tests"):
        selection = select(
            request.project.root, request.file, request.qualname, request.tests, request.buffers
        )
        if selection.note:
            emitter.note(selection.note)
        baseline = await _first_tier(request, target, was_stub, runner, meter, emitter, selection)
    if baseline is None:
        emitter.note("no test reaches this function: the result will be unverified", "warning")
        return Baseline(Suite((), frozenset(), frozenset(), frozenset(), {}, was_stub), None)
    return baseline


async def _first_tier(
    request: RunRequest,
    target: Target,
    was_stub: bool,
    runner: Runner,
    meter: Meter,
    emitter: Emitter,
    selection: Selection,
) -> Baseline | None:
    tally = Tally()
    for place, tier in enumerate(selection.tiers):
        last = place == len(selection.tiers) - 1
        doctest = target if place == 0 else None
        order = TestOrder(
            request.buffers,
            tier.files,
            tier.keep,
            doctest=doctest,
            trace=target,
            limits=TestLimits(max(10.0, meter.remaining / 2), request.test_seconds, timeouts=3),
        )
        tally = await _run(order, runner, meter, emitter, tier)
        if tally.end.problem in BROKEN:
            raise ProjectError(tally.end.detail)
        if (
            tally.end.problem == "collection"
            and not tally.end.through_target
            and not tally.results
            and (last or tier.how == "given")
        ):
            raise ProjectError(f"the tests cannot be collected: {tally.end.detail}")
        if tier.how == "given" and tally.end.problem in (None, "no_tests") and tally.end.detail:
            raise UsageError(f"--tests: {tally.end.detail}")
        if _useful(tally, given=tier.how == "given"):
            wider = (
                None
                if tier.how == "given"
                else next((t for t in selection.tiers[place + 1 :] if t.how != "all"), None)
            )
            return Baseline(suite_of(tally, was_stub, tier, emitter), wider)
    if not selection.tiers:
        order = TestOrder(request.buffers, doctest=target, limits=TestLimits(30.0, request.test_seconds))
        doctests = Tier((), (), "static", "doctests")
        tally = await _run(order, runner, meter, emitter, doctests)
        if tally.end.problem in BROKEN:
            raise ProjectError(tally.end.detail)
        if tally.tests:
            return Baseline(suite_of(tally, was_stub, doctests, emitter), None)
    return None


def _useful(tally: Tally, *, given: bool) -> bool:
    if tally.end.through_target:
        return True
    if given:
        return bool(tally.tests)
    ran = {t.id for t in tally.tests}
    return bool(ran) and (tally.end.reached is None or bool(tally.end.reached & ran))


async def _run(order: TestOrder, runner: Runner, meter: Meter, emitter: Emitter, tier: Tier) -> Tally:
    tally = Tally()
    with meter.tests_busy():
        async with aclosing(runner.run(order)) as stream:
            async for message in stream:
                if isinstance(message, Collected):
                    tally.tests = message.tests
                    emitter.emit(TestsSelected(message.tests, tier.how))
                elif isinstance(message, TestResult):
                    tally.results[message.id] = message
                    emitter.emit(report(0, message))
                else:
                    tally.end = message
    return tally


def suite_of(tally: Tally, was_stub: bool, tier: Tier, emitter: Emitter) -> Suite:
    """Which tests count: those that execute the target, or all that the user named."""
    project = [t.id for t in tally.tests if t.trust == "project"]
    reached = tally.end.reached
    all_count = tier.how == "given"
    counting = frozenset(i for i in project if all_count or reached is None or i in reached)
    aside = [i for i in project if i not in counting]
    if aside:
        emitter.note(f"{len(counting)} of {len(project)} tests reach the function; the others do not count")
    return Suite(
        tests=tally.tests,
        counting=counting,
        doctests=frozenset(t.id for t in tally.tests if t.trust == "doctest"),
        visible=frozenset(),
        baseline=tally.results,
        was_stub=was_stub,
        open_ended=tally.end.through_target and not counting,
        files=tier.files,
        keep=tier.keep,
    )
