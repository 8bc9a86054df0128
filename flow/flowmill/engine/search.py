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
    """One search on one board. `confirmed` is the draft that held when it was run again, or None."""

    def __init__(
        self, desk: Desk, judge: Judge, board: Board, wider: Tier | None, meter: Meter, emitter: Emitter
    ) -> None:
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
            producer.cancel()
            await asyncio.wait([producer])
            settle_by_agreement(self._board, self._emitter)

    async def _judge_all(self) -> bool:
        """True if the search is over before the source is: nothing more is wanted of it."""
        while (candidate := await self._next()) is not None:
            await self._judge.judge(candidate, self._desk.made)
            if await self._confirmed() or enough_unverified(self._board):
                return True
            release(self._board, self._emitter)
            self._board.arrived()
        return False

    async def _next(self) -> Candidate | None:
        """The next candidate. `asyncio.wait_for` would swallow a cancel that comes together with one."""
        getting = asyncio.ensure_future(self._queue.get())
        try:
            await asyncio.wait({getting}, timeout=self._meter.remaining)
            if not getting.done():
                raise BudgetSpent("seconds", self._meter.budget)
            return getting.result()
        finally:
            getting.cancel()

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
