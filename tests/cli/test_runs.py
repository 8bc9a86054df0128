"""`flowmill runs`, on a real journal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from doubles.records import AFTER, BEFORE, FILE, RunTale, diff_of, repaired, until_streaming
from flowmill.cli.runs import main
from flowmill.events import Record
from flowmill.journal import Beginning, Journal, load_export

BEGINNING = Beginning(
    "repair", FILE, "chunked", FILE.parents[1], "qwen2.5-coder-1.5b", "flow", BEFORE.encode()
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FLOWMILL_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def keep(tale: RunTale) -> str:
    with Journal.open() as journal:
        run = journal.begin(BEGINNING)
        for record in tale.records:
            journal.append(Record(run, record.seq, record.t, record.event))
    return run


def test_an_empty_journal_says_how_to_begin(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    assert "no runs yet" in capsys.readouterr().out


def test_list_is_newest_first_and_says_which_did_not_end(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = keep(repaired()), keep(until_streaming())
    assert main(["list"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines] == [second, first]
    assert [line[2:9] for line in lines] == [
        ["repair", "boltons/iterutils.py::chunked", "qwen2.5-coder-1.5b", "unfinished", "-", "2", "0"],
        ["repair", "boltons/iterutils.py::chunked", "qwen2.5-coder-1.5b", "verified", "3", "3", "7"],
    ]
    assert main(["list", "-n", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == second


def test_show_tells_the_story(capsys: pytest.CaptureFixture[str]) -> None:
    run = keep(repaired())
    assert main(["show", run[:-1]]) == 0
    out = capsys.readouterr().out
    assert "✓ baseline" in out
    assert "as it is  2/4  ✓✗✗✓" in out
    assert "★ draft 3 (model, from 2)  4/4  ✓✓✓✓" in out
    assert diff_of(AFTER).rstrip() in out
    assert "Verified: all 4 tests" in out
    assert "\x1b" not in out


def test_show_of_an_unfinished_run(capsys: pytest.CaptureFixture[str]) -> None:
    keep(until_streaming())
    assert main(["show", "last"]) == 0
    out = capsys.readouterr().out
    assert "… drafts, not finished" in out
    assert "Stopped: the best draft so far is number 2" in out


def test_show_as_json_is_the_events(capsys: pytest.CaptureFixture[str]) -> None:
    run = keep(repaired())
    assert main(["show", "last", "--json"]) == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert shown == [record.to_json() for record in repaired(run).records]


def test_report_writes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = keep(repaired())
    assert main(["report", "last", "--html", str(tmp_path / "run.html")]) == 0
    page = (tmp_path / "run.html").read_text("utf-8")
    assert run in page
    assert "boltons/iterutils.py::chunked" in page
    assert main(["report", "last", "--html", str(tmp_path / "no" / "run.html")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_export_writes_a_file_that_can_be_loaded(tmp_path: Path) -> None:
    run = keep(repaired())
    assert main(["export", "last", str(tmp_path / "run.json")]) == 0
    assert load_export(tmp_path / "run.json").run.id == run
    assert main(["export", "last", str(tmp_path / "no" / "run.json")]) == 2


@pytest.mark.parametrize("command", [["show"], ["export", "out.json"], ["report", "--html", "x.html"]])
def test_an_unknown_run_is_one_line_and_exit_2(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    keep(repaired())
    assert main([command[0], "zzz", *command[1:]]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "flowmill runs list" in errors


def test_an_ascii_pipe_gets_the_whole_story(cache: Path) -> None:
    keep(repaired())
    code = "import sys; from flowmill.cli.runs import main; sys.exit(main(['show', 'last']))"
    env = {"FLOWMILL_CACHE_DIR": str(cache), "PYTHONIOENCODING": "ascii", "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
    assert done.stderr == b""
    assert b"Verified" in done.stdout


@pytest.mark.parametrize("out", [".", "/", ""])
def test_export_into_a_folder_is_one_clear_line(out: str, capsys: pytest.CaptureFixture[str]) -> None:
    keep(repaired())
    assert main(["export", "last", out]) == 2
    assert "is a folder: name a file in it" in capsys.readouterr().err


def test_list_takes_any_number(capsys: pytest.CaptureFixture[str]) -> None:
    keep(repaired())
    assert main(["list", "-n", "9" * 20]) == 0
    assert "chunked" in capsys.readouterr().out
