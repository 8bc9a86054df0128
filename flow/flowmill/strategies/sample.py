"""Independent samples at the same budget, filtered by the tests: AlphaCode's way (Li et al., 2022), scaled down."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

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
            replies = await self._desk.ask_together([prompt] * self._desk.task.profile.width)
            drafts = [self._desk.candidate(reply, idea="sample") for reply in replies if reply]
            yield [draft for draft in drafts if draft is not None]
