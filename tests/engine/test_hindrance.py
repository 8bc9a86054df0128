"""Why tests cannot run: the reason, and a command that mends or shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowmill.engine.hindrance import hindrance
from flowmill.shapes import Project, RunEnd

NO_X = "ModuleNotFoundError: No module named"


@pytest.mark.parametrize(
    ("end", "tail"),
    [
        (RunEnd("collection", f"test_a.py: {NO_X} 'x.y' (and 2 more)"), ": py -m pip install x"),
        (RunEnd("collection", f"test_a.py: {NO_X} 'mine'"), ": py -m pip install -e ."),
        (RunEnd("collection", "t/test_a.py: boom"), "; to see it: py -m pytest --collect-only t/test_a.py"),
        (RunEnd("collection", "boom"), "; to see it: py -m pytest --collect-only"),
        (
            RunEnd("crashed", f"died; the tests were being collected ({NO_X} 'x')"),
            "; to see it: py -m pytest --collect-only",
        ),
        (
            RunEnd("crashed", "1 of 2 tests were not run"),
            "cannot run: 1 of 2 tests were not run; to see it: py -m pytest",
        ),
        (RunEnd("usage", "no such option"), "; to see it: py -m pytest --collect-only"),
        (RunEnd("no_python", "py: it is too old"), "old: name another interpreter with --python PATH"),
        (RunEnd("no_pytest", "py -m pip install pytest"), "py -m pip install pytest"),
    ],
)
def test_each_names_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: RunEnd, tail: str
) -> None:
    (tmp_path / "src" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert str(hindrance(end, Project(tmp_path, Path("py"), "here"))).endswith(tail)
