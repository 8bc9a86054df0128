"""The real server with the real engine: failing tests are shown, on save and by a run, and go again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from lsprotocol import types

from doubles.buffers import Buffer
from doubles.editor import Editor
from doubles.openai_server import FakeOpenAI
from doubles.projects import CALC, GOOD, WRONG

ModelOf: TypeAlias = "Callable[..., Awaitable[FakeOpenAI]]"
EditorOf: TypeAlias = "Callable[..., Awaitable[Editor]]"
SECONDS = 60.0
"""A test run takes two or three, on a machine that has nothing else to do."""
BROKEN = CALC.replace("return 2 * a", "return 2 + a + 1")


def messages(editor: Editor, buffer: Buffer) -> list[str]:
    published = editor.seen.diagnostics.get(buffer.uri)
    return [each.message for each in published.diagnostics] if published else []


async def shown(editor: Editor, buffer: Buffer, text: str) -> types.Diagnostic:
    """The diagnostic with this text, once it is there."""
    await editor.until(lambda: any(text in each for each in messages(editor, buffer)), text, SECONDS)
    published = editor.seen.diagnostics[buffer.uri]
    return next(each for each in published.diagnostics if text in each.message)


async def cleared(editor: Editor, buffer: Buffer) -> None:
    await editor.until(lambda: not messages(editor, buffer), "no diagnostics", SECONDS)


async def saves_tested(editor: Editor, times: int) -> None:
    """Wait for the end of so many test runs after a save."""
    await editor.until(
        lambda: sum("Tests after saving" in each.message for each in editor.seen.logs) >= times,
        "the tests",
        SECONDS,
    )


async def over(editor: Editor, qualname: str) -> dict[str, Any]:
    """The only run on the function, once its end was logged."""
    end = f"{qualname} ended"
    await editor.until(lambda: any(end in each.message for each in editor.seen.logs), end, SECONDS)
    (job,) = [job for job in await editor.command("flow.runs") if job["qualname"] == qualname]
    return job


@pytest.mark.parametrize("profile", ["vscode", "helix"])
async def test_a_save_shows_what_fails_and_the_next_one_clears_it(editor: EditorOf, profile: str) -> None:
    here = await editor(profile, settings={"watch": True})
    calc = here.open("calc.py")
    here.become(calc, BROKEN)
    here.save(calc)
    found = await shown(here, calc, "test_twice")
    assert (found.source, found.code, found.severity) == (
        "flowmill",
        "failing-test",
        types.DiagnosticSeverity.Error,
    )
    assert found.range.start == types.Position(calc.line_of("def twice"), 4)
    assert found.message.startswith("the test fails: test_twice: assert 7 == 8")
    offered = await here.code_actions(calc, "def twice")
    (repair,) = [action for action in offered if action.title == "Repair with flow"]
    assert isinstance(repair, types.CodeAction)
    assert repair.kind == "quickfix.flow"
    here.replace(calc, "return 2 + a + 1", "return 2 * a")
    await here.until(
        lambda: not any("test_twice" in each for each in messages(here, calc)), "cleared by the edit"
    )
    here.save(calc)
    await saves_tested(here, 2)
    assert not any("test_twice" in each for each in messages(here, calc))
    assert here.seen.texts() == []


async def test_nothing_runs_on_save_unless_it_was_asked_for(editor: EditorOf) -> None:
    here = await editor("vscode")
    calc = here.open("calc.py", BROKEN)
    here.save(calc)
    await here.command("flow.runs")
    assert here.children() == []
    assert here.seen.diagnostics == {}


async def test_the_setting_may_be_changed_meanwhile(editor: EditorOf) -> None:
    here = await editor("vscode")
    calc = here.open("calc.py", BROKEN)
    await here.configure(watch=True)
    await here.command("flow.runs")
    here.save(calc)
    await shown(here, calc, "test_twice")


async def test_related_information_points_at_the_failing_assertion(editor: EditorOf, project: Path) -> None:
    here = await editor("vscode", settings={"watch": True})
    calc, test = here.open("calc.py", BROKEN), here.open("test_calc.py")
    here.save(calc)
    place = next(iter((await shown(here, calc, "test_twice")).related_information or ()))
    assert place.location.uri == test.uri
    assert place.location.range.start == types.Position(test.line_of("assert calc.twice"), 4)
    here.replace(test, "calc.twice(4) == 8", "calc.twice(4) == 7")
    await here.until(
        lambda: not any("test_twice" in each for each in messages(here, calc)), "cleared by the test"
    )


async def test_a_run_shows_the_failing_tests_of_the_code_as_it_stands(
    editor: EditorOf, model: ModelOf
) -> None:
    here = await editor("vscode", model=await model(WRONG), settings={"maxCalls": 1})
    calc = here.open("calc.py")
    await here.run_action(calc, "def add", "Generate with flow")
    found = await shown(here, calc, "4 of 4 tests fail")
    assert found.range.start.line == calc.line_of("def add")
    here.close(calc)
    await cleared(here, calc)


async def test_an_accepted_result_clears_them(editor: EditorOf, model: ModelOf) -> None:
    here = await editor("vscode", model=await model(GOOD))
    calc = here.open("calc.py")
    await here.run_action(calc, "def add", "Generate with flow")
    await shown(here, calc, "4 of 4 tests fail")
    assert (await over(here, "add"))["state"] == "ready"
    await here.run_action(calc, "def add", "Flow: accept")
    await cleared(here, calc)


async def test_a_failure_on_save_repairs_itself_and_the_result_waits(
    editor: EditorOf, model: ModelOf
) -> None:
    answer = "```python\ndef twice(a):\n    return 2 * a\n```\n"
    here = await editor("vscode", model=await model(answer), settings={"watch": True, "autoRepair": True})
    calc = here.open("calc.py", BROKEN)
    here.save(calc)
    await shown(here, calc, "test_twice")
    job = await over(here, "twice")
    assert (job["origin"], job["state"]) == ("auto", "ready")
    assert calc.text == BROKEN
    here.save(calc)
    await saves_tested(here, 2)
    assert [each["run"] for each in await here.command("flow.runs")] == [job["run"]]


@pytest.mark.parametrize("how", ["shutdown", "death"])
async def test_an_end_in_the_middle_of_the_tests_leaves_no_process(
    project: Path, tmp_path: Path, how: str
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    slow = CALC.replace("return 2 * a", f"open({str(pipe)!r}, 'w'); __import__('time').sleep(600)")
    async with Editor.start(project, settings={"watch": True}) as here:
        calc = here.open("calc.py", slow)
        here.save(calc)
        # Opening a pipe waits for the other end: the test.
        (await asyncio.wait_for(asyncio.to_thread(pipe.open), SECONDS)).close()
        assert len(here.children()) > 1
        if how == "death":
            here.hang_up()
            await here.exited()
