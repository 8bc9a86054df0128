"""A run from the menu to the file, in every client."""

from __future__ import annotations

from pathlib import Path

from doubles.editor_profile import takes_edits
from doubles.openai_server import Reply, error
from doubles.projects import ADDS, CALC, GOOD, STUB, WRONG
from doubles.scenes import EVENTS, EditorOf, ModelOf, finished, popups, titles

FEW = {"maxCalls": 2}


async def test_generate_accept_and_undo(anyone: str, project: Path, model: ModelOf, editor: EditorOf) -> None:
    ed = await editor(anyone, model=await model(GOOD), options=EVENTS)
    buffer = ed.open("calc.py")
    before = (project / "calc.py").read_bytes()
    assert "Generate with flow" in await titles(ed, buffer, "def add")
    assert set(await ed.run_action(buffer, "def add", "Generate with flow")) == {"run"}
    assert (await finished(ed))["status"] == "verified"
    assert (buffer.text, (project / "calc.py").read_bytes()) == (CALC, before)
    assert {"Flow: accept (4/4 tests)", "Flow: show diff", "Flow: discard"} <= set(
        await titles(ed, buffer, "def add")
    )
    await ed.run_action(buffer, "def add", "Flow: accept")
    assert buffer.text == CALC.replace(STUB, ADDS)
    assert (project / "calc.py").read_bytes() == before
    ed.undo(buffer)
    assert buffer.text == CALC


async def test_accept_by_command(profile: str, project: Path, model: ModelOf, editor: EditorOf) -> None:
    ed = await editor(profile, model=await model(GOOD), options=EVENTS)
    buffer = ed.open("calc.py")
    run = await ed.command("flow.generate", {"uri": buffer.uri, "qualname": "add"})
    await finished(ed)
    await ed.command("flow.accept", run)
    if takes_edits(ed.profile):
        await ed.until(lambda: buffer.text != CALC, "the edit")
        assert buffer.text == CALC.replace(STUB, ADDS)
        assert len(buffer.past) == 1
    else:
        await ed.until(lambda: popups(ed), "the reason")
        assert buffer.text == CALC


async def test_all_drafts_fail(profile: str, project: Path, model: ModelOf, editor: EditorOf) -> None:
    ed = await editor(profile, model=await model(WRONG), options=EVENTS, settings=FEW)
    buffer = ed.open("calc.py")
    await ed.run_action(buffer, "def add", "Generate with flow")
    end = await finished(ed)
    assert end["status"] in ("failed", "improved")
    assert buffer.text == CALC
    published = await ed.until(lambda: ed.diagnostics_at(buffer, buffer.line_of("def add")), "the diagnostic")
    assert "fail" in published[0].message
    assert "Repair with flow" in await titles(ed, buffer, "def add")


async def test_a_written_body_is_repaired(
    profile: str, project: Path, model: ModelOf, editor: EditorOf
) -> None:
    text = CALC.replace(STUB, "    return a * b * a\n")
    (project / "calc.py").write_text(text, encoding="utf-8")
    ed = await editor(profile, model=await model(GOOD), options=EVENTS)
    buffer = ed.open("calc.py")
    assert await titles(ed, buffer, "def add") == ["Rewrite with flow", "Repair with flow"]
    await ed.run_action(buffer, "def add", "Repair with flow")
    assert (await finished(ed))["status"] == "verified"
    await ed.run_action(buffer, "def add", "Flow: accept")
    assert buffer.text == CALC.replace(STUB, ADDS)


async def test_what_the_model_refuses_is_told(
    profile: str, project: Path, model: ModelOf, editor: EditorOf
) -> None:
    server = await model(error(401, "no such key"))
    ed = await editor(profile, model=server, options=EVENTS)
    buffer = ed.open("calc.py")
    await ed.run_action(buffer, "def add", "Generate with flow")
    assert (await finished(ed))["status"] == "unchanged"
    told = await ed.until(lambda: popups(ed), "the reason")
    assert "key" in " ".join(told)
    assert buffer.text == CALC


async def test_a_model_that_answers_rubbish(
    profile: str, project: Path, model: ModelOf, editor: EditorOf
) -> None:
    ed = await editor(profile, model=await model(Reply(("I cannot do that.",))), options=EVENTS, settings=FEW)
    buffer = ed.open("calc.py")
    await ed.run_action(buffer, "def add", "Generate with flow")
    assert (await finished(ed))["status"] in ("failed", "unchanged")
    assert "Generate with flow" in await titles(ed, buffer, "def add")
    assert not any(title.startswith("Flow: accept") for title in await titles(ed, buffer, "def add"))
