"""Accept, discard and undo with the real server, its engine and its tests; only the model is scripted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from doubles.buffers import Buffer
from doubles.editor import Editor
from doubles.openai_server import FakeOpenAI
from doubles.projects import ADDS, CALC, GOOD, STUB

ModelOf: TypeAlias = "Callable[..., Awaitable[FakeOpenAI]]"
EditorOf: TypeAlias = "Callable[..., Awaitable[Editor]]"
DONE = CALC.replace(STUB, ADDS)


PATIENCE = 60.0
"""Seconds for a run on a machine that others load."""


async def state(editor: Editor, run: str) -> str:
    known: list[dict[str, Any]] = await editor.command("flow.runs")
    return next(each["state"] for each in known if each["run"] == run)


async def ended(editor: Editor, number: int) -> str:
    """The id of the run that ended as the so many-th."""
    ends = await editor.until(
        lambda: (found := editor.seen.of("run.finished"))[number - 1 :] and found, "the end", PATIENCE
    )
    run = str(ends[number - 1]["run"])
    while await state(editor, run) == "working":  # It tells its end before it has tidied up.
        pass
    return run


@pytest.fixture
async def working(model: ModelOf, editor: EditorOf) -> tuple[Editor, Buffer]:
    server = await model(GOOD)
    started = await editor("neovim-0.11", model=server, options={"flow": {"events": True}})
    buffer = started.open("calc.py")
    await started.command("flow.generate", {"uri": buffer.uri, "qualname": "add"})
    return started, buffer


async def test_accept_and_undo(working: tuple[Editor, Buffer], project: Path) -> None:
    editor, buffer = working
    run = await ended(editor, 1)
    await editor.command("flow.accept", {"run": run, "hunks": [0]})
    await editor.until(lambda: buffer.text == DONE, "the edit")
    assert await state(editor, run) == "accepted"
    editor.undo(buffer)
    assert (buffer.text, await state(editor, run)) == (CALC, "ready")
    await editor.run_action(buffer, "def add", "Flow: accept")
    assert (buffer.text, await state(editor, run)) == (DONE, "accepted")
    editor.undo(buffer)
    editor.replace(buffer, '"""Sums."""', '"""Sums, \U0001f40d."""\n')
    await editor.run_action(buffer, "def add", "Flow: accept")
    assert buffer.text == DONE.replace("Sums.", "Sums, \U0001f40d.", 1).replace("\n\nPI", "\n\n\nPI")
    assert await state(editor, run) == "accepted"
    assert (project / "calc.py").read_bytes() == CALC.encode()
    with pytest.raises(Exception, match="the run on add was accepted already"):
        await editor.command("flow.accept", {"run": run})


async def test_a_changed_function_is_tested_again_and_then_discarded(working: tuple[Editor, Buffer]) -> None:
    editor, buffer = working
    run = await ended(editor, 1)
    editor.replace(buffer, "The sum of both", "Their sum")
    check = await ended(editor, 2)
    assert (await state(editor, run), await state(editor, check)) == ("replaced", "ready")
    actions = await editor.code_actions(buffer, "def add")
    assert [action.title.partition(" (")[0] for action in actions][:1] == ["Flow: accept"]
    await editor.command("flow.discard", {"run": check})
    assert await state(editor, check) == "discarded"
    assert buffer.text == CALC.replace("The sum of both", "Their sum")
