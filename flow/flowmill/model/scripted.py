"""A model that says what it is told to: for tests, and for replaying without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from flowmill.errors import ModelError
from flowmill.model.tokens import estimate_usage
from flowmill.shapes import (
    AnswerEnd,
    AnswerPiece,
    Delta,
    FinishReason,
    ModelProfile,
    Prompt,
    Restarted,
    Usage,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One scripted answer.

    Before the chunk with a number in `gates` the stream waits for that event (the
    number of chunks: before the end). `restarts` holds numbers of chunks before which
    the stream begins anew. With `error`, it is raised after the chunks.
    """

    chunks: tuple[str, ...]
    finish: FinishReason = "stop"
    usage: Usage | None = None
    gates: Mapping[int, asyncio.Event] = field(default_factory=dict[int, asyncio.Event])
    restarts: frozenset[int] = frozenset()
    error: Exception | None = None


Scripted: TypeAlias = "str | Exception | Answer"
DEFAULT_PROFILE = ModelProfile("scripted")


class ScriptedModel:
    """Streams the given answers, one per call, and keeps the prompts it got in `prompts`.

    A text streams line by line. In place of a sequence, a function may answer each
    prompt. After the last answer it raises `ModelError`, or repeats it if told so.
    """

    def __init__(
        self,
        answers: Sequence[Scripted] | Callable[[Prompt], Scripted],
        profile: ModelProfile = DEFAULT_PROFILE,
        *,
        at_end: Literal["fail", "repeat"] = "fail",
    ) -> None:
        self._script: Sequence[Scripted] = () if callable(answers) else answers
        self._write: Callable[[Prompt], Scripted] = answers if callable(answers) else self._next
        self._profile = profile
        self._repeats = at_end == "repeat"
        self.prompts: list[Prompt] = []
        self.closed_early = 0
        self.closed = False

    @property
    def profile(self) -> ModelProfile:
        return self._profile

    async def stream(self, prompt: Prompt) -> AsyncGenerator[AnswerPiece, None]:
        """Yield the next answer's deltas and its end."""
        self.prompts.append(prompt)
        answer = _answer(self._write(prompt))
        ended = False
        try:
            async for piece in _played(answer, prompt):
                ended = isinstance(piece, AnswerEnd)
                yield piece
        except ModelError:
            ended = True
            raise
        finally:
            self.closed_early += not ended

    async def aclose(self) -> None:
        self.closed = True

    def _next(self, prompt: Prompt) -> Scripted:
        number = len(self.prompts) - 1
        if number < len(self._script):
            return self._script[number]
        if self._repeats and self._script:
            return self._script[-1]
        raise ModelError("the script has no more answers")


async def _played(answer: Answer, prompt: Prompt) -> AsyncGenerator[AnswerPiece, None]:
    for number, chunk in enumerate((*answer.chunks, None)):
        if number in answer.gates:
            await answer.gates[number].wait()
        if number in answer.restarts:
            yield Restarted("the script breaks off here")
        if chunk is not None:
            yield Delta(chunk)
    if answer.error is not None:
        raise answer.error
    yield AnswerEnd(answer.usage or estimate_usage(prompt, "".join(answer.chunks)), answer.finish)


def _answer(scripted: Scripted) -> Answer:
    if isinstance(scripted, Answer):
        return scripted
    if isinstance(scripted, Exception):
        return Answer((), error=scripted)
    return Answer(tuple(scripted.splitlines(keepends=True)))
