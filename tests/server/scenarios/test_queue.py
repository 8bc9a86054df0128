"""Many requests at once: one run works on a function, the newest waits; all that may run do, and end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from doubles.openai_server import Reply, Request
from doubles.projects import GOOD, write
from doubles.scenes import EVENTS, SECONDS, EditorOf, ModelOf, begin, events, settled, state, titles, until

HANGS = Reply((GOOD[:24],), ending="stall")
COUNT = 8


async def test_the_newest_request_waits_and_replaces(profile: str, model: ModelOf, editor: EditorOf) -> None:
    ed = await editor(profile, model=await model(HANGS), options=EVENTS)
    buffer = ed.open("calc.py")
    first = await begin(ed, buffer)
    await until(ed, "run.started", run=first)
    second, third = await begin(ed, buffer), await begin(ed, buffer)
    assert [await state(ed, run) for run in (first, second, third)] == ["working", "replaced", "queued"]
    await until(ed, "draft.delta", run=first)
    assert events(ed, "run.started", run=third) == []
    assert "Flow: cancel" in await titles(ed, buffer, "def add")
    await ed.command("flow.cancel", {"run": first})
    await until(ed, "run.started", run=third)
    assert [await state(ed, run) for run in (first, second, third)] == ["cancelled", "replaced", "working"]
    await ed.command("flow.cancel", {"run": third})
    assert await settled(ed, third) == "cancelled"


@pytest.mark.parametrize("way", ["cancelled", "replaced"])
async def test_a_run_that_only_waited_has_an_end_too(
    way: str, model: ModelOf, editor: EditorOf, client: str
) -> None:
    ed = await editor(client, model=await model(HANGS), options=EVENTS)
    buffer = ed.open("calc.py")
    first = await begin(ed, buffer)
    await until(ed, "draft.delta", run=first)
    _, answer = ed.begin("flow/run", {"uri": buffer.uri, "qualname": "add", "mode": "generate"})
    waiting = (await ed.command("flow.runs"))[0]
    assert (waiting["origin"], waiting["state"]) == ("request", "queued")
    if way == "cancelled":
        await ed.command("flow.cancel", {"run": waiting["run"]})
    else:
        await begin(ed, buffer)
    end = await asyncio.wait_for(answer, SECONDS)
    assert (end["type"], end["run"], end["seq"], end["status"]) == (
        "run.finished",
        waiting["run"],
        0,
        "cancelled",
    )
    assert [event for event in ed.seen.events if event["run"] == waiting["run"]] == [end]
    assert await state(ed, waiting["run"]) == way


def answer(request: Request) -> Reply:
    """The body of the function that is asked for."""
    n = next(n for n in range(COUNT) if f"function `f{n}`" in request.text)
    return Reply((f"```python\ndef f{n}(x):\n    return x + {n}\n```\n",))


@pytest.mark.timeout(300)
async def test_eight_functions_at_once(tmp_path: Path, model: ModelOf, editor: EditorOf, client: str) -> None:
    names = range(COUNT)
    body = "".join(f"def f{n}(x):\n    raise NotImplementedError\n\n\n" for n in names)
    tests = "".join(f"\n\ndef test_{n}():\n    assert many.f{n}(1) == {n + 1}\n" for n in names)
    root = write(tmp_path, {"many.py": body, "test_many.py": f"import many\n{tests}"})
    server = await model(answer)
    ed = await editor(client, model=server, options=EVENTS, root=root, settings={"maxCalls": 2})
    buffer = ed.open("many.py")
    runs = [await begin(ed, buffer, f"f{n}") for n in names]
    await ed.until(lambda: len(events(ed, "run.finished")) == COUNT, "the end of all", 240)
    assert sorted(event["run"] for event in events(ed, "run.started")) == sorted(runs)
    assert {event["status"] for event in events(ed, "run.finished")} == {"verified"}
    for n in names:
        await ed.run_action(buffer, f"def f{n}(", "Flow: accept")
    assert buffer.text == "".join(f"def f{n}(x):\n    return x + {n}\n\n\n" for n in names)
