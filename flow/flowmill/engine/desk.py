"""Where candidate sources work: the task in front of them, and the model within the budget."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from flowmill.context.fit import Fitted
from flowmill.context.shapes import without_company
from flowmill.engine.emitter import Emitter
from flowmill.engine.holding import function_of
from flowmill.engine.mend import Surroundings, Unusable, mend
from flowmill.engine.meter import BudgetSpent, Meter
from flowmill.engine.reply import body_ends, first_block_closed, repeats_endlessly
from flowmill.events import DraftDelta
from flowmill.model.tokens import estimate_usage
from flowmill.protocols import Model
from flowmill.shapes import AnswerEnd, Candidate, FinishReason, Mode, ModelProfile, Prompt, Restarted, Usage
from flowmill.source.functions import Function

PATIENCE, LEAST_PATIENCE = 0.5, 8.0
"""For how long the last half of answers that are written together is waited for: a share of the time of the
others, and seconds. Of 37 drafts of the embedded model that came out right, 34 had at most 80 tokens and none 200."""
CHATTER = 200
"""Characters of prose after a code block that are waited for: servers mostly stop at the fence."""


@dataclass(frozen=True, slots=True)
class Task:
    """The frozen facts of a run that every strategy shares."""

    mode: Mode
    function: Function
    text: str
    """Of the function's file."""
    context: Fitted
    profile: ModelProfile
    around: Surroundings
    test_sources: Mapping[str, str]
    """Source by test id, of every selected test."""
    rejected: tuple[str, ...]
    seed: int

    @property
    def unseen_sources(self) -> Mapping[str, str]:
        """The sources that the prompt's own list of tests does not hold already, less the helpers that it holds."""
        listed = {function_of(test.id) for test in self.context.tests}
        helpers = {helper for test in self.context.tests for helper in test.company}
        unseen = {i: text for i, text in self.test_sources.items() if function_of(i) not in listed}
        return {i: without_company(text, helpers) for i, text in unseen.items()}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with its prefill. `number` is the draft's number, 0 for prose."""

    text: str
    finish: FinishReason
    number: int = 0


@dataclass(frozen=True, slots=True)
class _Call:
    """One question; `heard` is set with the first word of its answer."""

    prompt: Prompt
    number: int
    heard: asyncio.Event = field(default_factory=asyncio.Event)


