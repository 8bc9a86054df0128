"""Recording what a model answered, and giving it back later without a model."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass

from flowmill.errors import ModelError
from flowmill.model.tokens import estimate_usage
from flowmill.protocols import Model
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
class Answered:
    """One call: what was asked, what came, and how long it took.

    Not `complete` if the stream was closed early (the usage is then a guess, and there
    is no `finish`) or ended with an `error`, the line that the user saw.
    """

    prompt: Prompt
    text: str
    usage: Usage
    finish: FinishReason | None
    seconds: float
    complete: bool
    error: str = ""


def prompt_key(prompt: Prompt) -> str:
    """The same for equal prompts, in every process and version of Python."""
    return hashlib.sha256(json.dumps(asdict(prompt), sort_keys=True).encode()).hexdigest()


class RecordingModel:
    """Passes everything through, and hands each call to `record` exactly once, when it has ended.

    `joined` is called if the second call comes before the first has ended.
    """

    def __init__(
        self, inner: Model, record: Callable[[Answered], None], joined: Callable[[], None] = lambda: None
    ) -> None:
        self._inner = inner
        self._record = record
        self._joined = joined
        self._calls = self._open = 0

    @property
    def profile(self) -> ModelProfile:
        return self._inner.profile

    async def stream(self, prompt: Prompt) -> AsyncGenerator[AnswerPiece, None]:
        """As the inner model streams; a call that fails or is closed early is recorded as such."""
        tape = _Tape(prompt)
        self._calls, self._open = self._calls + 1, self._open + 1
        if self._calls == self._open == 2:
            self._joined()
        try:
            async with aclosing(_generator(self._inner.stream(prompt))) as pieces:
                async for piece in pieces:
                    tape.note(piece)
                    yield piece
        except ModelError as error:
            tape.error = str(error)
            raise
        finally:
            self._open -= 1
            self._record(tape.answered())

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Tape:
    def __init__(self, prompt: Prompt) -> None:
        self.prompt = prompt
        self.error = ""
        self._deltas: list[str] = []
        self._end: AnswerEnd | None = None
        self._started = time.monotonic()

    def note(self, piece: AnswerPiece) -> None:
        match piece:
            case Delta(text):
                self._deltas.append(text)
            case Restarted():
                self._deltas.clear()
            case AnswerEnd():
                self._end = piece

    def answered(self) -> Answered:
        text = "".join(self._deltas)
        usage = self._end.usage if self._end else estimate_usage(self.prompt, text)
        finish = self._end.finish if self._end else None
        seconds = time.monotonic() - self._started
        return Answered(self.prompt, text, usage, finish, seconds, self._end is not None, self.error)


async def _generator(pieces: AsyncIterator[AnswerPiece]) -> AsyncGenerator[AnswerPiece, None]:
    """An iterator as a generator, so that closing it reaches the inner stream."""
    try:
        async for piece in pieces:
            yield piece
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()


class ReplayModel:
    """Gives recorded answers back: to the same prompt its own answer, else the next in order.

    Each answer is given once. `by_order` counts the prompts that were not in the
    recording; `strict` raises `ModelError` for the first of them instead. Raises
    `ModelError` too when no answer is left, or when the recorded call had failed.
    With `joined` the first answer ends only once another was asked for, as in the recording.
    """

    def __init__(
        self,
        answers: Sequence[Answered],
        profile: ModelProfile,
        *,
        strict: bool = False,
        joined: bool = False,
    ) -> None:
        self._joined = asyncio.Event()
        if not joined:
            self._joined.set()
        self._left = list(answers)
        self._total = len(answers)
        self._profile = profile
        self._strict = strict
        self._calls = 0
        self.by_order = 0

    @property
    def profile(self) -> ModelProfile:
        return self._profile

    async def stream(self, prompt: Prompt) -> AsyncGenerator[AnswerPiece, None]:
        """Yield the recorded text line by line, and its end."""
        answer = self._take(prompt)
        if self._calls > 1:
            self._joined.set()
        for line in answer.text.splitlines(keepends=True):
            yield Delta(line)
        if answer.text:
            await self._joined.wait()
        if answer.error:
            raise ModelError(answer.error)
        yield AnswerEnd(answer.usage, answer.finish or "stop")

    async def aclose(self) -> None:
        self._left.clear()

    def _take(self, prompt: Prompt) -> Answered:
        self._calls += 1
        if not self._left:
            raise ModelError(
                f"the recording has {self._total} answers, but the replay asks for call {self._calls}: "
                "the run takes another path than the recorded one"
            )
        wanted = prompt_key(prompt)
        place = next((i for i, answer in enumerate(self._left) if prompt_key(answer.prompt) == wanted), None)
        if place is None:
            if self._strict:
                raise ModelError(f"call {self._calls} of the replay asks a prompt that was not recorded")
            self.by_order += 1
        return self._left.pop(place or 0)
