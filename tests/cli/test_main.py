"""What is wrong with a command line, or with where it stands: one line and an exit code of the contract."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from flowmill.cli.main import main

NOBODY = "~no-such-user-here/x"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["runs", "lst"], "runs: no command 'lst': did you mean list?; see flowmill runs --help"),
        (["runs", "list", "-n", "abc"], "runs list: -n: 'abc': must be a whole number, 1 or more"),
        (["runs", "list", "--jsn"], "runs: no option --jsn: did you mean --json?"),
        (
            ["runs", "replay", "--pyton", "x", "last"],
            "runs replay: no option --pyton: did you mean --python?",
        ),
        (["runs"], "runs: the following arguments are required: COMMAND"),
        (["model", "pul"], "did you mean pull?"),
        (["doctor", "--trsut"], "doctor: no option --trsut: did you mean --trust?"),
        (["demo", "--now"], "demo: no option --now"),
        (["generate", "a.py::f", "--seed", "x"], "generate: --seed 'x': must be a whole number"),
        (["generate", "a.py::f", "--project", NOBODY], f"no such project folder: {NOBODY}"),
        (["generate", "a.py::f", "--python", NOBODY], f"--python: no such interpreter: {NOBODY}"),
        (["repair", "--tests", NOBODY], f"no such test file: {NOBODY}"),
    ],
)
def test_wrong_usage_is_one_line(
    args: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(args) == 2
    err = capsys.readouterr().err.replace(f"flowmill: running the tests of {tmp_path} ...\n", "")
    assert words in err
    assert err.startswith("flowmill: ")
    assert err.count("\n") == 1


def shell(line: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    command = line.replace("flowmill", f"{sys.executable} -m flowmill")
    env = {**os.environ, "FLOWMILL_CACHE_DIR": str(folder / "cache"), **environ}
    return subprocess.run(["sh", "-c", command], cwd=folder, env=env, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("flowmill runs list >&-", 2, "standard output is closed: "),
        ("flowmill --help >/dev/full", 1, "standard output: No space left on device"),
        ("flowmill runs list >/dev/full", 1, "standard output: No space left on device"),
        ("mkdir gone; cd gone; rmdir ../gone; flowmill generate a.py::f", 2, "the current folder is gone: "),
        (f"FLOWMILL_CACHE_DIR='{NOBODY}' flowmill runs list", 2, "FLOWMILL_CACHE_DIR: "),
        (
            "OPENAI_API_KEY=x OPENAI_BASE_URL='http://[bad' FLOWMILL_API_KEY= "
            "flowmill generate a.py::f --base-url http://127.0.0.1:9/v1",
            2,
            "a.py: no such file",
        ),
    ],
)
def test_a_place_that_nothing_can_be_done_in(line: str, code: int, words: str, tmp_path: Path) -> None:
    ended = shell(line, tmp_path)
    assert (ended.returncode, ended.stderr.count("\n")) == (code, 1), ended.stderr
    assert words in ended.stderr


def test_a_fault_of_our_own_is_one_line_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(argv: Sequence[str]) -> int:
        raise RuntimeError("the mill stands still")

    monkeypatch.setattr("flowmill.cli.runs.main", broken)
    monkeypatch.setenv("FLOWMILL_CACHE_DIR", str(tmp_path))
    assert main(["runs", "list"]) == 1
    said = capsys.readouterr().err
    assert said == (
        "flowmill: a fault of flowmill itself, RuntimeError: the mill stands still\n"
        f"  Please report it, with what stands at the end of {tmp_path / 'faults.log'}\n"
    )
    assert "in broken" in (tmp_path / "faults.log").read_text()
