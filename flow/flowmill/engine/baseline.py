"""Before anything is asked of a model: which tests there are, and what they say of the code as it stands."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from flowmill.engine.emitter import Emitter
from flowmill.engine.hindrance import hindrance, why
from flowmill.engine.judge import report
from flowmill.engine.mapping import learn
from flowmill.engine.meter import Meter
from flowmill.engine.request import RunRequest
from flowmill.engine.verdict import Suite
from flowmill.errors import UsageError
from flowmill.events import TestsSelected
from flowmill.project.function_map import FunctionMap
from flowmill.project.mapped import select_mapped
from flowmill.project.selection import Selection, Tier
from flowmill.protocols import Runner
from flowmill.shapes import Collected, Project, RunEnd, Target, TestLimits, TestOrder, TestRef, TestResult

BROKEN = frozenset({"no_python", "no_pytest", "usage"})
LOST = frozenset({"crashed", "timeout", "output"})
"""What becomes of a process that ends, or is ended, before it has said which tests there are."""


@dataclass(slots=True)
class Tally:
    """What one run of the tests reported."""

    tests: tuple[TestRef, ...] = ()
    results: dict[str, TestResult] = field(default_factory=dict[str, TestResult])
    notes: dict[str, None] = field(default_factory=dict[str, None])
    barred: frozenset[str] = frozenset()
    end: RunEnd = field(default_factory=lambda: RunEnd("crashed", "the tests' process ended without a word"))

    def join(self, later: Tally) -> None:
        """Add another run's report to this one, whose end is then that of the later run."""
        known, new = self.end.reached, later.end.reached
        if known is None or not self.tests:
            reached = new
        else:
            # A tier that could not be traced may have reached it with any of its tests.
            reached = known | (frozenset(later.results) if new is None else new)
        self.tests = _union(self.tests, later.tests)
        self.results |= later.results
        self.notes |= dict.fromkeys(later.end.notes)
        self.barred |= later.end.barred
        self.end = replace(later.end, reached=reached)


def _union(one: tuple[TestRef, ...], other: tuple[TestRef, ...]) -> tuple[TestRef, ...]:
    return tuple({ref.id: ref for ref in (*one, *other)}.values())


@dataclass(frozen=True, slots=True)
class Baseline:
    """`wider` is the tier that the winner is confirmed on: more tests than the drafts are run on.

    `problem` says what kept the tests from being collected, if the target itself did.
    """

    suite: Suite
    wider: Tier | None = None
    problem: str = ""


