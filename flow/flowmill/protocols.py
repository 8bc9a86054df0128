"""The three seams of the engine: running tests, asking a model, making candidates."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Protocol

from flowmill.shapes import AnswerPiece, Candidate, ModelProfile, Prompt, RunnerMessage, TestOrder

if TYPE_CHECKING:
    from flowmill.engine.board import Board


class Runner(Protocol):
    """Runs the project's tests against an overlay, writing nothing into the project."""

    def run(self, order: TestOrder) -> AsyncGenerator[RunnerMessage, None]:
        """Yield at most one `Collected`, then results as they happen, then exactly one `RunEnd`.

        Closing the iterator early ends the tests' processes before it returns.
        """
        ...

    async def aclose(self) -> None:
        """Leave no process and no file behind."""
        ...


class Model(Protocol):
    """Answers prompts. Raises `flowmill.errors.ModelError` for whatever cannot be retried away."""

    @property
    def profile(self) -> ModelProfile: ...

    def stream(self, prompt: Prompt) -> AsyncGenerator[AnswerPiece, None]:
        """Yield the answer's pieces and then one `AnswerEnd`; closing it early stops the server's work."""
        ...

    async def aclose(self) -> None: ...


class CandidateSource(Protocol):
    """Makes candidates, one after the other or a few at a time.

    By the time it is asked for the next ones, the board may know how the ones before
    fared; `await board.settled()` waits until it does.
    """

    def candidates(self, board: Board) -> AsyncGenerator[Sequence[Candidate], None]: ...
