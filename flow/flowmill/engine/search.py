"""Drafts and verdicts side by side, until a draft is verified and confirmed or the budget is spent."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from flowmill.engine.agreement import agree, enough_unverified, settle_by_agreement
from flowmill.engine.board import Board
from flowmill.engine.confirm import confirm
from flowmill.engine.desk import Desk
from flowmill.engine.emitter import Emitter
from flowmill.engine.judge import Judge
from flowmill.engine.meter import BudgetSpent, Meter
from flowmill.engine.release import release
from flowmill.project.selection import Tier
from flowmill.shapes import Candidate, StrategyName
from flowmill.strategies import STRATEGIES


class Search:
    """One search on one board. `confirmed` is the draft that held when it was run again, or None.

    Up to `lanes` drafts are judged at once.
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
    ) -> None:
        self._lanes = lanes
        self._judging: set[asyncio.Task[None]] = set()
        self._desk = desk
        self._judge = judge
        self._board = board
        self._wider = wider
        self._meter = meter
        self._emitter = emitter
        self._queue: asyncio.Queue[Candidate | None] = asyncio.Queue(maxsize=2)
        self.confirmed: int | None = None

    async def run(self, strategy: StrategyName) -> None:
        """Raises `ModelError` if the model fails; the board keeps what was found until then."""
        producer = asyncio.create_task(self._produce(strategy))
        try:
            with self._emitter.stage("drafts"):
                found = await self._judge_all()
            if not found:
                await producer
        except BudgetSpent as spent:
            self._emitter.note(f"stopped: {spent}")
        finally:
            for task in (producer, *self._judging):
                task.cancel()
            await asyncio.wait([producer, *self._judging])
            settle_by_agreement(self._board, self._emitter)

    async def _judge_all(self) -> bool:
        """True if the search is over before the source is: nothing more is wanted of it."""
        getting: asyncio.Task[Candidate | None] | None = asyncio.create_task(self._queue.get())
        try:
            while getting is not None or self._judging:
                free = len(self._judging) < self._lanes and self._meter.remaining > 0
                done = await self._first_of(
                    self._judging | ({getting} if getting and (free or not self._judging) else set())
                )
                if getting in done:
                    candidate = getting.result()
                    getting = None
                    if candidate is not None:
                        self._judging.add(asyncio.create_task(self._judge.judge(candidate, self._desk.made)))
                        getting = asyncio.create_task(self._queue.get())
                for task in done & self._judging:
                    self._judging.discard(task)
                    task.result()
                    if await self._judged():
                        return True
        finally:
            if getting is not None:
                getting.cancel()
        return False

    async def _first_of(
        self, tasks: set[asyncio.Task[None] | asyncio.Task[Candidate | None]]
    ) -> set[asyncio.Task[None] | asyncio.Task[Candidate | None]]:
        """Those that are done; drafts that are being judged when the time is up are judged to their end.

        `asyncio.wait_for` would swallow a cancel that comes together with a result.
        """
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
        return False

    async def _confirmed(self) -> bool:
        """Confirm the best draft; one that falls may leave another one verified, which is next."""
        while self._board.verified:
            if await confirm(self._judge, self._board, self._wider, self._emitter, self._meter):
                self.confirmed = self._board.best.number
                return True
        return False

    async def _produce(self, strategy: StrategyName) -> None:
        """Hand candidates over until the source ends or fails; then say so, and fail as it did."""
        failure: Exception | None = None
        try:
            if strategy in ("flow", "sample") and not self._board.suite.trusts:
                await agree(self._desk)
            async with aclosing(STRATEGIES[strategy](self._desk).candidates(self._board)) as candidates:
                async for candidate in candidates:
                    self._board.expect()
                    await self._queue.put(candidate)
        except Exception as error:
            failure = error
        await self._queue.put(None)
        if failure is not None:
            raise failure
