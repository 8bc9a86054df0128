"""Models that stall, die, answer rubbish or refuse: the run ends, and the user reads why and what to do."""

from __future__ import annotations

import pytest

from doubles.openai_server import Ending, Reply, error
from doubles.projects import CALC, GOOD
from doubles.scenes import EVENTS, EditorOf, ModelOf, begin, popups, settled, state, titles, told, until

SHORT = {"maxSeconds": 12, "maxCalls": 2}


@pytest.mark.parametrize(
    ("status", "word"),
    [(400, "400"), (401, "key"), (403, "403"), (404, "404"), (429, "429"), (500, "500"), (503, "503")],
)
async def test_refusals(status: int, word: str, model: ModelOf, editor: EditorOf, client: str) -> None:
    refusal = error(status, "not now", {"Retry-After": "0"})
    ed = await editor(client, model=await model(refusal), options=EVENTS, settings=SHORT)
    buffer = ed.open("calc.py")
    run = await begin(ed, buffer)
    assert await settled(ed, run) == "done"
    line = await told(ed, "flow: add: ")
    assert word in line
    assert "127.0.0.1" in line
    assert "\n" not in line
    assert buffer.text == CALC
    assert "Generate with flow" in await titles(ed, buffer, "def add")


@pytest.mark.parametrize("ending", ["stall", "break", "cut"])
async def test_a_stream_that_ends_in_the_middle(
    ending: Ending, model: ModelOf, editor: EditorOf, client: str
) -> None:
    broken = Reply((GOOD[:24],), ending=ending, finish=None)
    ed = await editor(client, model=await model(broken), options=EVENTS, settings=SHORT)
    buffer = ed.open("calc.py")
    run = await begin(ed, buffer)
    await until(ed, "draft.delta")
    assert await settled(ed, run) == "done"
    line = await told(ed, "flow: add")
    assert "\n" not in line
    assert buffer.text == CALC


@pytest.mark.parametrize(
    "rubbish",
    ["", "\x00\x1b[31m", "```python\ndef add(a, b:\n```", "```python\nclass X: ...\n```", "<tool>" * 5_000],
    ids=["nothing", "control", "syntax", "another", "long"],
)
async def test_rubbish_and_then_an_answer(
    rubbish: str, model: ModelOf, editor: EditorOf, client: str
) -> None:
    ed = await editor(client, model=await model(rubbish, GOOD), options=EVENTS, settings={"maxCalls": 6})
    buffer = ed.open("calc.py")
    run = await begin(ed, buffer)
    assert await settled(ed, run) == "ready"
    assert "Flow: accept (4/4 tests)" in await titles(ed, buffer, "def add")


async def test_no_model_at_all(editor: EditorOf, client: str) -> None:
    nobody = {"FLOWMILL_BASE_URL": "http://127.0.0.1:9/v1", "FLOWMILL_MODEL": "none"}
    ed = await editor(client, env=nobody, options=EVENTS, settings=SHORT)
    buffer = ed.open("calc.py")
    run = await begin(ed, buffer)
    assert await settled(ed, run) == "done"
    line = await told(ed, "flow: add: ")
    assert "127.0.0.1:9" in line
    assert popups(ed) == [line]
    assert await state(ed, run) == "done"
