"""Settings that change while a run works, and bad ones."""

from __future__ import annotations

import asyncio

from doubles.scenes import EVENTS, EditorOf, ModelOf, begin, gated, popups, settled, until


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
