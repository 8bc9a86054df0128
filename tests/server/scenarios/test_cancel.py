"""Cancel at every stage and by every way: the model's stream is closed, no process is left."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from doubles import scenes
from doubles.buffers import Buffer
from doubles.editor import Editor
from doubles.editor_wire import Message
from doubles.openai_server import Reply
from doubles.projects import CALC, GOOD
from doubles.scenes import EVENTS, SECONDS, EditorOf, ModelOf, finished, settled, titles, until

HANGS = Reply((GOOD[:24], GOOD[24:40]), ending="stall")
LONG_TEST = (
    "\n\ndef test_for_ever():\n    import threading\n    calc.add(1, 1)\n    threading.Event().wait()\n"
)
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for what is left")


async def begin(ed: Editor) -> tuple[str, Buffer]:
    buffer = ed.open("calc.py")
    answer = await ed.command("flow.generate", {"uri": buffer.uri, "qualname": "add"})
    return answer["run"], buffer


async def test_by_command_while_the_model_writes(profile: str, model: ModelOf, editor: EditorOf) -> None:
    server = await model(HANGS)
    ed = await editor(profile, model=server, options=EVENTS)
    run, _ = await begin(ed)
    await until(ed, "draft.delta")
    await ed.command("flow.cancel", {"run": run})
    assert (await finished(ed))["status"] == "cancelled"
    await asyncio.wait_for(server.dropped.wait(), 5)
    (state,) = [row["state"] for row in await ed.command("flow.runs") if row["run"] == run]
    assert state == "cancelled"


@pytest.mark.parametrize("stage", ["run.started", "stage", "tests.selected", "test", "draft.delta"])
async def test_at_every_stage(stage: str, model: ModelOf, editor: EditorOf, client: str) -> None:
    ed = await editor(client, model=await model(HANGS), options=EVENTS)
    run, _ = await begin(ed)
    await until(ed, stage)
    await ed.command("flow.cancel", {"run": run})
    assert (await finished(ed))["status"] == "cancelled"


async def test_while_a_test_hangs(project: Path, model: ModelOf, editor: EditorOf, client: str) -> None:
    path = project / "test_calc.py"
    path.write_text(path.read_text(encoding="utf-8") + LONG_TEST, encoding="utf-8")
    ed = await editor(client, model=await model(GOOD), options=EVENTS, settings={"testSeconds": 60})
    run, _ = await begin(ed)
    await until(ed, "draft", draft=1)
    await ed.command("flow.cancel", {"run": run})
    assert (await finished(ed))["status"] == "cancelled"


@pytest.mark.parametrize("engine", ["not started", "warm"])
async def test_before_it_has_begun(engine: str, model: ModelOf, editor: EditorOf, client: str) -> None:
    """The order to begin and the one to end come to the engine in one breath."""
    ed = await editor(client, model=await model(HANGS), options=EVENTS)
    buffer = ed.open("calc.py")
    if engine == "warm":
        first, _ = await begin(ed)
        await until(ed, "run.started")
        await ed.command("flow.cancel", {"run": first})
        assert await settled(ed, first) == "cancelled"
    for _ in range(5):
        run = await scenes.begin(ed, buffer)
        await ed.command("flow.cancel", {"run": run})
        end = f"(run {run}): cancelled"
        await ed.until(lambda end=end: any(end in log.message for log in ed.seen.logs), "its end", SECONDS)
    assert "Generate with flow" in await titles(ed, buffer, "def add")


async def test_by_progress(model: ModelOf, editor: EditorOf, client: str) -> None:
    ed = await editor(client, model=await model(HANGS), options=EVENTS)
    await begin(ed)
    token = (await ed.until(lambda: list(ed.seen.progress), "progress"))[0]
    await until(ed, "draft.delta")
    ed.notify(types.WINDOW_WORK_DONE_PROGRESS_CANCEL, types.WorkDoneProgressCancelParams(token))
    assert (await finished(ed))["status"] == "cancelled"
    await ed.until(lambda: ed.seen.progress[token].ended, "the end of the progress")


async def test_though_the_client_never_answers(model: ModelOf, editor: EditorOf, client: str) -> None:
    ed = await editor(client, model=await model(HANGS), options=EVENTS)
    ed.manners.creates_progress = "never"
    run, _ = await begin(ed)
    await until(ed, "draft.delta")
    await ed.command("flow.cancel", {"run": run})
    assert (await finished(ed))["status"] == "cancelled"


async def test_the_request_flow_run(model: ModelOf, editor: EditorOf, client: str) -> None:
    ed = await editor(client, model=await model(HANGS), options=EVENTS)
    buffer = ed.open("calc.py")
    number, answer = ed.begin("flow/run", {"uri": buffer.uri, "qualname": "add", "mode": "generate"})
    await until(ed, "draft.delta")
    ed.cancel(number)
    with pytest.raises(JsonRpcException) as refused:
        await asyncio.wait_for(answer, 10)
    assert refused.value.code == -32800
    assert (await finished(ed))["status"] == "cancelled"


async def test_the_progress_of_a_request_ends_before_its_answer(
    model: ModelOf, editor: EditorOf, client: str
) -> None:
    ed = await editor(client, model=await model(HANGS), options=EVENTS)
    uri = ed.open("calc.py").uri
    asked = {"uri": uri, "qualname": "add", "mode": "generate", "workDoneToken": "mine"}
    number, answer = ed.begin("flow/run", asked)
    await until(ed, "draft.delta")
    ed.cancel(number)
    with pytest.raises(JsonRpcException):
        await asyncio.wait_for(answer, 10)
    await finished(ed)
    heard = [
        m.get("id") if "error" in m else m["params"]["value"]["kind"] for m in ed.seen.heard if _about(m)
    ]
    assert heard[-2:] == ["end", number]


def _about(message: Message) -> bool:
    return "error" in message or message.get("params", {}).get("token") == "mine"


async def test_closing_the_document(model: ModelOf, editor: EditorOf, client: str) -> None:
    ed = await editor(client, model=await model(HANGS), options=EVENTS)
    _, buffer = await begin(ed)
    await until(ed, "draft.delta")
    ed.close(buffer)
    assert (await finished(ed))["status"] == "cancelled"


@linux
@pytest.mark.parametrize("way", ["hang up", "terminate", "kill"])
async def test_the_end_of_editor_or_server_leaves_nothing(
    way: str, project: Path, cache: Path, model: ModelOf, client: str
) -> None:
    server = await model(HANGS)
    async with Editor.start(project, client, model=server, options=EVENTS, cache=cache) as ed:
        await begin(ed)
        await until(ed, "draft.delta")
        assert ed.children()
        if way == "hang up":
            ed.hang_up()
        else:
            ed.kill(signal.SIGTERM if way == "terminate" else signal.SIGKILL)
        await ed.exited()
        await asyncio.wait_for(server.dropped.wait(), 5)
    assert (project / "calc.py").read_text(encoding="utf-8") == CALC
