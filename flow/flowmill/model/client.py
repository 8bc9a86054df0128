"""A model behind any OpenAI-compatible server: OpenAI, vLLM, Ollama, llama.cpp, LM Studio, OpenRouter."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TypeVar

import openai
from openai import AsyncStream

from flowmill.errors import ModelError
from flowmill.model import faults
from flowmill.model.connection import TooSlow, connect, place_of, whole_answer, within
from flowmill.model.dialect import Dialect, EchoFilter, dialect_of, narrowed, request_body
from flowmill.model.discover import Discovered as Discovered
from flowmill.model.discover import discover as discover
from flowmill.model.discover import discover_server as discover_server
from flowmill.model.discover import model_names
from flowmill.model.faults import Fault
from flowmill.model.profiles import ServerKind, server_by_host
from flowmill.model.reading import Heard, heard
from flowmill.model.retry import Limits, Pace, Standing, retry_after, verdict
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

_Got = TypeVar("_Got")
_CHARACTERS_PER_TOKEN = 8
"""An answer longer than this times the tokens allowed comes from a server that does not stop."""
_CHUNKS_PER_TOKEN = 4
_USAGE_SECONDS = 5.0
"""How long a finished answer waits for its usage."""


@dataclass(slots=True)
class _Attempt:
    """What one request for an answer has brought so far."""

    prompt: Prompt
    text: str = ""
    passed_on: bool = False
    chunks: int = 0
    finish: FinishReason | None = None
    usage: Usage | None = None

    def hear(self, piece: Heard) -> None:
        self.chunks += 1
        self.text += piece.text
        self.finish = piece.finish or self.finish
        self.usage = piece.usage or self.usage

    @property
    def endless(self) -> bool:
        room = self.prompt.max_tokens
        return (
            len(self.text) > _CHARACTERS_PER_TOKEN * room or self.chunks > 10_000 + _CHUNKS_PER_TOKEN * room
        )

    @property
    def spent(self) -> Usage:
        """As the server counts, else about what it must have been; nothing if nothing came."""
        if self.usage is not None:
            return self.usage
        return estimate_usage(self.prompt, self.text) if self.chunks else Usage()


class OpenAIModel:
    """Streams answers, retries what may pass, and raises `ModelError` for what does not.

    Iterate `stream` within `contextlib.aclosing`: closing it early closes the HTTP
    stream at once, which stops the server's work. Calls may run side by side.
    `seconds_left` tells how long the run has still to live: no retry waits beyond it.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        profile: ModelProfile,
        *,
        server: ServerKind = "unknown",
        limits: Limits | None = None,
        seconds_left: Callable[[], float] = lambda: math.inf,
        pace: Pace | None = None,
    ) -> None:
        self._profile = profile
        self._place = place_of(base_url, api_key, profile.name)
        self._limits = limits or Limits()
        self._pace = pace or Pace()
        self._seconds_left = seconds_left
        self._connection = connect(base_url, api_key, self._limits.connect_seconds)
        self._dialect = dialect_of(profile, server if server != "unknown" else server_by_host(base_url))
        self._answered = False

    def __repr__(self) -> str:
        return f"OpenAIModel({self._place.endpoint!r}, {self._profile.name!r})"

    @property
    def profile(self) -> ModelProfile:
        return self._profile

    async def aclose(self) -> None:
        """Close every connection."""
        await self._connection.aclose()

    async def stream(self, prompt: Prompt) -> AsyncGenerator[AnswerPiece, None]:
        """Yield deltas and one `AnswerEnd`; a `Restarted` between deltas voids those before it."""
        spent = Usage()
        tried = 0
        while True:
            tried += 1
            attempt = _Attempt(prompt)
            try:
                async with aclosing(self._deltas(attempt)) as deltas:
                    async for delta in deltas:
                        attempt.passed_on = True
                        yield delta
                break
            except Fault as fault:
                failed = fault
            spent += attempt.spent
            wait = await self._wait_or_raise(failed, tried)
            if attempt.passed_on:
                yield Restarted(str(failed))
            await self._pace.sleep(wait)
        yield AnswerEnd(spent + attempt.spent, attempt.finish or "stop")

    async def _wait_or_raise(self, fault: Fault, tried: int) -> float:
        standing = Standing(tried, self._answered, self._seconds_left())
        decided = verdict(fault, standing, self._limits, self._pace.jitter())
        if isinstance(decided, Fault):
            raise await self._final(decided)
        return decided

    async def _final(self, fault: Fault) -> ModelError:
        """The error that ends the call; for an unknown model it names those that there are."""
        if fault.unknown_model:
            names = await model_names(self._connection, seconds=2.0)
            fault = faults.unknown_model(self._place, names)
        return fault.error()

    async def _deltas(self, attempt: _Attempt) -> AsyncGenerator[Delta, None]:
        """One attempt: its deltas without an echoed prefill. Raises `Fault`."""
        echo = EchoFilter("" if attempt.prompt.raw else attempt.prompt.prefill)
        async with aclosing(self._pieces(attempt)) as pieces:
            async for piece in pieces:
                if text := echo.feed(piece.text):
                    yield Delta(text)
        if text := echo.rest():
            yield Delta(text)

    async def _pieces(self, attempt: _Attempt) -> AsyncGenerator[Heard, None]:
        """One attempt, as the server sends it."""
        stream = await self._open(attempt.prompt)
        try:
            async with aclosing(self._heard(stream, attempt)) as pieces:
                async for piece in pieces:
                    attempt.hear(piece)
                    self._answered = True
                    yield piece
                    if attempt.endless:
                        attempt.finish = "length"
                        break
        finally:
            await stream.close()
        if attempt.finish is None:
            raise faults.broken(self._place) if attempt.chunks else faults.empty(self._place)

    async def _heard(self, stream: AsyncStream[object], attempt: _Attempt) -> AsyncGenerator[Heard, None]:
        limit = self._limits.first_seconds
        at_once = await self._guarded(whole_answer(stream, self._place), limit, began=False)
        if at_once is not None:
            piece = heard(at_once)
            # A whole answer without a reason to end was cut by nobody.
            yield replace(piece, finish=piece.finish or "stop") if piece.text else piece
            return
        while (piece := await self._next(stream, attempt)) is not None:
            yield piece

    async def _open(self, prompt: Prompt) -> AsyncStream[object]:
        """Send the request, in ever plainer words while the server refuses some of them."""
        while True:
            dialect = self._dialect
            body = request_body(prompt, self._profile.name, dialect)
            try:
                return await self._guarded(
                    self._connection.open_stream(body), self._limits.first_seconds, began=False
                )
            except openai.APIStatusError as error:
                refusal = error
            self._learn(dialect, refusal, body)

    def _learn(self, dialect: Dialect, error: openai.APIStatusError, body: dict[str, object]) -> None:
        """Speak plainer from now on, or raise the `Fault` if the refusal is about something else."""
        learnt = narrowed(dialect, error.status_code, faults.said(error.body), body)
        if learnt is None:
            raise self._status_fault(error)
        if self._dialect == dialect:  # Else a call beside this one has learnt meanwhile: try that first.
            self._dialect = learnt

    def _status_fault(self, error: openai.APIStatusError) -> Fault:
        fault = faults.of_exception(error, self._place)
        fault.wait = retry_after(error.response.headers, self._pace.now())
        return fault

    async def _next(self, stream: AsyncStream[object], attempt: _Attempt) -> Heard | None:
        """The next piece, None at the end of the stream."""
        limits = self._limits
        patience = limits.stall_seconds if attempt.text else limits.first_seconds
        if attempt.finish is not None:
            patience = min(patience, _USAGE_SECONDS)
        try:
            chunk = await self._guarded(_following(stream), patience, began=bool(attempt.text))
        except Fault:
            if attempt.finish is not None:
                return None  # The answer is whole; only its usage got lost.
            raise
        piece = heard(chunk)
        if piece.failed:
            raise faults.broken(self._place)
        return None if chunk is _END else piece

    async def _guarded(self, work: Coroutine[object, object, _Got], seconds: float, *, began: bool) -> _Got:
        """The work's result; a status passes as it is, every other failure becomes a `Fault`."""
        try:
            return await within(seconds, work)
        except openai.APIStatusError:
            raise
        except TooSlow:
            fault = faults.stalled(self._place, seconds, began)
        except Exception as error:  # openai, httpx and the socket below have no common base
            if not faults.is_foreign(error):
                raise
            fault = faults.of_exception(error, self._place)
        raise fault


_END = object()


async def _following(stream: AsyncStream[object]) -> object:
    """The next chunk, `_END` after the last: a task cannot end with `StopAsyncIteration`."""
    try:
        return await stream.__anext__()
    except StopAsyncIteration:
        return _END
