"""What each client is shown of a run: its progress, its diff, its log, its events."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lsprotocol import types

from doubles.contract import check_events
from doubles.editor import Editor
from doubles.editor_profile import Profile, takes_questions, under
from doubles.projects import ADDS, CALC, GOOD, STUB
from doubles.scenes import EVENTS, EditorOf, ModelOf, begin, settled, state, told

DIFF = f"-{STUB}+{ADDS}"
ONE_CALL = {"maxCalls": 1}


async def content(ed: Editor, uri: str) -> str:
    params = types.TextDocumentContentParams(uri)
    result: types.TextDocumentContentResult = await ed.request(types.WORKSPACE_TEXT_DOCUMENT_CONTENT, params)
    return result.text


async def shown_in(ed: Editor, name: str, piece: str) -> str:
    """Through which channel a document of a run came that holds this piece."""
    await ed.until(lambda: ed.seen.shown or any(piece in log.message for log in ed.seen.logs), name)
    if not ed.seen.shown:
        return "log"
    uri = ed.seen.shown[-1].uri
    if uri.startswith("flow:"):
        assert uri.endswith(f"/{name}")
        assert piece in await content(ed, uri)
        return "virtual"
    assert piece in file_of(uri)
    return "file"


def best_channel(profile: Profile) -> str:
    """The one that the client's user sees most of."""
    able = profile.capabilities
    if able.workspace and able.workspace.text_document_content:
        return "virtual"
    return "file" if able.window and able.window.show_document else "log"


def file_of(uri: str) -> str:
    return Path(uri.removeprefix("file://")).read_text(encoding="utf-8")


async def test_diff_log_and_events(profile: str, model: ModelOf, editor: EditorOf) -> None:
    ed = await editor(profile, model=await model(GOOD), options=EVENTS, settings=ONE_CALL)
    buffer = ed.open("calc.py")
    run = await begin(ed, buffer)
    assert await settled(ed, run) == "ready"
    check_events("".join(json.dumps(event) + "\n" for event in ed.seen.events), 0)
    await ed.command("flow.showDiff", {"run": run})
    assert await shown_in(ed, "result.diff", DIFF) == best_channel(ed.profile)
    log = await content(ed, f"flow:/run/{run}/log.md")
    assert log.startswith("# Generate `add`")
    assert "Nothing is changed until you accept it." in log
    (progress,) = ed.seen.progress.values()
    await ed.until(lambda: progress.ended, "the end of the progress")
    assert progress.texts[-1] == "verified: 4/4 tests"
    assert [text for text in ed.seen.texts() if "verified" in text] == [
        "flow: add is verified: 4/4 tests pass"
    ]
    assert (buffer.text, await state(ed, run)) == (CALC, "ready")


@pytest.mark.parametrize("profile", under("zed", having=takes_questions))
async def test_the_log_by_its_button(profile: str, model: ModelOf, editor: EditorOf) -> None:
    ed = await editor(profile, model=await model("no code"), settings=ONE_CALL)
    ed.manners.chooses = ["Show log"]
    buffer = ed.open("calc.py")
    await begin(ed, buffer)
    assert await shown_in(ed, "log.md", "# Generate `add`") == best_channel(ed.profile)
    assert ed.seen.events == []


@pytest.mark.parametrize("profile", under("neovim-0.11", having=lambda one: not takes_questions(one)))
async def test_an_end_without_a_question(profile: str, model: ModelOf, editor: EditorOf) -> None:
    ed = await editor(profile, model=await model("no code"), settings=ONE_CALL)
    buffer = ed.open("calc.py")
    await begin(ed, buffer)
    await told(ed, "nothing was changed")
    assert not any(m.get("method") == types.WINDOW_SHOW_MESSAGE_REQUEST for m in ed.seen.heard)


async def test_a_plugin_that_shows_the_end_itself(model: ModelOf, editor: EditorOf, client: str) -> None:
    options = {"flow": {"events": True, "messages": False}}
    ed = await editor(client, model=await model(GOOD), options=options, settings=ONE_CALL)
    buffer = ed.open("calc.py")
    assert await settled(ed, await begin(ed, buffer)) == "ready"
    assert ed.seen.texts() == []
