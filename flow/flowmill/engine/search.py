"""Drafts and verdicts side by side, until a draft is verified and confirmed or the budget is spent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing, suppress

from flowmill.engine.agreement import agree, enough_unverified, settle_by_agreement
from flowmill.engine.board import Board
from flowmill.engine.confirm import confirm
from flowmill.engine.desk import Desk
from flowmill.engine.emitter import Emitter
from flowmill.engine.judge import Judge
from flowmill.engine.meter import BudgetSpent, Meter
from flowmill.engine.release import release
from flowmill.engine.verdict import Verdict
from flowmill.mutation.base import may_be_near
from flowmill.mutation.campaign import Campaign
from flowmill.mutation.lanes import Lanes
from flowmill.mutation.mutant import Mutant
from flowmill.project.selection import Tier
from flowmill.shapes import Candidate, Draft, StrategyName
from flowmill.strategies import STRATEGIES

AHEAD_SECONDS, AHEAD_SHARE = 20.0, 0.3
"""How long, and for which share of the run, mutations have the cores to themselves before the model gets them."""
TESTS_SECONDS = 5.0
"""How long a draft's tests have them to themselves before the model is asked for the next one."""
CHANGES_SECONDS = 5.0
"""And how long small changes of a draft that is not right yet."""


class Search:
    """One search on one board. `confirmed` is the draft that held when it was run again, or None.

    Up to `lanes` drafts are judged at once; where the strategy has it, mutations take what lanes are free.
    If the model `shares_cores` with the tests, they take turns: beside a model that writes, the tests that stand
    back for it get a tenth of a core. So a repair begins with a while of mutations, and each draft is tested, and
    for a while changed, before the next one is asked for.
    """

    def __init__(
        self,
        desk: Desk,
        judge: Judge,
        board: Board,
        wider: Tier | None,
        meter: Meter,
        emitter: Emitter,
        lanes: int = 1,
        *,
        shares_cores: bool = False,
    ) -> None:
        self._most = lanes
        self._lanes = Lanes(lanes)
        self._judging: set[asyncio.Task[None]] = set()
        self._desk = desk
        self._judge = judge
        self._board = board
        self._wider = wider
        self._meter = meter
        self._emitter = emitter
        self._queue: asyncio.Queue[Candidate | None] = asyncio.Queue(maxsize=2)
        self._shares_cores = shares_cores
        self._campaign: Campaign | None = None
        self._looked_at = 0
        """Verdicts that were looked at for a draft to change."""
        self._let_be = 0
        """Those that there were when the model was last asked for more."""
        self._exhausted = asyncio.Event()
        """Nothing is left to mutate, or was nothing at all."""
        self._confirming = asyncio.Lock()
        self._getting: asyncio.Task[Candidate | None] | None = None
        self._hearing: asyncio.Task[Mutant | None] | None = None
        self.confirmed: int | None = None

    async def run(self, strategy: StrategyName, given: Sequence[Draft] = ()) -> None:
        """Judge the given drafts first. Raises `ModelError` if the model fails; the board keeps what was found until then."""
        if STRATEGIES[strategy].mutates and self._meter.budget.calls:
            self._campaign = Campaign(self._judge, self._board, self._lanes, self._meter, self._desk.task)
        producer = asyncio.create_task(self._produce(strategy, given))
        try:
            with self._emitter.stage("drafts"):
                found = await self._judge_all()
            if not found:
                await producer
        except BudgetSpent as spent:
            self._emitter.note(f"stopped: {spent}")
        finally:
            await self._end(producer)
            settle_by_agreement(self._board, self._emitter)

    async def _end(self, producer: asyncio.Task[None]) -> None:
        tasks = [producer, *self._judging, *(task for task in (self._getting, self._hearing) if task)]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        if self._campaign is not None:
            await self._campaign.aclose()
            if summary := self._campaign.summary():
                self._emitter.note(summary)

    async def _judge_all(self) -> bool:
        """True if the search is over before its sources are: nothing more is wanted of them."""
        self._getting = asyncio.create_task(self._queue.get())
        if self._campaign is not None and self._desk.task.mode == "repair":
            self._mutate(self._board.baseline, self._judge.draft_as_it_stands)
        while self._getting or self._judging or self._hearing:
            done = await self._first_of()
            if self._getting in done:
                self._start(self._getting.result())
            for task in self._judging & done:
                self._judging.discard(task)
                task.result()
                if await self._judged():
                    return True
            if self._hearing in done and await self._heard(self._hearing.result()):
                return True
        return False

    def _start(self, candidate: Candidate | None) -> None:
        self._getting = None
        if candidate is None and self._campaign is not None:
            self._campaign.alone()
        if candidate is not None:
            self._judging.add(asyncio.create_task(self._judge_one(candidate)))
            self._getting = asyncio.create_task(self._queue.get())

    async def _judge_one(self, candidate: Candidate) -> None:
        with self._lanes.draft():
            await self._judge.judge(candidate, self._desk.made)

    async def _first_of(self) -> set[asyncio.Task[object]]:
        """Those that are done; drafts that are being judged when the time is up are judged to their end.

        `asyncio.wait_for` would swallow a cancel that comes together with a result.
        """
        free = len(self._judging) < self._most and self._meter.remaining > 0
        tasks: set[asyncio.Task[object]] = {*self._judging}
        if self._getting and (free or not self._judging):
            tasks.add(self._getting)
        if self._hearing:
            tasks.add(self._hearing)
        patience = None if self._judging else self._meter.remaining
        done, _ = await asyncio.wait(tasks, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            raise BudgetSpent("seconds", self._meter.budget)
        return done

    async def _judged(self) -> bool:
        """A verdict is on the board: True if the search is over with it."""
        if await self._confirmed() or enough_unverified(self._board):
            return True
        release(self._board, self._emitter)
        self._board.arrived()
        for verdict in self._board.verdicts[self._looked_at :]:
            candidate = verdict.candidate
            if candidate is not None and candidate.origin == "model" and self._may_be_near(verdict):
                self._mutate(verdict, candidate.draft)
        self._looked_at = len(self._board.verdicts)
        return False

    def _may_be_near(self, verdict: Verdict) -> bool:
        return may_be_near(verdict, self._board, self._desk.task.test_sources)

    def _mutate(self, verdict: Verdict, draft: Draft) -> None:
        """Have this body mutated beside the model's work, unless it is already."""
        if self._campaign is not None:
            self._exhausted.clear()
            self._campaign.add(verdict, draft)
            self._hearing = self._hearing or asyncio.create_task(self._campaign.news())

    async def _heard(self, mutant: Mutant | None) -> bool:
        """A mutant is better than all before: True if the search is over with it."""
        assert self._campaign is not None
        self._hearing = None
        if mutant is None:
            self._exhausted.set()
            return False
        candidate = mutant.candidate(self._desk.next_number())
        self._judge.tell(candidate, mutant.tried)
        if await self._confirmed():
            return True
        release(self._board, self._emitter)
        self._hearing = asyncio.create_task(self._campaign.news())
        return False

    async def _confirmed(self) -> bool:
        """Confirm the best draft; one that falls may leave another one verified, which is next."""
        async with self._confirming:
            with self._lanes.draft():
                while self._board.verified:
                    if await confirm(self._judge, self._board, self._wider, self._emitter):
                        self.confirmed = self._board.best.number
                        return True
        return False

    async def _produce(self, strategy: StrategyName, given: Sequence[Draft]) -> None:
        """Hand candidates over until the source ends or fails; then say so, and fail as it did."""
        failure: Exception | None = None
        try:
            for draft in given:
                await self._offer(Candidate(self._desk.next_number(), draft, idea="kept from an earlier run"))
            if self._meter.budget.calls:
                await self._let_ahead()
                await self._ask(strategy)
        except Exception as error:  # raised below, once whoever waits for candidates has been told
            failure = error
        await self._queue.put(None)
        if failure is not None:
            raise failure

    async def _let_ahead(self) -> None:
        """Wait while mutations have the cores to themselves, where that is of use."""
        if self._campaign is None or self._desk.task.mode != "repair" or not self._shares_cores:
            return
        seconds = min(AHEAD_SECONDS, AHEAD_SHARE * self._meter.remaining)
        with self._emitter.stage("mutations"), suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._exhausted.wait(), seconds)
        async with self._confirming:  # Where one has won, nothing more is asked.
            pass

    async def _let_finish(self) -> None:
        """Wait for the drafts' tests and some changes of them, not for slow ones, and for the confirmation if one has won."""
        await self._board.settled(TESTS_SECONDS)
        fresh = [v for v in self._board.verdicts[self._let_be :] if self._may_be_near(v)]
        self._let_be = len(self._board.verdicts)
        if self._campaign is not None and fresh:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._exhausted.wait(), CHANGES_SECONDS)
        async with self._confirming:
            pass

    async def _ask(self, strategy: StrategyName) -> None:
        if strategy in ("flow", "sample") and not self._board.suite.trusts:
            await agree(self._desk)
        async with aclosing(STRATEGIES[strategy].source(self._desk).candidates(self._board)) as candidates:
            async for drafts in candidates:
                for candidate in drafts:
                    await self._offer(candidate)
                if self._shares_cores and not self._desk.writes:
                    await self._let_finish()

    async def _offer(self, candidate: Candidate) -> None:
        self._board.expect()
        await self._queue.put(candidate)
