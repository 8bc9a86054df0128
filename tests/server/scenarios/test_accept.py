"""Accepting, with editors that refuse, lie, fail, never answer, or have moved on meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import pytest
from pygls.exceptions import JsonRpcException

from doubles.buffers import Buffer
from doubles.editor import Editor
from doubles.editor_profile import takes_edits, takes_versioned_edits, under
from doubles.projects import ADDS, CALC, GOOD, STUB, fenced
from doubles.scenes import EVENTS, EditorOf, ModelOf, begin, settled, state, titles, told

DONE = CALC.replace(STUB, ADDS)
ONE_CALL = {"maxCalls": 1}
WITH_IMPORT = fenced("import math\n\ndef add(a, b):\n    return int(math.fsum((a, b)))")
TAKE_EDITS = under("vscode", "neovim-0.11", "emacs-eglot", having=takes_edits)
"""With confirmation, without versions, and with versions alone."""
BAD_MANNERS: dict[Literal["refuses", "error", "lies"], str] = {
    "refuses": "the editor did not make the change: the user said no; the draft is kept",
    "error": "the editor did not make the change: the draft is kept",
    "lies": "the editor said it made the change, but the text is as before: the draft is kept",
}


async def ready(
    profile: str, model: ModelOf, editor: EditorOf, answer: str = GOOD
) -> tuple[Editor, Buffer, str]:
    """A run that waits to be accepted."""
    ed = await editor(profile, model=await model(answer), options=EVENTS, settings=ONE_CALL)
    buffer = ed.open("calc.py")
    run = await begin(ed, buffer)
    assert await settled(ed, run) == "ready"
    return ed, buffer, run


@pytest.mark.parametrize("profile", TAKE_EDITS)
async def test_an_editor_that_does_not_make_the_edit(profile: str, model: ModelOf, editor: EditorOf) -> None:
    ed, buffer, run = await ready(profile, model, editor)
    for manner, line in BAD_MANNERS.items():
        ed.manners.applies = manner
        await ed.command("flow.accept", {"run": run})
        await told(ed, line)
        assert (buffer.text, await state(ed, run)) == (CALC, "ready")
    ed.client.violations.clear()  # the double's own note of the error
    ed.manners.applies = "yes"
    await ed.command("flow.accept", {"run": run})
    await ed.until(lambda: buffer.text == DONE, "the edit")
    while await state(ed, run) != "accepted":
        pass


async def test_an_editor_that_never_answers(model: ModelOf, editor: EditorOf, taker: str) -> None:
    ed, buffer, run = await ready(taker, model, editor)
    ed.manners.applies = "never"
    await ed.command("flow.accept", {"run": run})
    await ed.until(
        lambda: any(m.get("method") == "workspace/applyEdit" for m in ed.seen.heard), "the question"
    )
    with pytest.raises(JsonRpcException, match="add is being accepted already"):
        await ed.command("flow.accept", {"run": run})
    with pytest.raises(JsonRpcException, match="add is being accepted"):
        await ed.command("flow.discard", {"run": run})
    assert "Flow: show diff" in await titles(ed, buffer, "def add")
    assert buffer.text == CALC


@pytest.mark.parametrize("profile", TAKE_EDITS)
async def test_two_accepts_at_different_versions(profile: str, model: ModelOf, editor: EditorOf) -> None:
    """The editor is a keystroke ahead of what the server knows when the first one comes."""
    ed, buffer, run = await ready(profile, model, editor)
    (offered,) = [a for a in await ed.code_actions(buffer, "def add") if "accept" in a.title]
    ed.replace(buffer, "PI = 3.14", "PI = 3.15")
    typed = buffer.text
    assert getattr(offered, "edit", None)
    await ed.run_action(buffer, "def add", "Flow: accept")
    assert buffer.text == typed.replace(STUB, ADDS)
    with pytest.raises(JsonRpcException, match="the run on add was accepted already"):
        await ed.command("flow.accept", {"run": run})
    assert len(buffer.past) == 2


@pytest.mark.parametrize("profile", under("vscode", "emacs-eglot", having=takes_versioned_edits))
async def test_an_edit_for_a_version_that_is_past_is_not_made(
    profile: str, model: ModelOf, editor: EditorOf
) -> None:
    ed, buffer, run = await ready(profile, model, editor)
    buffer.version += 1  # a change that the server has not been told of
    await ed.command("flow.accept", {"run": run})
    await told(ed, "the editor did not make the change: calc.py is at version 2, not 1; the draft is kept")
    assert (buffer.text, await state(ed, run)) == (CALC, "ready")
    ed.replace(buffer, "PI = 3.14", "PI = 3.15")
    await ed.command("flow.accept", {"run": run})
    await ed.until(lambda: ADDS in buffer.text, "the edit")
    assert buffer.text == DONE.replace("3.14", "3.15")


@pytest.mark.parametrize("profile", TAKE_EDITS)
async def test_chosen_hunks_are_tested_again(
    profile: str, project: Path, model: ModelOf, editor: EditorOf
) -> None:
    ed, buffer, run = await ready(profile, model, editor, WITH_IMPORT)
    await ed.command("flow.accept", {"run": run, "hunks": [1]})
    assert await told(ed, "in part") == "add accepted in part: 0/4 tests pass"
    body = "    return int(math.fsum((a, b)))\n"
    assert buffer.text == CALC.replace(STUB, body)
    assert await state(ed, run) == "accepted"
    assert len(buffer.past) == 1
    ed.undo(buffer)
    assert buffer.text == CALC
    await ed.command("flow.accept", {"run": run})
    await ed.until(lambda: "import math" in buffer.text, "the whole edit")
    assert buffer.text.count(body) == 1
    assert (project / "calc.py").read_text(encoding="utf-8") == CALC


async def test_hunks_that_are_not_there(model: ModelOf, editor: EditorOf, client: str) -> None:
    ed, buffer, run = await ready(client, model, editor)
    await ed.command("flow.accept", {"run": run, "hunks": [3]})
    await told(ed, "there is no hunk 3: this change has one hunk, 0")
    with pytest.raises(JsonRpcException, match="hunks are the numbers, counted from 0"):
        await ed.command("flow.accept", {"run": run, "hunks": "first"})
    with pytest.raises(JsonRpcException, match=r"flow\.accept knows no 'hunk': it takes run, hunks"):
        await ed.command("flow.accept", {"run": run, "hunk": [0]})
    assert buffer.text == CALC


async def test_what_was_discarded_is_told_to_the_model(model: ModelOf, editor: EditorOf, client: str) -> None:
    server = await model(fenced("def add(a, b):\n    return b + a"), GOOD)
    ed = await editor(client, model=server, options=EVENTS, settings=ONE_CALL)
    buffer = ed.open("calc.py")
    first = await begin(ed, buffer)
    await settled(ed, first)
    assert not any("return b + a" in request.text for request in server.requests)
    await ed.run_action(buffer, "def add", "Flow: discard")
    assert await state(ed, first) == "discarded"
    second = await begin(ed, buffer)
    await settled(ed, second)
    assert "return b + a" in server.requests[-1].text
    assert not any("return a + b" in request.text for request in server.requests)
    _, third = await asyncio.gather(ed.command("flow.discard", {"run": second}), begin(ed, buffer))
    await settled(ed, third)
    assert "return a + b" in server.requests[-1].text
    assert buffer.text == CALC
