"""The model of runs that may not ask one."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from flowmill.errors import ModelError
from flowmill.shapes import AnswerPiece, ModelProfile, Prompt


class NoModel:
    """Answers nothing: a budget of no calls lets nobody ask."""

    profile = ModelProfile("none")

    async def stream(self, prompt: Prompt) -> AsyncGenerator[AnswerPiece, None]:
        raise ModelError("this run asks no model")
        yield  # It is a generator all the same.

    async def aclose(self) -> None:
        """There is nothing to let go."""
