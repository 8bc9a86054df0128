"""However a server ends in the middle of a run: no process and no file of its is left."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from pygls.exceptions import JsonRpcException

from doubles.editor import Editor
from doubles.openai_server import FakeOpenAI, Reply
from doubles.processes import gone
from doubles.projects import CALC, GOOD
from doubles.scenes import EVENTS, SECONDS, EditorOf, ModelOf, begin, finished, popups, settled, until

HANGS = Reply((GOOD[:24], GOOD[24:]), ending="stall")
KEPT = ("jedi", "journal.sqlite3", "maps", "child-", "server.log", "pycache")
"""How the names of what is meant to stay in the cache begin."""
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for what is left")


def left_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def words(pid: int) -> str:
    """The command of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode()


@linux
@pytest.mark.parametrize("stage", ["stage", "test", "draft.delta"])
@pytest.mark.parametrize("way", ["shutdown", "hang up", "kill"])
async def test_nothing_is_left(
    way: str, stage: str, project: Path, cache: Path, model: ModelOf, client: str
) -> None:
    before = left_in(project)
    async with Editor.start(project, client, model=await model(HANGS), options=EVENTS, cache=cache) as ed:
        await begin(ed, ed.open("calc.py"))
        await until(ed, stage)
        scratch = Path(ed._scratch)
        if way == "hang up":
            ed.hang_up()
        elif way == "kill":
            ed.kill(signal.SIGKILL)
        if way != "shutdown":
            await ed.exited()
            assert await gone(ed.children(), 1.0) == []
    assert left_in(scratch) == []
    assert [name for name in left_in(project) if "__pycache__" not in name] == before
    assert (project / "calc.py").read_text(encoding="utf-8") == CALC
    assert [name for name in left_in(cache) if not name.startswith(KEPT)] == []


@linux
async def test_an_engine_that_is_killed(project: Path, model: ModelOf, editor: EditorOf, client: str) -> None:
    server: FakeOpenAI = await model(HANGS, GOOD)
    ed = await editor(client, model=server, options=EVENTS, settings={"maxCalls": 1})
    buffer = ed.open("calc.py")
    run = await begin(ed, buffer)
    await until(ed, "draft.delta")
    engine = next(pid for pid in ed.children() if "engine.worker" in words(pid))
    children = ed.children()
    os.kill(engine, signal.SIGKILL)
    await asyncio.wait_for(server.dropped.wait(), 5)
    assert await gone(children, 1.0) == []
    await ed.until(lambda: popups(ed), "the reason")
    assert popups(ed) == [
        "flow: add: the engine stopped unexpectedly (signal 9): run it again",
    ]
    assert (await finished(ed))["status"] == "failed"
    told = [event["seq"] for event in ed.seen.events if event["run"] == run]
    assert told == list(range(len(told)))
    again = await begin(ed, buffer)
    assert await settled(ed, again) == "ready"


@linux
async def test_the_request_flow_run_says_why_it_broke_off(
    model: ModelOf, editor: EditorOf, client: str
) -> None:
    ed = await editor(client, model=await model(HANGS), options=EVENTS)
    buffer = ed.open("calc.py")
    _, answer = ed.begin("flow/run", {"uri": buffer.uri, "qualname": "add", "mode": "generate"})
    await until(ed, "draft.delta")
    os.kill(next(pid for pid in ed.children() if "engine.worker" in words(pid)), signal.SIGKILL)
    with pytest.raises(JsonRpcException, match="stopped unexpectedly") as broken:
        await asyncio.wait_for(answer, SECONDS)
    assert broken.value.code == -32803
    assert (await finished(ed))["status"] == "failed"
