"""Independent samples at the same budget, filtered by the tests: AlphaCode's way (Li et al., 2022), scaled down."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from flowmill.engine.board import Board
from flowmill.engine.desk import Desk
from flowmill.shapes import Candidate
from flowmill.strategies.direct import plain_prompt


class Sample:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def candidates(self, board: Board) -> AsyncGenerator[Candidate, None]:
        prompt = plain_prompt(self._desk, board, temperature=self._desk.task.profile.temperature)
        while True:
            candidate = self._desk.candidate(await self._desk.ask(prompt, draft=True), idea="sample")
            if candidate is not None:
                yield candidate
