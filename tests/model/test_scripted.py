from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from flowmill.errors import ModelError
from flowmill.model.scripted import Answer, ScriptedModel
from flowmill.shapes import AnswerEnd, AnswerPiece, Delta, Message, Prompt, Restarted, Usage

PROMPT = Prompt((Message("user", "x" * 35),))


async def pieces_of(model: ScriptedModel, prompt: Prompt = PROMPT) -> list[AnswerPiece]:
    return [piece async for piece in model.stream(prompt)]


async def test_answers_in_order_and_keeps_the_prompts() -> None:
    model = ScriptedModel(["a\nb", Answer(("c", "d"), "length", Usage(1, 2, 3))])
    assert await pieces_of(model) == [Delta("a\n"), Delta("b"), AnswerEnd(Usage(14, 0, 1))]
    other = Prompt((Message("user", "other"),))
    assert await pieces_of(model, other) == [Delta("c"), Delta("d"), AnswerEnd(Usage(1, 2, 3), "length")]
    assert model.prompts == [PROMPT, other]


async def test_a_script_that_is_over_fails_or_repeats() -> None:
    with pytest.raises(ModelError, match="no more answers"):
        await pieces_of(ScriptedModel([]))
    model = ScriptedModel(["same"], at_end="repeat")
    assert await pieces_of(model) == await pieces_of(model)


async def test_a_function_answers_by_the_prompt() -> None:
    model = ScriptedModel(lambda prompt: prompt.messages[0].text[:2])
    assert (await pieces_of(model))[0] == Delta("xx")


async def test_errors_are_raised_after_the_chunks() -> None:
    model = ScriptedModel([ModelError("gone"), Answer(("a",), error=ModelError("broke"))])
    with pytest.raises(ModelError, match="gone"):
        await pieces_of(model)
    pieces = model.stream(PROMPT)
    assert await anext(pieces) == Delta("a")
    with pytest.raises(ModelError, match="broke"):
        await anext(pieces)
    assert model.closed_early == 0


async def test_gates_hold_the_stream_and_restarts_void_it() -> None:
    gate = asyncio.Event()
    model = ScriptedModel([Answer(("a", "b"), gates={1: gate}, restarts=frozenset({1}))])
    async with aclosing(model.stream(PROMPT)) as pieces:
        assert await anext(pieces) == Delta("a")
        following = asyncio.ensure_future(anext(pieces))
        await asyncio.sleep(0)
        assert not following.done()
        gate.set()
        assert isinstance(await following, Restarted)
        assert await anext(pieces) == Delta("b")


async def test_an_early_close_is_counted() -> None:
    model = ScriptedModel(["a\nb\nc"])
    async with aclosing(model.stream(PROMPT)) as pieces:
        await anext(pieces)
    assert model.closed_early == 1
