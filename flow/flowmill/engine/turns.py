"""Runs of several searches share the machine: no more of them test at once than there are cores."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from flowmill.protocols import Runner
from flowmill.shapes import RunnerMessage, TestOrder


class TakingTurns:
    """A runner that waits for its turn before each run. Turns are given in the order they are asked for."""

    def __init__(self, runner: Runner, turns: asyncio.Semaphore) -> None:
        self._runner = runner
        self._turns = turns

    async def run(self, order: TestOrder) -> AsyncGenerator[RunnerMessage, None]:
        """The runner's messages, from the moment that the turn has come."""
        async with self._turns, aclosing(self._runner.run(order)) as messages:
            async for message in messages:
                yield message

    async def aclose(self) -> None:
        await self._runner.aclose()
