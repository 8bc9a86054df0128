"""One prompt, first answer: what a model does without any flow."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from flowmill.engine.board import Board
from flowmill.engine.desk import Desk
from flowmill.engine.feedback import failing_case
from flowmill.engine.prompting import prompt_for
from flowmill.shapes import Candidate, Prompt


class Direct:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def candidates(self, board: Board) -> AsyncGenerator[Sequence[Candidate], None]:
        reply = await self._desk.ask(plain_prompt(self._desk, board, temperature=0.0), draft=True)
        candidate = self._desk.candidate(reply, idea="direct")
        if candidate is not None:
            yield [candidate]


def plain_prompt(desk: Desk, board: Board, *, temperature: float) -> Prompt:
    """Write it, or repair it with one failing case: the same for every yardstick."""
    task = desk.task
    if task.mode == "generate":
        return prompt_for(task, "write", {"plan": "", "idea": "", "focus": ""}, temperature=temperature)
    failure = failing_case(board.baseline, board.suite, task.unseen_sources)
    return prompt_for(
        task, "repair", {"plan": "", "attempt": "", "failure": failure}, temperature=temperature
    )
