from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from flowmill.errors import ModelError
from flowmill.model.recorded import Answered, RecordingModel, ReplayModel, prompt_key
from flowmill.model.scripted import Answer, ScriptedModel
from flowmill.shapes import AnswerEnd, AnswerPiece, Delta, Message, ModelProfile, Prompt, Usage

PROFILE = ModelProfile("recorded")


def ask(text: str) -> Prompt:
    return Prompt((Message("user", text),))


def answered(text: str, answer: str) -> Answered:
    return Answered(ask(text), answer, Usage(1, 0, 1), "stop", 0.1, complete=True)


async def text_of(model: RecordingModel | ReplayModel, prompt: Prompt) -> str:
    pieces: list[AnswerPiece] = [piece async for piece in model.stream(prompt)]
    return "".join(piece.text for piece in pieces if isinstance(piece, Delta))


async def test_a_complete_call_is_recorded_once_and_passes_through() -> None:
    tape: list[Answered] = []
    model = RecordingModel(ScriptedModel([Answer(("a", "b"), "length", Usage(5, 4, 3))]), tape.append)
    pieces = [piece async for piece in model.stream(ask("x"))]
    assert pieces == [Delta("a"), Delta("b"), AnswerEnd(Usage(5, 4, 3), "length")]
    (call,) = tape
    assert (call.prompt, call.text, call.usage, call.finish) == (ask("x"), "ab", Usage(5, 4, 3), "length")
    assert call.complete
    assert call.seconds >= 0


async def test_a_restart_voids_what_was_recorded_before() -> None:
    tape: list[Answered] = []
    scripted = ScriptedModel([Answer(("half", "whole"), restarts=frozenset({1}))])
    model = RecordingModel(scripted, tape.append)
    assert [piece async for piece in model.stream(ask("x"))]
    assert tape[0].text == "whole"


async def test_an_early_close_reaches_the_model_and_is_recorded_as_such() -> None:
    tape: list[Answered] = []
    scripted = ScriptedModel(["a\nb\nc"])
    model = RecordingModel(scripted, tape.append)
    async with aclosing(model.stream(ask("x"))) as pieces:
        await anext(pieces)
    assert (tape[0].text, tape[0].complete, tape[0].finish) == ("a\n", False, None)
    assert scripted.closed_early == 1


async def test_a_failure_is_recorded_and_replayed() -> None:
    tape: list[Answered] = []
    model = RecordingModel(
        ScriptedModel([Answer(("a",), error=ModelError("the server is gone"))]), tape.append
    )
    with pytest.raises(ModelError, match="gone"):
        assert [piece async for piece in model.stream(ask("x"))]
    assert (tape[0].error, tape[0].complete) == ("the server is gone", False)
    with pytest.raises(ModelError, match="gone"):
        await text_of(ReplayModel(tape, PROFILE), ask("x"))


async def test_replay_finds_the_same_prompt_first_then_goes_by_order() -> None:
    model = ReplayModel([answered("p", "1"), answered("q", "2"), answered("p", "3")], PROFILE)
    assert await text_of(model, ask("q")) == "2"
    assert await text_of(model, ask("p")) == "1"
    assert model.by_order == 0
    assert await text_of(model, ask("never recorded")) == "3"
    assert model.by_order == 1


async def test_replay_tells_when_the_run_diverges() -> None:
    model = ReplayModel([answered("p", "1")], PROFILE)
    await text_of(model, ask("p"))
    with pytest.raises(ModelError, match="has 1 answers, but the replay asks for call 2"):
        await text_of(model, ask("p"))
    strict = ReplayModel([answered("p", "1")], PROFILE, strict=True)
    with pytest.raises(ModelError, match="call 1 of the replay asks a prompt that was not recorded"):
        await text_of(strict, ask("q"))


def test_the_key_of_a_prompt_is_stable() -> None:
    assert prompt_key(ask("x")) == prompt_key(ask("x"))
    assert prompt_key(ask("x")) != prompt_key(ask("y"))


@pytest.mark.parametrize("together", [False, True])
async def test_an_answer_that_was_joined_is_joined_again(together: bool) -> None:
    tape, told = list[Answered](), list[bool]()
    gate = asyncio.Event()
    first = Answer(("1\n", "2\n"), gates={1: gate})
    model = RecordingModel(ScriptedModel([first, "3"]), tape.append, lambda: told.append(True))

    async def ask_both(model: RecordingModel | ReplayModel) -> list[str]:
        tasks = [asyncio.create_task(text_of(model, ask("p")))]
        if together:
            await asyncio.wait(tasks, timeout=0.01)
            assert not tasks[0].done()
        else:
            gate.set()
            await tasks[0]
        tasks.append(asyncio.create_task(text_of(model, ask("q"))))
        await asyncio.wait(tasks[1:])
        gate.set()
        return await asyncio.gather(*tasks)

    assert await ask_both(model) == ["1\n2\n", "3"]
    assert told == [True] * together
    assert await ask_both(ReplayModel(tape, PROFILE, joined=bool(told))) == ["1\n2\n", "3"]
