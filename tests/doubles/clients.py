"""An `OpenAIModel` on a fake server, with a clock that waits for nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from doubles.openai_server import FakeOpenAI
from flowmill.model.client import OpenAIModel
from flowmill.model.profiles import ServerKind
from flowmill.model.retry import Limits, Pace
from flowmill.shapes import AnswerPiece, Delta, Message, ModelProfile, Prompt

KEY = "sk-test-0123456789abcdefghij"
PROMPT = Prompt((Message("system", "Be brief."), Message("user", "Write f.")), max_tokens=64)
PROFILE = ModelProfile("test-model", prefills=True)


@dataclass
class Clock:
    """Keeps the waits that were asked for, and waits for none."""

    waits: list[float] = field(default_factory=list[float])
    now: float = 1_000_000.0

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    @property
    def pace(self) -> Pace:
        return Pace(self.sleep, lambda: self.now, lambda: 1.0)


def model_at(
    server: FakeOpenAI,
    *,
    clock: Clock | None = None,
    profile: ModelProfile = PROFILE,
    kind: ServerKind = "unknown",
    limits: Limits | None = None,
    left: float = math.inf,
    key: str = KEY,
) -> OpenAIModel:
    return OpenAIModel(
        server.base_url,
        key,
        profile,
        server=kind,
        limits=limits,
        seconds_left=lambda: left,
        pace=(clock or Clock()).pace,
    )


async def pieces_of(model: OpenAIModel, prompt: Prompt = PROMPT) -> list[AnswerPiece]:
    try:
        return [piece async for piece in model.stream(prompt)]
    finally:
        await model.aclose()


async def collected(model: OpenAIModel) -> list[AnswerPiece]:
    return [piece async for piece in model.stream(PROMPT)]


def text_of(pieces: list[AnswerPiece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Delta))
