"""The published flow, stage by stage, as a yardstick.

Ridnik, Kredo, Friedman: "Code Generation with AlphaCodium" (2024), figure 3 and
section 3. Pre-processing: reflection, reasoning about the public tests, possible
solutions, their ranking, additional tests. Iterations: an initial solution, runs on
the public tests with fixes, runs on the additional tests with test anchors. Left out
are faults of its code, not of its idea: replies are plain text and code blocks instead
of YAML that ends a run when it does not parse, and the best code seen is never lost.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import AsyncGenerator, Mapping, Sequence

from flowmill.engine.agreement import made_module
from flowmill.engine.board import Board
from flowmill.engine.desk import Desk
from flowmill.engine.feedback import failing_case, failing_made
from flowmill.engine.prompting import prompt_for
from flowmill.shapes import Candidate
from flowmill.strategies.flow import numbered

SOLUTIONS = 3
MADE_TESTS = 6
FIXES = 4
"""Attempts at one stage of iterations, after the published defaults."""


class AlphaCodium:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._task = desk.task
        self._reflection = ""

    async def candidates(self, board: Board) -> AsyncGenerator[Sequence[Candidate], None]:
        self._reflection = await self._prose("reflect", {})
        reasoning = await self._prose("test_reasoning", {"reflection": self._reflection})
        listed = await self._prose(
            "solutions", {"reflection": self._reflection, "reasoning": reasoning, "count": SOLUTIONS}
        )
        solutions = numbered(listed)[:SOLUTIONS] or (listed,)
        solutions = await self._ranked(solutions)
        await self._make_tests()
        async for initial in self._initial(board, solutions):
            yield initial
        async for fixed in self._iterate(board, on_made=False):
            yield fixed
        async for fixed in self._iterate(board, on_made=True):
            yield fixed

    async def _prose(self, stage: str, variables: Mapping[str, object]) -> str:
        with self._desk.emitter.stage(stage.replace("_", " ")):
            prompt = prompt_for(self._task, f"alphacodium/{stage}", variables, prose=True)
            return (await self._desk.ask(prompt, draft=False)).text.strip()

    async def _ranked(self, solutions: tuple[str, ...]) -> tuple[str, ...]:
        order = await self._prose("rank", {"reflection": self._reflection, "solutions": solutions})
        places = [int(n) - 1 for n in re.findall(r"\d+", order) if 0 < int(n) <= len(solutions)]
        return tuple(solutions[p] for p in dict.fromkeys([*places, *range(len(solutions))]))

    async def _make_tests(self) -> None:
        text = await self._prose("made_tests", {"reflection": self._reflection, "count": MADE_TESTS})
        self._desk.made = made_module(text, self._task.function.qualname, self._task.around.module_name)

    async def _initial(
        self, board: Board, solutions: tuple[str, ...]
    ) -> AsyncGenerator[Sequence[Candidate], None]:
        """Try the solutions in their order until one's code passes more than the code as it stood."""
        for solution in solutions:
            prompt = prompt_for(
                self._task, "alphacodium/code", {"reflection": self._reflection, "solution": solution}
            )
            candidate = self._desk.candidate(await self._desk.ask(prompt, draft=True), idea=solution)
            if candidate is not None:
                yield [candidate]
                await board.settled()
                if board.best.number:
                    return

    async def _iterate(self, board: Board, *, on_made: bool) -> AsyncGenerator[Sequence[Candidate], None]:
        """Fix the best code on one failing test at a time; what passes once is an anchor of the board."""
        for _ in range(FIXES):
            await board.settled()
            best = board.best if board.best.number or self._task.mode == "repair" else board.latest
            failure = (
                failing_made(best, self._desk.made)
                if on_made
                else failing_case(best, board.suite, self._task.unseen_sources)
            )
            if not failure:
                return
            prompt = prompt_for(
                self._task,
                "alphacodium/fix",
                {
                    "reflection": self._reflection,
                    "attempt": textwrap.dedent(best.code).strip(),
                    "failure": failure,
                },
                temperature=0.2,
            )
            reply = await self._desk.ask(prompt, draft=True)
            candidate = self._desk.candidate(reply, idea="fix", parent=best.number or None)
            if candidate is not None:
                yield [candidate]
