"""Where few tests speak for a draft: others are asked for, and the one that most agree with is taken.

Agreement is counted on inputs that no test knows the result of: minimum Bayes risk by execution
(Shi et al. 2022), among drafts that pass all tests.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress

from flowmill.engine.board import Board
from flowmill.engine.desk import Desk
from flowmill.engine.inputs import varied_calls
from flowmill.engine.judge import Judge
from flowmill.engine.meter import BudgetSpent, Meter
from flowmill.engine.prompting import header_prefill, prompt_for
from flowmill.engine.verdict import Verdict, counted, is_verified
from flowmill.errors import ModelError

FEW_TESTS = 6
"""From so many on, tests are taken at their word."""
FEW_INPUTS = 4
OPINIONS = 3
SECONDS, SHARE = 30.0, 0.3
"""How long further opinions are waited for, and for which share of the time that is left."""

Outputs = Mapping[str, str]
"""What a draft gives for each input."""


async def second_opinions(desk: Desk, judge: Judge, board: Board, meter: Meter) -> None:
    """Where the best draft rests on few tests, make it the one that agrees most with others that pass them too."""
    inputs = _inputs(desk, board)
    if len(inputs) < FEW_INPUTS:
        return
    made = probe_module(desk.task.function.qualname, desk.task.around.module_name, inputs)
    first = board.best
    seen: dict[int, Outputs] = {first.number: await judge.outputs(first.data, made)}
    votes = Counter([first.number])
    with desk.emitter.stage("second opinions"), suppress(asyncio.TimeoutError, BudgetSpent, ModelError):
        seconds = min(SECONDS, SHARE * meter.remaining)
        await asyncio.wait_for(_ask_others(desk, judge, board, made, seen, votes), seconds)
    _settle(desk, board, first, most_agreed(seen, votes), votes.total())


async def _ask_others(
    desk: Desk, judge: Judge, board: Board, made: str, seen: dict[int, Outputs], votes: Counter[int]
) -> None:
    """Add what others give to `seen`, and who was written how often to `votes`, until one agrees with the first."""
    first = board.best.number
    for _ in range(OPINIONS):
        number = await _another(desk, judge)
        found = (verdict for verdict in board.verdicts if verdict.number == number)
        other = next((verdict for verdict in found if is_verified(verdict, board.suite)), None)
        if other is not None and number not in seen:
            seen[number] = await judge.outputs(other.data, made)
        if number in seen:
            votes[number] += 1
            if seen[number] == seen[first]:
                return


def _inputs(desk: Desk, board: Board) -> tuple[str, ...]:
    """The inputs to compare drafts by; none where the tests are many, the model thinks first, or no call is spelt."""
    task = desk.task
    if (
        task.mode != "generate"
        or task.profile.reflects
        or task.function.classes
        or "." in task.function.qualname
    ):
        return ()
    few = len(counted(board.best, board.suite)) < FEW_TESTS and not board.suite.open_ended
    if not few or not task.around.module_name:
        return ()
    return varied_calls(task.function.name, dict.fromkeys(task.test_sources.values()))


def probe_module(qualname: str, module: str, inputs: Sequence[str]) -> str:
    """A test module that fails with what the function gives for each input."""
    tests = [
        f"def test_{n}():\n    raise AssertionError(repr(_module.{qualname}({call})))\n"
        for n, call in enumerate(inputs, 1)
    ]
    return "\n\n".join([f"import {module} as _module\n", *tests])


async def _another(desk: Desk, judge: Judge) -> int:
    """Have the model write one more draft: the number of the one that its verdict stands under, 0 if none."""
    task = desk.task
    variables = {"plan": "", "idea": "", "focus": ""}
    prompt = prompt_for(
        task, "write", variables, prefill=header_prefill(task), temperature=task.profile.temperature
    )
    candidate = desk.candidate(await desk.ask(prompt, draft=True), idea="second opinion")
    return 0 if candidate is None else await judge.judge(candidate, desk.made)


def _settle(desk: Desk, board: Board, first: Verdict, chosen: int, drafts: int) -> None:
    board.prefer(next(verdict for verdict in board.verdicts if verdict.number == chosen))
    if chosen != first.number:
        desk.emitter.note(
            f"few tests tell: of {drafts} drafts that pass them, most give on further inputs what draft {chosen} gives"
        )


def most_agreed(seen: Mapping[int, Outputs], votes: Mapping[int, int]) -> int:
    """The number of the draft whose outputs are most often those that were voted for; of equals the earliest."""

    def agreement(number: int) -> int:
        return sum(
            votes[place] * (other.get(test) == output)
            for test, output in seen[number].items()
            for place, other in seen.items()
        )

    return max(seen, key=agreement)