class Desk:
    """One per run. Counts what it asks for, and streams drafts as they come."""

    def __init__(self, task: Task, model: Model, meter: Meter, emitter: Emitter) -> None:
        self.task = task
        self.emitter = emitter
        self._model = model
        self._meter = meter
        self._numbers = self._writing = 0
        self.made: str | None = None
        """Source of the tests that the model made; every later draft is run on them too."""

    @property
    def stale(self) -> int:
        """How many answers in a row brought nothing new."""
        return self._meter.stale

    @property
    def writes(self) -> bool:
        """Whether the model is still at work on an answer."""
        return bool(self._writing)

    def next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    async def ask(self, prompt: Prompt, *, draft: bool) -> Reply:
        """One call. Raises `BudgetSpent` if the budget has no call left, `ModelError` if the model fails.

        `draft` says that the answer is code to be shown as it streams.
        """
        return await self._answer(self._counted(prompt, draft=draft))

    async def ask_together(
        self, prompts: Sequence[Prompt], *, alone: float = 0.0
    ) -> AsyncGenerator[tuple[int, Reply | None], None]:
        """Drafts that are written at the same time, one for each prompt; raises like `ask`.

        Each is given with its place as soon as it is there. With `alone` the first has the model to itself
        until so many seconds after its first words: if it is there by then, it is the only one. None
        stands for an answer that took much longer than the others and was broken off; those for which
        the budget has no call left are missing.
        """
        first = self._counted(prompts[0], draft=True)
        begun = asyncio.create_task(self._answer(first))
        places, running = {begun: 0}, {begun}
        try:
            if not alone or not await _comes(begun, first, alone):
                for place, prompt in enumerate(prompts[1:], 1):
                    try:
                        call = self._counted(prompt, draft=True)
                    except BudgetSpent:
                        break
                    places[asyncio.create_task(self._answer(call))] = place
            running, began = set(places), time.monotonic()
            while running:
                late = 2 * len(running) <= len(places)
                patience = max(LEAST_PATIENCE, PATIENCE * (time.monotonic() - began)) if late else None
                done, running = await asyncio.wait(
                    running, timeout=patience, return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    break
                for task in sorted(done, key=places.__getitem__):
                    yield places[task], task.result()
        finally:
            for task in places:
                task.cancel()
            await asyncio.gather(*places, return_exceptions=True)
        for task in running:
            yield places[task], None

    def _counted(self, prompt: Prompt, *, draft: bool) -> _Call:
        """The prompt with its seed, counted as a call, and the number of the draft, 0 for prose."""
        self._meter.start_call()
        seed = prompt.seed or self.task.seed + self._meter.calls
        return _Call(replace(prompt, seed=seed), self.next_number() if draft else 0)

    async def _answer(self, call: _Call) -> Reply:
        pieces: list[str] = [call.prompt.prefill]
        if call.number and call.prompt.prefill:
            self.emitter.emit(DraftDelta(call.number, call.prompt.prefill))
        self._writing += 1
        try:
            with self._meter.model_busy():
                finish = await self._collect(call, pieces)
        finally:
            self._writing -= 1
            self.emitter.end_of_stream(call.number)
        return Reply("".join(pieces), finish, call.number)

    async def _collect(self, call: _Call, pieces: list[str]) -> FinishReason:
        deltas, number = 0, call.number
        usage: Usage | None = None
        try:
            async with aclosing(self._model.stream(call.prompt)) as stream:
                async for piece in stream:
                    call.heard.set()
                    if isinstance(piece, AnswerEnd):
                        usage = piece.usage
                        return piece.finish
                    if isinstance(piece, Restarted):
                        self.emitter.end_of_stream(number)
                        self.emitter.note(f"the answer begins anew: {piece.reason}")
                        del pieces[1:]
                        continue
                    deltas += 1
                    pieces.append(piece.text)
                    if number:
                        self.emitter.emit(DraftDelta(number, piece.text))
                    if call.prompt.raw and self._left(pieces):
                        return "stop"
                    if deltas % 32 == 0 and (end := _enough("".join(pieces), draft=bool(number))):
                        return end
        finally:
            # A server tells its count at the very end: an answer that is broken off is estimated.
            self._meter.add(usage or estimate_usage(call.prompt, "".join(pieces[1:])))
        return "length"

    def _left(self, pieces: list[str]) -> bool:
        """Whether what fills the function's body goes on beyond it; if so, that is taken off."""
        answer = "".join(pieces[1:])
        end = body_ends(answer, self.task.function.body_indent)
        if end is not None:
            pieces[1:] = [answer[:end]]
        return end is not None

    def candidate(self, reply: Reply, *, idea: str = "", parent: int | None = None) -> Candidate | None:
        """The reply as a candidate, or None with a note that says why not."""
        try:
            mended = mend(reply.text, reply.finish, self.task.around)
        except Unusable as error:
            self.emitter.note(f"draft {reply.number} is not usable: {error}")
            self._meter.answer_was(new=False)
            return None
        return Candidate(reply.number, mended.draft, "model", parent, idea, reply.text, mended.notes)


async def _comes(task: asyncio.Task[Reply], call: _Call, seconds: float) -> bool:
    """Whether the answer is there that long after its first word."""
    heard = asyncio.create_task(call.heard.wait())
    try:
        await asyncio.wait({task, heard}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        heard.cancel()
    await asyncio.wait({task}, timeout=seconds)
    return task.done()


def _enough(text: str, *, draft: bool) -> FinishReason | None:
    """Whether an answer need not be heard to its end: it repeats itself, or goes on after its code."""
    if repeats_endlessly(text):
        return "length"
    after = text.rsplit("```", 1)[-1]
    return "stop" if draft and len(after) > CHATTER and first_block_closed(text) else None
