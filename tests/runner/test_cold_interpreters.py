"""Interpreters that are missing, bare, broken, or of another version."""

from __future__ import annotations

import sys
import venv
from pathlib import Path

import pytest

from doubles.environments import made, python_of
from doubles.runs import QUICK, TinyProject
from flowmill.shapes import TestOrder

TESTS = {
    "mod.py": "def f():\n    '''\n    >>> f()\n    1\n    '''\n    return 1\n",
    "test_a.py": "import mod\ndef test_a(): assert mod.f() == 1\n",
}


async def test_no_interpreter(tmp_path: Path) -> None:
    tiny = TinyProject(tmp_path, TESTS, python="/no/such/python")
    told = await tiny.run(TestOrder({}, untrusted=False, limits=QUICK))
    assert told.end.problem == "no_python"
    assert told.end.detail == "/no/such/python cannot be started: No such file or directory"


async def test_something_that_is_no_interpreter(tmp_path: Path) -> None:
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho pyenv: version not installed >&2\nexit 127\n")
    fake.chmod(0o755)
    tiny = TinyProject(tmp_path, TESTS, python=str(fake))
    told = await tiny.run(TestOrder({}, untrusted=False, limits=QUICK))
    assert told.end.problem == "no_python"
    assert told.end.detail == f"{fake} cannot run: pyenv: version not installed"


async def test_an_interpreter_without_pytest(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    python = tmp_path / "bare" / "bin" / "python"
    tiny = TinyProject(tmp_path, TESTS, python=str(python))
    told = await tiny.run(TestOrder({}, untrusted=False, limits=QUICK))
    assert told.end.problem == "no_pytest"
    assert told.end.detail == f"pytest is not installed in {python}: {python} -m pip install pytest"


@pytest.mark.parametrize("environment", ["", *made("py3")])
async def test_every_version(tmp_path: Path, environment: str) -> None:
    python = str(python_of(environment)) if environment else sys.executable
    tiny = TinyProject(tmp_path, TESTS, python=python)
    f = tiny.target("mod.py", "f")
    told = await tiny.run(TestOrder({}, doctest=f, trace=f, untrusted=False, limits=QUICK))
    if environment.endswith("too-old"):
        assert told.end.problem == "no_python"
        assert told.end.detail == f"{python}: is Python 3.8; its tests need 3.9 or later to be run"
        return
    assert told.outcomes == {"test_a": "passed", "mod.f": "passed"}
    assert told.end.reached == {"test_a.py::test_a", "mod.py::mod.f"}
    fresh = "import mod\ndef test_made(): assert mod.f() == 1\n"
    told = await tiny.run(TestOrder({}, (), doctest=f, made=fresh, limits=QUICK))
    assert told.outcomes == {"mod.f": "passed", "made::test_made": "passed"}
