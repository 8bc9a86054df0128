"""Runs in the real VS Code: the light bulb, drafts as they stream, the diff, accept, undo, cancel, repair."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubles.projects import CALC, GOOD, HALF, STUB, TEST_CALC, WRONG, fenced, write
from doubles.server_fixtures import EMBEDDED, WEIGHTS
from doubles.vscode import DIFF, FRONT, LENS, MENU, NOTICE, NOTICE_BUTTON, QUICK, RIGHT, ROW, STATUS
from doubles.vscode_parts import CodeServer
from editors.vscode.conftest import ModelOf, WindowOf

pytestmark = pytest.mark.timeout(300)
BROKEN = CALC.replace(STUB, "    return a - b\n")
EXPECTED = ".test-output-peek-message-container .original .view-lines, .editor.original .view-lines"
RESULT = ".test-output-peek-tree .monaco-list-row"
GENERATE, SHOW_DIFF, ACCEPT = ("Control+k", "Alt+g"), ("Control+k", "Alt+d"), ("Control+k", "Alt+a")
TITLE = "your code ↔ flow's draft"


def test_generate_in_three_clicks(window: WindowOf, model: ModelOf, project: Path) -> None:
    model(WRONG, HALF, GOOD, delay=0.1)
    before = (project / "calc.py").read_bytes()
    with window() as w:
        w.open("calc.py", 12)
        w.status(r"flow$")
        w.shot("idle")
        assert "Generate with flow" in w.menu("Generate with flow")  # the first click, on the light bulb
        w.shot("menu")
        w.pick("Generate with flow")
        w.status("starting|draft|first look")
        w.shot("started")
        w.until(RIGHT, r"def add\(")
        w.shot("streaming")
        w.status(r"draft \d")
        w.until(LENS, r"flow: draft \d")
        w.shot("drafts")
        w.status("add 4/4")
        w.until(RIGHT, r"return a \+ b")
        assert (project / "calc.py").read_bytes() == before
        w.shot("ready")
        w.click(LENS, "accept (4/4 tests)")
        w.gone(DIFF)
        w.source_until(r"return a \+ b")
        w.shot("accepted")
        w.press("Control+z")
        w.source_until("raise NotImplementedError")
        w.shot("undone")


def test_by_keys_alone(window: WindowOf, model: ModelOf) -> None:
    model(WRONG, GOOD)
    with window() as w:
        w.open("calc.py", 12)
        w.status("flow$")
        w.menu("Generate with flow")  # the server knows the file
        w.press("Escape", *GENERATE)
        w.status("add 4/4")
        w.press(*SHOW_DIFF)
        w.until(".tab.active", TITLE)
        w.until(FRONT)
        w.shot("diff")
        w.press(*ACCEPT)
        w.gone(DIFF)
        w.source_until(r"return a \+ b")
        w.press("Control+z")
        w.source_until("raise NotImplementedError")


def test_with_the_embedded_model(window: WindowOf, code: CodeServer) -> None:
    if WEIGHTS is None:
        pytest.skip(f"{EMBEDDED.name} is not downloaded: flowmill model pull")
    models = code.folder / "cache" / "models"
    models.parent.mkdir(exist_ok=True)
    models.symlink_to(WEIGHTS.parent)
    code.configure(**{"flowmill.baseUrl": "embedded", "flowmill.model": EMBEDDED.name})
    try:
        with window() as w:
            w.open("calc.py", 12)
            w.generate()
            w.status("add 4/4", 200)
            w.shot("ready")
            w.click(LENS, "accept (4/4 tests)")
            w.gone(DIFF)
            assert STUB.strip() not in w.source()
            w.shot("accepted")
            w.press("Control+z")
            w.source_until("raise NotImplementedError")
    finally:
        code.configure(**{"flowmill.model": ""})
        models.unlink()


def test_the_diff_can_do_it_all(window: WindowOf, model: ModelOf) -> None:
    model(WRONG, HALF, GOOD)
    with window() as w:
        w.open("calc.py", 12)
        w.generate()
        w.status("add 4/4")
        w.command("Flow: Show Diff")
        w.until(".tab.active", TITLE)
        assert w.buttons("Accept Result")[:2] == ["Accept Result", "Discard Result"]
        w.shot("front")
        w.command("Flow: Previous Draft")
        w.until(RIGHT, r"abs\(|a - b|get\(")  # drafts are counted from the result
        w.shot("previous draft")
        w.button("Discard Result")
        w.gone(DIFF)
        w.status("flow$")
        assert "raise NotImplementedError" in w.source()


def test_accept_one_hunk(window: WindowOf, model: ModelOf, tmp_path: Path) -> None:
    steps = "".join(f"    total += {n} * values.count({n})\n" for n in range(1, 13))
    right = f"def weigh(values):\n    total = 0\n{steps}    return total\n"
    wrong = right.replace("total = 0", "total = 1").replace("return total", "return -total")
    tests = "from scale import weigh\n\n\ndef test_none():\n    assert weigh([]) == 0\n\n\ndef test_two():\n    assert weigh([1, 2]) == 3\n"
    folder = write(tmp_path, {"scale.py": wrong, "test_scale.py": tests})
    model(fenced(right))
    with window(folder) as w:
        w.open("scale.py", 2)
        w.status("flow$")
        w.command("Flow: Repair")
        w.status("weigh 2/2")
        w.command("Flow: Show Diff")
        w.until(".tab.active", TITLE)
        w.until(FRONT)
        w.at(15)
        w.shot("two hunks")
        w.button("Accept Hunk")
        w.gone(DIFF)
        text = w.source_until("return total")
        assert "total = 1" in text
        w.shot("one hunk accepted")


def test_cancel_mid_run(window: WindowOf, model: ModelOf) -> None:
    model(GOOD, delay=2.0, size=3)
    with window() as w:
        w.open("calc.py", 12)
        w.generate()
        w.status("draft 1")
        w.shot("working")
        w.click(LENS, "cancel")
        w.status("flow$", 20)
        w.gone(DIFF)
        w.shot("cancelled")
        assert "raise NotImplementedError" in w.source()


def test_repair_from_the_squiggle(window: WindowOf, model: ModelOf, code: object, tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        {"calc.py": BROKEN, "test_calc.py": TEST_CALC, ".vscode/settings.json": '{"flowmill.watch": true}'},
    )
    model(GOOD)
    with window(folder) as w:
        w.open("calc.py", 12)
        w.status("flow$")
        w.menu("Rewrite with flow")
        w.press("Escape", "End", "Space", "Control+s")
        w.until(".squiggly-error", "")
        w.at(10)
        w.shot("squiggle")
        w.menu("Repair with flow")
        w.shot("quick fix")
        w.pick("Repair with flow")
        w.status("add 4/4")
        w.shot("repaired")
        w.command("Flow: Accept Result")
        w.source_until(r"return a \+ b")


def test_results_run_page_and_log(window: WindowOf, model: ModelOf) -> None:
    model(WRONG, HALF, GOOD)
    with window() as w:
        w.open("calc.py", 12)
        w.generate()
        w.status("add 4/4")
        w.command("Flow: Show Run")
        w.page_until(".verdict", "4 of 4|4/4|[Vv]erified")
        w.page_until("#matrix", "draft 3.*test_small")
        w.shot("run")
        w.press("Control+w")
        w.command("Flow: Show Log")
        w.page_until("h1", "Generate add")
        w.shot("log")
        w.press("Control+w")
        w.command("Test Results: Focus on Test Results View")
        w.until(RESULT, "add: draft")
        w.shot("test results")
        w.click(RESULT, "older results")
        w.press("ArrowRight", "ArrowRight")
        w.click(RESULT, "AssertionError: assert")
        w.until(EXPECTED, r"^\d$")
        w.shot("expected and got")


def test_a_model_that_is_not_there(window: WindowOf, code: object, model: ModelOf) -> None:
    del model
    code.configure(**{"flowmill.baseUrl": "http://127.0.0.1:9/v1"})  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    with window() as w:
        w.open("calc.py", 12)
        w.generate()
        assert "127.0.0.1:9" in w.until(NOTICE, "Flow: add: ")
        w.shot("error")
        assert w.texts(NOTICE_BUTTON) == ["Show Log", "Settings"]


def test_the_status_bar_offers_what_can_be_done(window: WindowOf, model: ModelOf) -> None:
    model(GOOD)
    with window() as w:
        w.open("calc.py", 12)
        w.generate()
        w.status("add 4/4")
        w.click(STATUS)
        w.until(ROW, "Accept: add")
        w.shot("menu")
        w.click(ROW, "Accept: add")
        w.gone(f"{QUICK}:visible")
        w.source_until(r"return a \+ b")
        assert w.count(MENU) == 0
