"""Independent samples at the same budget, filtered by the tests: AlphaCode's way (Li et al., 2022), scaled down."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from flowmill.engine.board import Board
from flowmill.engine.desk import Desk
from flowmill.shapes import Candidate
from flowmill.strategies.direct import plain_prompt


class Sample:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def candidates(self, board: Board) -> AsyncGenerator[Sequence[Candidate], None]:
        prompt = plain_prompt(self._desk, board, temperature=self._desk.task.profile.temperature)
        while True:
            asked = self._desk.ask_together([prompt] * self._desk.task.profile.width)
            async with aclosing(asked) as replies:
                async for _, reply in replies:
                    draft = self._desk.candidate(reply, idea="sample") if reply is not None else None
                    yield [draft] if draft is not None else []
