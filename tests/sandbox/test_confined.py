"""The policy put in force for real: a process under it runs pytest in a project and tries what it must not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from doubles.trees import write_tree
from flowmill.runner.program import program
from flowmill.sandbox.environment import project_environment
from flowmill.sandbox.layers import decide
from flowmill.sandbox.places import interpreter_places
from flowmill.sandbox.policy import policy_for
from flowmill.sandbox.probe import probe_layers
from flowmill.shapes import Project

CONFINED = """
import json, sys
sys.path.insert(0, {program!r})
from flowmill_child.confine import Policy, confine
confine(Policy.read(json.loads(sys.argv[1])))
del sys.path[0]
import pytest
sys.exit(pytest.main(["-q", "-rA", "-p", "no:cacheprovider", "--basetemp", {basetemp!r}]))
"""
TESTS = """
import importlib.metadata, json, os, pathlib, ssl, tempfile, zoneinfo
import pytest
from shared import VALUE

def test_work():
    assert VALUE == 1
    assert json.loads(pathlib.Path("data.json").read_text()) == {}
    assert importlib.metadata.version("pytest") and os.cpu_count()
    assert list(pathlib.Path(".").iterdir())
    ssl.create_default_context()
    with tempfile.TemporaryFile() as file:
        file.write(b"x")

def test_temporary_folder(tmp_path):
    (tmp_path / "a").write_text("x")

@pytest.mark.parametrize("place", json.loads(os.environ["FORBIDDEN"]))
def test_forbidden(place):
    with pytest.raises(PermissionError):
        open(place).read()

@pytest.mark.parametrize("place", json.loads(os.environ["UNTOUCHED"]))
def test_untouched(place):
    with pytest.raises(PermissionError):
        open(place, "a")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Landlock is Linux's")
def test_pytest_runs_under_the_policy_and_reaches_nothing_else(tmp_path: Path) -> None:
    python = Path(sys.executable)
    layers = probe_layers(python, tmp_path / "cache").layers
    if decide("auto", layers) is not None:
        pytest.skip(f"no sandbox here: {layers}")
    home = write_tree(
        tmp_path / "home",
        {
            ".ssh/id_rsa": "key",
            "notes.txt": "x",
            "pyproject.toml": "[tool.pytest.ini_options]\n",
            "repo/.git/config": "url = https://a:token@host/x",
            "repo/conftest.py": "",
            "repo/shared.py": "VALUE = 1\n",
            "repo/app/pytest.ini": "[pytest]\npythonpath = ..\n",
            "repo/app/.env": "API_TOKEN=x\n",
            "repo/app/data.json": "{}",
            "repo/app/test_it.py": TESTS,
        },
    )
    root, scratch, cache = (
        home / "repo/app",
        write_tree(tmp_path / "scratch", {"tmp/x": ""}),
        tmp_path / "cache",
    )
    project = Project(root, python, "--python")
    policy = policy_for(
        project, scratch, cache=cache, setting="auto", needs=(), places=interpreter_places(python, root)
    )
    forbidden = [
        home / ".ssh/id_rsa",
        home / "notes.txt",
        home / "repo/.git/config",
        root / ".env",
        "/etc/shadow",
    ]
    untouched = [root / "data.json", root / "new.txt", home / "repo/conftest.py", "/usr/x", cache / "x"]
    extra = {
        "TMPDIR": str(scratch / "tmp"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "FORBIDDEN": json.dumps([str(path) for path in forbidden]),
        "UNTOUCHED": json.dumps([str(path) for path in untouched]),
    }
    code = CONFINED.format(program=str(program(cache)), basetemp=str(scratch / "basetemp"))
    done = subprocess.run(
        [str(python), "-c", code, json.dumps(policy)],
        cwd=root,
        env=project_environment(os.environ | {"HOME": str(home)}, root, extra),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "12 passed" in done.stdout, done.stdout + done.stderr
    assert not (root / "new.txt").exists()
