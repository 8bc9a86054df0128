"""Odd text, unsaved text, and files of ten thousand lines: what is accepted is right to the byte."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from doubles.editor_profile import takes_edits, under
from doubles.projects import ADDS, CALC, GOOD, STUB, TEST_CALC, fenced
from doubles.scenes import EVENTS, EditorOf, ModelOf, begin, events, gated, settled, state, titles, until

ODD = (
    '"""Sums \U0001f40d\u2028and more.\x0c"""\r\n'
    "\r\n"
    "NAME = '\U0001f40d\u2028\U0001f40d'; PI = 3.14  # \U0001f40d\r\n"
    "\x0c\r\n"
    "def add(a, b):\r\n"
    '    """The \U0001f40d\u2028sum\x0c of both: \u00e9."""\r\n'
    "    raise NotImplementedError  # \U0001f40d\u2028 later\r\n"
    "\x0c\r\n"
    "def twice(a): return 2 * a  # \U0001f40d\x85\u2029\r\n"
)
ODD_STUB = "    raise NotImplementedError  # \U0001f40d\u2028 later\r\n"
ODD_BODY = '    total = a + b  # \U0001f40d\r\n    return total if NAME else "\U0001f40d"\r\n'
ODD_ANSWER = fenced(
    'def add(a, b):\n    total = a + b  # \U0001f40d\n    return total if NAME else "\U0001f40d"'
)
ENCODINGS = pytest.mark.parametrize("profile", under("helix", "vscode", "emacs-eglot"))
"""utf-8, utf-16, utf-32."""
ONE_CALL = {"maxCalls": 1}


@ENCODINGS
async def test_odd_text(profile: str, project: Path, model: ModelOf, editor: EditorOf) -> None:
    (project / "calc.py").write_bytes(ODD.encode())
    ed = await editor(profile, model=await model(ODD_ANSWER), options=EVENTS, settings=ONE_CALL)
    buffer = ed.open("calc.py")
    run = await begin(ed, buffer)
    await until(ed, "tests.selected")
    ed.replace(buffer, "; PI = 3.14", "; PI = '\U0001f40d'\r\nTAU = 2")
    typed = buffer.text
    assert await settled(ed, run) == "ready"
    assert events(ed, "run.finished")[0]["status"] == "verified"
    await ed.run_action(buffer, "def add", "Flow: accept")
    assert buffer.text.encode() == typed.replace(ODD_STUB, ODD_BODY).encode()
    assert len(buffer.past) == 2
    assert (project / "calc.py").read_bytes() == ODD.encode()


@pytest.mark.parametrize("profile", under("vscode", "neovim-0.12"))
async def test_the_tests_see_what_is_not_saved(
    profile: str, project: Path, model: ModelOf, editor: EditorOf
) -> None:
    """On the disk the test wants a sum, and `ONE` is not there; in the editor it wants one more."""
    answer = fenced("def add(a, b):\n    return a + b + ONE")
    ed = await editor(profile, model=await model(answer), options=EVENTS, settings=ONE_CALL)
    buffer = ed.open("calc.py", CALC.replace("PI =", "ONE = 1\nPI ="))
    test = ed.open("test_calc.py", TEST_CALC.replace("== 3", "== 4").replace("== total", "== total + 1"))
    typed, tests = buffer.text, test.text
    run = await begin(ed, buffer)
    assert await settled(ed, run) == "ready"
    assert events(ed, "run.finished")[0]["evidence"]["after"] == {"passed": 4}
    await ed.run_action(buffer, "def add", "Flow: accept")
    assert (buffer.text, test.text) == (typed.replace(STUB, "    return a + b + ONE\n"), tests)
    assert (project / "calc.py").read_text(encoding="utf-8") == CALC
    assert (project / "test_calc.py").read_text(encoding="utf-8") == TEST_CALC


@pytest.mark.parametrize("profile", under("vscode", "neovim-0.11", having=takes_edits))
async def test_ten_thousand_lines(profile: str, project: Path, model: ModelOf, editor: EditorOf) -> None:
    filler = "".join(f"\n\ndef f{n}(x):\n    return x + {n}\n" for n in range(1_250))
    text = filler.lstrip("\n") + "\n\n" + CALC + filler
    assert text.count("\n") > 10_000
    (project / "calc.py").write_text(text, encoding="utf-8")
    gate = asyncio.Event()
    ed = await editor(profile, model=await model(gated(gate)), options=EVENTS, settings=ONE_CALL)
    buffer = ed.open("calc.py")
    run = await begin(ed, buffer)
    await until(ed, "draft.delta")
    gate.set()
    assert await settled(ed, run) == "ready"
    assert "Flow: accept (4/4 tests)" in await titles(ed, buffer, "def add")
    await ed.command("flow.accept", {"run": run})
    await ed.until(lambda: buffer.text != text, "the edit")
    assert buffer.text == text.replace(STUB, ADDS)
    (sent,) = ed.seen.edits
    assert len(str(sent)) < 2_000


async def test_many_tests(project: Path, model: ModelOf, editor: EditorOf, client: str) -> None:
    many = "\n\n@pytest.mark.parametrize('n', range(400))\ndef test_many(n):\n    assert calc.add(n, 1) == n + 1\n"
    (project / "test_calc.py").write_text(TEST_CALC + many, encoding="utf-8")
    ed = await editor(client, model=await model(GOOD), options=EVENTS, settings=ONE_CALL)
    buffer = ed.open("calc.py")
    run = await begin(ed, buffer)
    assert await settled(ed, run) == "ready"
    assert events(ed, "run.finished")[0]["status"] == "verified"
    assert events(ed, "run.finished")[0]["evidence"]["after"]["passed"] >= 400
    await ed.run_action(buffer, "def add", "Flow: accept")
    assert buffer.text == CALC.replace(STUB, ADDS)
    assert await state(ed, run) == "accepted"
    assert all(len(message.message) < 200 for message in ed.seen.messages)
