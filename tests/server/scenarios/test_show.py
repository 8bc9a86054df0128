"""What each client is shown of a run: its progress, its diff, its log, its events."""

from __future__ import annotations

import json
from pathlib import Path

from lsprotocol import types

from doubles.contract import check_events
from doubles.editor import Editor
from doubles.projects import ADDS, CALC, GOOD, STUB
from doubles.scenes import EVENTS, EditorOf, ModelOf, begin, settled, state

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


def file_of(uri: str) -> str:
    return Path(uri.removeprefix("file://")).read_text(encoding="utf-8")


async def test_diff_log_and_events(profile: str, model: ModelOf, editor: EditorOf) -> None:
    ed = await editor(profile, model=await model(GOOD), options=EVENTS, settings=ONE_CALL)
    buffer = ed.open("calc.py")
    run = await begin(ed, buffer)
    assert await settled(ed, run) == "ready"
    check_events("".join(json.dumps(event) + "\n" for event in ed.seen.events), 0)
    await ed.command("flow.showDiff", {"run": run})
    able = ed.profile.capabilities
    assert able.workspace is not None
    assert able.window is not None
    if able.workspace.text_document_content:
        expected = "virtual"
    else:
        expected = "file" if able.window.show_document else "log"
    assert await shown_in(ed, "result.diff", DIFF) == expected
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


async def test_the_log_by_its_button(model: ModelOf, editor: EditorOf) -> None:
    ed = await editor("zed", model=await model("no code"), settings=ONE_CALL)
    ed.manners.chooses = ["Show log"]
    buffer = ed.open("calc.py")
    await begin(ed, buffer)
    assert await shown_in(ed, "log.md", "# Generate `add`") == "log"
    assert ed.seen.events == []


async def test_a_plugin_that_shows_the_end_itself(model: ModelOf, editor: EditorOf, client: str) -> None:
    options = {"flow": {"events": True, "messages": False}}
    ed = await editor(client, model=await model(GOOD), options=options, settings=ONE_CALL)
    buffer = ed.open("calc.py")
    assert await settled(ed, await begin(ed, buffer)) == "ready"
    assert ed.seen.texts() == []
