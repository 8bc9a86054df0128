"""Tries mutations while the model thinks: many, quietly, and only what is better is told.

A mutant is run on a few tests that failed before, and on all if it passes those. Several
mutants may pass all tests and only one be right, so a short while is spent on looking for
more of them; then the likeliest is told first.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from flowmill.engine.board import Board
from flowmill.engine.desk import Task
from flowmill.engine.judge import Judge, Tried
from flowmill.engine.meter import Meter
from flowmill.engine.verdict import Verdict, better, counted, is_green, passed
from flowmill.errors import TargetError
from flowmill.mutation.base import Base, base_of, prepared, stands_alone, told_apart
from flowmill.mutation.graft import graft
from flowmill.mutation.lanes import Lanes
from flowmill.mutation.mutant import Mutant
from flowmill.mutation.plan import meaning
from flowmill.mutation.shapes import PRIORS, Change
from flowmill.shapes import FINE, Draft, TestResult
from flowmill.source.splice import SpliceError, splice

WINDOW_SECONDS, WINDOW_TRIES = 1.0, 30
"""How long more mutants are looked for when one has passed all tests."""
STRONG, LONGER = 0.7, 3
"""Where no kind of change that passes has this prior, they are looked for so many times as long."""
SECOND_BASES = 3
"""Mutants that are better than the original and are mutated themselves, where no single change will do."""
DEEPEST = 4
"""Changes of a model's draft on top of one another, each of which is better than all before."""
TIMEOUT_SHARE = 0.5
"""Of the run's seconds, those that each lane may spend in tests that do not end."""
AFTERWARDS_SECONDS = 15.0
"""How long mutants are tried on when the model has no more to say."""
PARTLY, PARTLY_OF_DRAFTS = 3, 30
"""Mutants of one body that are run on all tests though they pass so many of the first ones only; a model's
draft may need several changes, each of which helps a little."""
LEAST_SECONDS, LEAST_WHERE_IT_HANGS = 1.0, 0.6
"""A mutant's test gets no less; where the original's does not end, most mutants' will not either."""
PATIENCE = 0.25
"""Seconds of one mutant's tests after which its first failure ends them."""


