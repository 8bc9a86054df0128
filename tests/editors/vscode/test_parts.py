"""The extension's parts that need no editor, in node: strict types, then their own tests."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from doubles.vscode_parts import EXTENSION

npm = shutil.which("npm")


@pytest.mark.skipif(npm is None, reason="npm is not installed")
@pytest.mark.skipif(
    not (EXTENSION / "node_modules").exists(),
    reason="npm ci was not run in editors/vscode: .ci/editors/vscode.sh does",
)
@pytest.mark.parametrize("script", ["check", "test"])
def test_in_node(script: str) -> None:
    assert npm is not None
    done = subprocess.run(
        [npm, "run", "--silent", script], cwd=EXTENSION, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
