"""A run in every editor that has no plugin of ours: from the menu to the accepted code and back in one step."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from lsprotocol import types

from doubles.buffers import Buffer
from doubles.editor import Editor
from doubles.openai_server import Reply
from doubles.projects import ADDS, CALC, GOOD, STUB, WRONG
from doubles.scenes import EditorOf, ModelOf, events, finished, popups, titles

from .setups import Setup

HANGS = Reply((GOOD[:24], GOOD[24:40]), ending="stall")
LINE = f"+{ADDS.rstrip()}"


async def test_from_the_menu_to_accepted_code_and_back(
    setup: Setup, project: Path, model: ModelOf, editor: EditorOf
) -> None:
    ed = await editor(model=await model(GOOD))
    buffer = ed.open("calc.py")
    assert (await titles(ed, buffer, "def add"))[0] == "Generate with flow"
    await ed.run_action(buffer, "def add", "Generate with flow")
    assert (await finished(ed))["status"] == "verified"
    (started,) = events(ed, "run.started")
    assert started["budget"]["seconds"] == 120, "the documented setting did not arrive"
    await _progress_was_shown(ed)
    assert "add is verified: 4/4 tests pass" in " ".join(await ed.until(lambda: popups(ed), "the end"))
    assert (buffer.text, (project / "calc.py").read_bytes()) == (CALC, CALC.encode())

    assert LINE in await _diff(setup, ed, buffer)
    offered = await titles(ed, buffer, "def add")
    assert offered[:3] == ["Flow: accept (4/4 tests)", "Flow: show diff", "Flow: discard"]
    await ed.run_action(buffer, "def add", "Flow: accept")
    assert (buffer.text, len(buffer.past)) == (CALC.replace(STUB, ADDS), 1)
    ed.undo(buffer)
    assert buffer.text == CALC

    await ed.run_action(buffer, "def add", "Flow: discard")
    assert (await titles(ed, buffer, "def add"))[0] == "Generate with flow"
    assert (buffer.text, (project / "calc.py").read_bytes()) == (CALC, CALC.encode())


async def test_a_failing_function_is_marked_and_its_repair_can_be_cancelled(
    setup: Setup, model: ModelOf, editor: EditorOf
) -> None:
    server = await model(WRONG, HANGS)
    ed = await editor(model=server, settings={"maxCalls": 1})
    buffer = ed.open("calc.py")
    await ed.run_action(buffer, "def add", "Generate with flow")
    assert (await finished(ed))["status"] in ("failed", "improved")
    line = buffer.line_of("def add")
    marks = await ed.until(lambda: ed.diagnostics_at(buffer, line), "the mark")
    assert "fail" in marks[0].message
    (repair,) = [a for a in await ed.code_actions(buffer, line) if a.title == "Repair with flow"]
    assert isinstance(repair, types.CodeAction)
    assert (repair.kind, list(repair.diagnostics or ())) == ("quickfix.flow", [marks[0]])

    deltas = len(events(ed, "draft.delta"))
    await ed.run_action(buffer, line, "Repair with flow")
    await ed.until(lambda: len(events(ed, "draft.delta")) > deltas, "a draft")
    if setup.lenses:
        await ed.until(lambda: ed.seen.refreshed[types.WORKSPACE_CODE_LENS_REFRESH], "lenses")
        assert "cancel" in await _lenses(ed, buffer)
    await ed.run_action(buffer, line, "Flow: cancel")
    assert (await finished(ed, 2))["status"] == "cancelled"
    await asyncio.wait_for(server.dropped.wait(), 5)
    assert buffer.text == CALC


async def test_accept_by_the_button_of_the_message(setup: Setup, model: ModelOf, editor: EditorOf) -> None:
    ed = await editor(model=await model(GOOD))
    ed.manners.chooses = ["Accept"]
    buffer = ed.open("calc.py")
    await ed.run_action(buffer, "def add", "Generate with flow")
    await finished(ed)
    if setup.name == "kate":
        # It makes no edit that a server asks for, so no button promises one.
        (asked,) = await ed.until(lambda: ed.seen.questions, "the message")
        assert [action.title for action in asked.actions or ()] == ["Show diff", "Discard"]
        assert buffer.text == CALC
    else:
        await ed.until(lambda: buffer.text != CALC, "the edit")
        assert (buffer.text, len(buffer.past)) == (CALC.replace(STUB, ADDS), 1)


# ------------------------------------------------------------------ what the user sees
async def _progress_was_shown(ed: Editor) -> None:
    progress = list(ed.seen.progress.values())
    await ed.until(lambda: [each for each in progress if each.ended], "the end of the progress")
    (shown,) = [each for each in progress if each.created]
    assert shown.kinds[0] == "begin"
    assert shown.values[0]["cancellable"] is True
    assert any("tests" in text for text in shown.texts)
    assert shown.texts[-1] == "verified: 4/4 tests"


async def _diff(setup: Setup, ed: Editor, buffer: Buffer) -> str:
    """What "Flow: show diff" brings to this editor's user."""
    logged = len(ed.seen.logs)
    await ed.run_action(buffer, "def add", "Flow: show diff")
    if setup.diff == "log":
        found = await ed.until(lambda: [log.message for log in ed.seen.logs[logged:]], "the diff")
        assert ed.seen.shown == []
        return found[0]
    shown = (await ed.until(lambda: ed.seen.shown, "the diff"))[0]
    assert shown.take_focus is not True
    if setup.diff == "virtual":
        assert shown.uri.startswith("flow:/run/")
        content: Any = await ed.request(
            types.WORKSPACE_TEXT_DOCUMENT_CONTENT, types.TextDocumentContentParams(shown.uri)
        )
        return str(content.text)
    path = Path(unquote(urlsplit(shown.uri).path))
    assert path.name == "result.diff"
    return await asyncio.to_thread(path.read_text, "utf-8")


async def _lenses(ed: Editor, buffer: Buffer) -> list[str]:
    params = types.CodeLensParams(types.TextDocumentIdentifier(buffer.uri))
    found: list[types.CodeLens] = await ed.request(types.TEXT_DOCUMENT_CODE_LENS, params)
    return [lens.command.title for lens in found if lens.command]
