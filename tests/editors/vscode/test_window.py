"""The extension in a window of the real VS Code: start, restart, trust, several folders."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from doubles.projects import CALC_FILES, GOOD, write
from doubles.vscode import NOTICE, ROW, STATUS
from doubles.vscode_parts import VSIX, CodeServer, missing
from editors.vscode.conftest import ModelOf, WindowOf

pytestmark = pytest.mark.timeout(300)
MOST_BYTES = 2 * 1024 * 1024


def test_size() -> None:
    if reason := missing():
        pytest.skip(reason)
    assert VSIX.stat().st_size <= MOST_BYTES


def test_restart(window: WindowOf) -> None:
    with window() as w:
        w.open("calc.py", 12)
        w.status("flow$")
        w.menu("Generate with flow")
        w.press("Escape")
        w.arm(STATUS, "flow…")
        w.command("Flow: Restart Server")
        w.took()
        w.status("flow$")
        w.menu("Generate with flow")
        w.shot("after restart")


def test_a_server_that_is_not_there_names_the_way_out(
    window: WindowOf, code: CodeServer, tmp_path: Path
) -> None:
    program = tmp_path / "flowmill"
    code.configure(**{"flowmill.serverPath": str(program)})
    try:
        with window() as w:
            w.open("calc.py", 12)
            w.status("flow: stopped")
            assert "could not be started" in w.until(NOTICE, "Flow: ")
            w.shot("stopped")
            program.write_text(f'#!/bin/sh\nshift\nexec "{sys.executable}" -m flowmill_server\n')
            program.chmod(0o755)
            w.click(STATUS)
            w.until(ROW, "Open the settings")
            w.shot("way out")
            w.click(ROW, "Restart the server")
            w.status("flow$")
    finally:
        code.configure(**{"flowmill.serverPath": ""})


def test_a_workspace_without_trust_runs_nothing(window: WindowOf, code: CodeServer) -> None:
    code.configure(
        **{"security.workspace.trust.enabled": True, "security.workspace.trust.startupPrompt": "never"}
    )
    try:
        with window() as w:
            w.open("calc.py", 12)
            w.until(".statusbar-item", "Restricted Mode")
            w.status("flow$")
            w.shot("restricted")
            w.press("Control+.")
            w.until(".monaco-editor-overlaymessage", "No code actions")
            w.click(STATUS)
            w.click(".workspace-trust-editor .monaco-button", "Trust")
            w.status("flow$")
            w.click(".tab", "calc.py")
            w.menu("Generate with flow")
            w.shot("trusted")
    finally:
        code.configure(**{"security.workspace.trust.enabled": False})


def test_two_folders_in_one_window(window: WindowOf, model: ModelOf, tmp_path: Path) -> None:
    model(GOOD)
    folders: list[dict[str, str]] = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        files = CALC_FILES if name == "two" else {"other.py": "x = 1\n"}
        folders.append({"path": str(write(tmp_path / name, files)), "name": name})
    place = tmp_path / "both.code-workspace"
    place.write_text(json.dumps({"folders": folders, "settings": {"flowmill.interpreter": sys.executable}}))
    with window(place) as w:
        w.open("calc.py", 12)
        w.generate()
        w.status("add 4/4")
        w.shot("two folders")
        assert w.texts(NOTICE) == []
