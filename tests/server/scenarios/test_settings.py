"""Settings that change while a run works, and bad ones."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from doubles.projects import GOOD
from doubles.scenes import EVENTS, EditorOf, ModelOf, begin, gated, popups, settled, titles, until


async def test_settings_change_meanwhile(profile: str, model: ModelOf, editor: EditorOf) -> None:
    """The run keeps what it began with, the next one has the new ones, and a bad value is named once."""
    gate = asyncio.Event()
    ed = await editor(profile, model=await model(gated(gate)), options=EVENTS, settings={"maxCalls": 3})
    buffer = ed.open("calc.py")
    run = await begin(ed, buffer)
    assert (await until(ed, "run.started", run=run))["budget"]["calls"] == 3
    await ed.configure(maxCalls=2, strategy="guess")
    line = "flowmill: the editor's settings: strategy = 'guess' must be flow, direct, sample or alphacodium"
    await ed.until(lambda: any(text.startswith(line[:40]) for text in popups(ed)), "the bad value")
    other = await begin(ed, buffer, "twice")
    started = await until(ed, "run.started", run=other)
    assert (started["budget"]["calls"], started["strategy"]) == (2, "flow")
    await ed.command("flow.cancel", {"run": other})
    await ed.configure(maxSeconds=50)
    gate.set()
    assert await settled(ed, run) == "ready"
    bad = [text for text in popups(ed) if "guess" in text]
    assert len(bad) == 1, bad
    assert "default" in bad[0]


async def test_a_project_that_does_not_hold_all_that_is_open(
    tmp_path: Path, editor: EditorOf, client: str
) -> None:
    """That is said once, not for each folder."""
    (tmp_path / "other").mkdir()
    ed = await editor(client, options=EVENTS, settings={"project": str(tmp_path / "other")})
    for folder in ("a", "b", "c"):
        (ed.root / folder).mkdir()
        (ed.root / folder / "m.py").write_text("def f():\n    pass\n")
        await titles(ed, ed.open(f"{folder}/m.py"), "def f")
    (warning,) = [text for text in popups(ed) if "the editor's settings" in text]
    assert warning.endswith(
        f"not all that is open here is in {tmp_path / 'other'}; for the rest the default is used"
    )


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("project", 42, "project = 42 must be a text that is not empty"),
        ("project", "/nowhere/at/all", "project: no such project folder: /nowhere/at/all"),
        ("python", "/nowhere/bin/python", "python: no such interpreter: /nowhere/bin/python"),
    ],
)
async def test_a_place_that_is_not_there(
    setting: str, value: object, says: str, model: ModelOf, editor: EditorOf, client: str
) -> None:
    """It is named once, and the run goes on with the default."""
    ed = await editor(client, model=await model(GOOD), options=EVENTS, settings={setting: value})
    buffer = ed.open("calc.py")
    for _ in range(2):
        assert await settled(ed, await begin(ed, buffer)) == "ready"
    (warning,) = [text for text in popups(ed) if "the editor's settings" in text]
    assert warning.startswith(f"flowmill: the editor's settings: {says}")
    assert warning.endswith("; the default is used")