class Campaign:
    """Feed it with `add`, listen to `news`; `aclose` ends what still runs."""

    def __init__(self, judge: Judge, board: Board, lanes: Lanes, meter: Meter, task: Task) -> None:
        self._judge = judge
        self._board = board
        self._lanes = lanes
        self._meter = meter
        self._task = task
        self._bases: list[Base] = []
        self._incoming: list[tuple[Verdict, Draft, int]] = []
        self._second: list[tuple[int, Tried]] = []
        """What made more tests pass, with how many."""
        self._running: set[asyncio.Task[Mutant | None]] = set()
        self._seen = told_apart(task.rejected)
        self._greens: list[Mutant] = []
        self._better: list[Mutant] = []
        self._window: tuple[float, int] | None = None
        """When the first one passed all tests, and how many had been tried."""
        self._until = math.inf
        self._lost_seconds = 0.0
        self.tried = 0
        self.green = 0

    # -------------------------------------------------------------- from outside
    def add(self, verdict: Verdict, draft: Draft) -> None:
        """Mutate this body from now on, too."""
        self._incoming.append((verdict, draft, 1))

    async def _take(self, verdict: Verdict, draft: Draft, depth: int) -> None:
        """Plan the changes of a body."""
        suite = self._board.suite
        if suite.open_ended or any(base.draft == draft for base in self._bases):
            return
        file, function = self._judge.place_of(verdict)
        # A stub is not changed, so that in a run that writes one every body is a model's.
        written = verdict.number != 0 or self._task.mode == "generate"
        base = base_of(verdict, draft, file, function, suite, depth, written=written)
        if not base.first or function.is_stub or not draft.body.strip():
            return
        self._seen |= told_apart((draft.body,))
        try:
            await asyncio.to_thread(prepared, base, self._judge.root, suite, self._task.test_sources)
        except TargetError:
            return
        alone = (
            {} if base.hangs else await self._judge.probe(verdict.data, base.first, self._test_seconds(base))
        )
        if alone and not stands_alone(base, alone):
            base.run = await self._in_company(base)
        self._bases.append(base)

    async def _in_company(self, base: Base) -> frozenset[str]:
        """Which tests have to run for the first ones to fail as they did: they need others before them."""
        suite = self._board.suite
        ran = await self._judge.probe(base.verdict.data, suite.counting, self._test_seconds(base))
        if stands_alone(base, ran):
            return suite.counting
        self._judge.together = True
        return frozenset(test.id for test in suite.tests)

    async def news(self) -> Mutant | None:
        """The next mutant that is worth a draft, None if nothing is left to try for now."""
        while True:
            await self._fill()
            found = self._found()
            if found is not None:
                return found
            if not self._running and (self._spent or not self._left):
                return None
            await self._heard()

    def alone(self) -> None:
        """The model has no more to say: go on for a while only."""
        self._until = time.monotonic() + AFTERWARDS_SECONDS

    async def aclose(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def summary(self) -> str:
        """One line for the user, "" if nothing was tried."""
        if not self.tried:
            return ""
        what = f"{self.tried} mutation{'s' * (self.tried > 1)} tried without the model"
        passing = f"{self.green or 'none'} of them pass{'es' * (self.green == 1)} every test"
        return f"{what}, {passing}{'; too many tests did not end' * self._endless}"

    # -------------------------------------------------------------- which one is next
    @property
    def _left(self) -> int:
        return sum(base.left for base in self._bases) + len(self._second) + len(self._incoming)

    @property
    def _spent(self) -> bool:
        """Whether no more mutants are to be started."""
        return self._endless or self._meter.remaining <= 0 or time.monotonic() >= self._until

    @property
    def _endless(self) -> bool:
        return self._lost_seconds > TIMEOUT_SHARE * self._meter.budget.seconds * self._lanes.count

    async def _fill(self) -> None:
        """Start mutants on the lanes that are free."""
        while self._incoming:
            await self._take(*self._incoming.pop(0))
        while self._lanes.free and not self._spent and not any(task.done() for task in self._running):
            made = await self._next()
            if made is None:
                if self._running or not self._second:
                    return
                await self._deepen()
                continue
            self._running.add(asyncio.create_task(self._try(*made)))
            await asyncio.sleep(0)  # It takes its lane.

    async def _next(self) -> tuple[Base, Change, Draft, bytes] | None:
        """The next one that is new and can be run, of the body that was changed least often."""
        while bases := [base for base in self._bases if base.left]:
            base = min(bases, key=lambda base: base.turn)
            base.tries += 1
            change = base.next()
            body = change.write() if change else None
            said = meaning(body) if body is not None else None
            await asyncio.sleep(0)  # To write one out takes a while, and many are the same.
            if change is None or body is None or said is None or said in self._seen:
                continue
            self._seen.add(said)
            draft = replace(base.draft, body=body)
            data = self._data(base, draft)
            if data is not None:
                self.tried += 1
                return base, change, draft, data
        return None

    def _data(self, base: Base, draft: Draft) -> bytes | None:
        if not base.function.inline:
            return graft(base.file, base.function, draft.body)
        try:
            return splice(base.file, base.function, Draft(draft.body))
        except SpliceError:
            return None

    async def _deepen(self) -> None:
        """No single change will do: go on from the best of those that did some good."""
        second = sorted(self._second, key=lambda pair: -pair[0])[:SECOND_BASES]
        self._second = []
        for _, tried in second:
            await self._take(tried.verdict, tried.draft, 2)

    # -------------------------------------------------------------- one mutant
    async def _try(self, base: Base, change: Change, draft: Draft, data: bytes) -> Mutant | None:
        with self._lanes.probe():
            began = time.monotonic()
            ran = await self._judge.probe(data, base.run, self._test_seconds(base), _enough(base, began))
            results = {i: r for i, r in ran.items() if i in base.first}
            if any(r.outcome == "timeout" for r in ran.values()):
                self._lost_seconds += time.monotonic() - began
                base.hangs_with(change)
            good = sum(r.outcome == "passed" for r in results.values())
            if not self._promises(base, good):
                return None
            tried = await self._judge.try_all(draft, self._test_seconds(base))
        return self._weighed(base, change, tried) if tried is not None else None

    def _promises(self, base: Base, good: int) -> bool:
        """Whether a mutant that passes so many of the first tests is worth a run of all."""
        if good == len(base.first):
            return True
        base.partly[good] += 1
        most = PARTLY_OF_DRAFTS if base.written else PARTLY
        return bool(good) and not self._greens and base.partly[good] <= most

    def _weighed(self, base: Base, change: Change, tried: Tried) -> Mutant | None:
        suite, verdict = self._board.suite, tried.verdict
        good = passed(verdict, suite, counted(verdict, suite))
        if good <= base.good or not self._judge.trusts(tried):
            return None
        green = is_green(verdict, suite)
        if not green and base.written and good > max(b.good for b in self._bases) and base.depth < DEEPEST:
            self._incoming.append((verdict, tried.draft, base.depth + 1))
        elif not green and base.depth == 1:
            self._second.append((good, tried))
        return Mutant(change, tried, green, max(base.verdict.number, 0))

    def _test_seconds(self, base: Base) -> float:
        """A few times what the slowest test takes that ends."""
        ended = [r.seconds for r in self._board.suite.baseline.values() if r.outcome != "timeout"]
        return max(LEAST_WHERE_IT_HANGS if base.hangs else LEAST_SECONDS, 5 * max(ended, default=0.0))

    # -------------------------------------------------------------- what came of them
    async def _heard(self) -> None:
        """Wait until a mutant is judged, a lane is free, or the window closes."""
        freed = asyncio.create_task(self._lanes.changed())
        left = max(0.0, self._closing[0] - time.monotonic()) if self._greens else None
        try:
            await asyncio.wait({*self._running, freed}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            freed.cancel()
        done = {task for task in self._running if task.done()}
        self._running -= done
        for mutant in (task.result() for task in done):
            if mutant is not None and mutant.green:
                self.green += 1
                self._greens.append(mutant)
                self._window = self._window or (time.monotonic(), self.tried)
            elif mutant is not None:
                self._better.append(mutant)

    @property
    def _closing(self) -> tuple[float, int]:
        """Until when, and up to which mutant, more that pass are looked for."""
        began, tried = self._window or (0.0, 0)
        times = 1 if any(PRIORS[mutant.change.kind] >= STRONG for mutant in self._greens) else LONGER
        return began + times * WINDOW_SECONDS, tried + times * WINDOW_TRIES

    def _found(self) -> Mutant | None:
        """What is to be told: what is better at once, the best of those that pass all when the window closes."""
        while self._better:
            mutant = self._better.pop(0)
            if better(mutant.tried.verdict, self._board.best, self._board.suite):
                return mutant
        if not self._greens or self._window is None:
            return None
        seconds, tries = self._closing
        over = time.monotonic() >= seconds or self.tried >= tries
        if not over and (self._running or self._left):
            return None
        lines = Counter(mutant.change.line for mutant in self._greens)
        best = max(self._greens, key=lambda mutant: mutant.likelihood(lines))
        self._greens.remove(best)
        return best


def _enough(base: Base, began: float) -> Callable[[TestResult], bool]:
    """Says of which outcome on nothing more is to be learnt."""

    def enough(result: TestResult) -> bool:
        bad = result.id in base.first and result.outcome not in FINE
        return bad and time.monotonic() - began > PATIENCE

    return enough