class BaselineTaker:
    """Tries tiers of tests, the most specific first, until one holds tests that execute the target.

    What the tests execute besides is added to the map, if there is one.
    """

    def __init__(
        self,
        request: RunRequest,
        target: Target,
        was_stub: bool,
        runner: Runner,
        meter: Meter,
        emitter: Emitter,
        known: FunctionMap | None = None,
    ) -> None:
        self._request = request
        self._target = target
        self._was_stub = was_stub
        self._runner = runner
        self._meter = meter
        self._emitter = emitter
        self._known = known
        self._so_far = Tally()

    async def take(self) -> Baseline:
        """Select the tests and run them on the code as it stands.

        Raises `ProjectError` if they cannot run for a reason that is not the target's,
        `UsageError` for given ids that do not exist.
        """
        request = self._request
        with self._emitter.stage("tests"):
            selection = await asyncio.to_thread(
                select_mapped,
                request.project.root,
                request.file,
                request.qualname,
                request.tests,
                request.buffers,
                self._known,
            )
            if selection.note:
                self._emitter.note(selection.note)
            baseline = await self._first_useful(selection)
        if baseline is None:
            self._emitter.note("no test reaches this function: the result will be unverified", "warning")
            return Baseline(Suite((), frozenset(), frozenset(), frozenset(), {}, self._was_stub))
        return baseline

    async def _first_useful(self, selection: Selection) -> Baseline | None:
        """The first tier that reaches the target; for a written body, all up to the first that faults it."""
        useful: Baseline | None = None
        broken: RunEnd | None = None
        for place, tier in enumerate(selection.tiers):
            rest = selection.tiers[place + 1 :]
            tally = await self._run(tier)
            _complain(tally, tier, self._request.project)
            if _uncollected(tally):
                broken = broken or tally.end
                if tally.end.problem == "timeout":
                    break  # it would hang in every further tier, for half of the time that is left
            self._so_far.join(tally)
            if _useful(tally, tier, last=not rest):
                wider = None if tier.how == "given" else next((t for t in rest if t.how != "all"), None)
                problem = tally.end.detail if tally.end.through_target else ""
                useful = Baseline(self._suite(self._so_far, tier), wider, problem)
                if self._was_stub or problem or useful.suite.failing_before():
                    break
        if useful is None and broken:
            raise hindrance(broken, self._request.project)
        if broken:
            self._emitter.note(f"{why(broken)}; those that can be count", "warning")
        return useful and self._noted(useful)

    def _noted(self, baseline: Baseline) -> Baseline:
        for note in self._so_far.notes:
            self._emitter.note(note)
        ran = sum(t.trust == "project" for t in baseline.suite.tests)
        counting = len(baseline.suite.counting)
        if counting < ran:
            self._emitter.note(f"{counting} of {ran} tests reach the function; the others do not count")
        return baseline

    def _order(self, tier: Tier) -> TestOrder:
        seconds = max(10.0, self._meter.remaining / 2)
        return TestOrder(
            self._request.buffers,
            tier.files,
            tier.keep,
            doctest=self._target,
            trace=self._target,
            census=self._known is not None,
            untrusted=False,
            limits=TestLimits(seconds, self._request.test_seconds, timeouts=3),
        )

    async def _run(self, tier: Tier) -> Tally:
        tally, began = Tally(), time.time()
        with self._meter.tests_busy():
            async with aclosing(self._runner.run(self._order(tier))) as messages:
                async for message in messages:
                    if isinstance(message, Collected):
                        tally.tests = message.tests
                        selected = _union(self._so_far.tests, message.tests)
                        self._emitter.emit(TestsSelected(selected, tier.how))
                    elif isinstance(message, TestResult):
                        tally.results[message.id] = message
                        self._emitter.emit(report(0, message))
                    else:
                        tally.end = message
        await self._learn(tally, began)
        return tally

    async def _learn(self, tally: Tally, began: float) -> None:
        census, request = tally.end.census, self._request
        if self._known is not None and census is not None:
            await asyncio.to_thread(
                learn, self._known, request.project.root, request.buffers, census, tally.results, began
            )

    def _suite(self, tally: Tally, tier: Tier) -> Suite:
        """Which tests count: those that execute the target, or all that the user named."""
        project = [t.id for t in tally.tests if t.trust == "project"]
        reached = tally.end.reached
        all_count = tier.how == "given" or reached is None
        counting = frozenset(i for i in project if all_count or i in (reached or ())) - tally.barred
        return Suite(
            tests=tally.tests,
            counting=counting,
            doctests=frozenset(t.id for t in tally.tests if t.trust == "doctest"),
            visible=frozenset(),
            baseline=tally.results,
            was_stub=self._was_stub,
            open_ended=tally.end.through_target and not counting,
            files=tier.files,
            keep=tier.keep,
            how=tier.how,
        )


def _complain(tally: Tally, tier: Tier, project: Project) -> None:
    """Raise what the user has to mend before any draft makes sense."""
    end = tally.end
    if end.problem in BROKEN or (tier.how == "given" and _uncollected(tally)):
        raise hindrance(end, project)
    if tier.how == "given" and end.problem in (None, "no_tests") and end.detail:
        raise UsageError(f"--tests: {end.detail}")


def _uncollected(tally: Tally) -> bool:
    """Whether test files were kept from being collected, and not by the target."""
    end = tally.end
    lost = end.problem in LOST and not tally.tests
    return (end.problem == "collection" or lost) and not end.through_target


def _useful(tally: Tally, tier: Tier, *, last: bool) -> bool:
    """Whether the tier holds tests that count; doctests alone will do only where nothing else is left."""
    if tally.end.through_target:
        return True
    ran = {t.id for t in tally.tests if last or t.trust == "project"}
    if tier.how == "given" or tally.end.reached is None:
        return bool(ran)
    return bool(tally.end.reached & ran)
