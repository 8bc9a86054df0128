"""Many requests at once: one run works on a function, the newest waits; all that may run do, and end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from doubles.openai_server import Reply, Request
from doubles.projects import ADDS, CALC, GOOD, STUB, TEST_CALC, write
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


async def test_twenty_documents_in_a_project_of_ten_thousand_tests(
    tmp_path: Path, model: ModelOf, editor: EditorOf, client: str
) -> None:
    """Of which the run takes those that are about its function, and at its end the files that import its module."""
    files = {"calc.py": CALC, "test_calc.py": TEST_CALC}
    for n in range(100):
        tests = "".join(f"def test_{n}_{m}():\n    assert {m} + 1 == {m + 1}\n\n\n" for m in range(100))
        files[f"test_other_{n}.py"] = f"import {'calc' if n < 3 else 'math'}\n\n\n{tests}"
    root = write(tmp_path, files)
    ed = await editor(client, model=await model(GOOD), options=EVENTS, root=root, settings={"maxCalls": 1})
    buffer = ed.open("calc.py")
    others = [ed.open(f"test_other_{n}.py") for n in range(19)]
    run = await begin(ed, buffer)
    for other in others:
        ed.replace(other, "assert 7 + 1 == 8", "assert 8 == 7 + 1")
    assert await settled(ed, run) == "ready"
    assert events(ed, "run.finished")[0]["evidence"]["after"] == {"passed": 4}
    await ed.run_action(buffer, "def add", "Flow: accept")
    assert buffer.text == CALC.replace(STUB, ADDS)
