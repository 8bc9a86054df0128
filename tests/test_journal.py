"""The run journal, on real SQLite files, with real processes that write at once and die."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from doubles.records import AFTER, BEFORE, FILE, RunTale, repaired, until_streaming
from flowmill.events import Record, RunFinished
from flowmill.journal import (
    Answer,
    Beginning,
    Journal,
    JournalError,
    UnknownRun,
    database,
    export,
    ids,
    load_export,
)
from flowmill.model.redact import Masker
from flowmill.shapes import Message, Prompt, Usage

SECRET = "sk-verysecret123"
PROMPT = Prompt(
    (Message("system", "You write Python."), Message("user", f"key {SECRET}")), "def f", stop=("\n\n",)
)
BEGINNING = Beginning(
    "repair", FILE, "chunked", FILE.parents[1], "qwen2.5-coder-1.5b", "flow", BEFORE.encode(), {"seed": 7}
)
ANSWER = Answer(1, PROMPT, AFTER, Usage(100, 80, 20), "stop", 1.25)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "journal.sqlite3"


def redact(text: str) -> str:
    return text.replace(SECRET, "[key]")


def keep(journal: Journal, tale: RunTale | None = None) -> str:
    run = journal.begin(BEGINNING)
    for record in (tale or repaired()).records:
        journal.append(Record(run, record.seq, record.t, record.event))
    journal.answer(run, ANSWER)
    return run


def test_a_run_comes_back_as_it_was_told(path: Path) -> None:
    with Journal.open(path) as journal:
        run = keep(journal)
        assert journal.problem == ""
    with Journal.open(path) as journal:
        found = journal.recorded(run)
    told = repaired(run).records
    assert [r.to_json() for r in found.records] == [r.to_json() for r in told]
    assert found.answers == (ANSWER,)
    assert found.source == BEFORE.encode()
    row = found.run
    assert (row.mode, row.qualname, row.strategy, row.options) == ("repair", "chunked", "flow", {"seed": 7})
    assert (row.status, row.best, row.drafts, row.calls, row.seconds) == ("verified", 3, 3, 7, 18.2)


def test_runs_are_newest_first_and_found_by_beginning_or_as_last(path: Path) -> None:
    with Journal.open(path) as journal:
        first, second = keep(journal), keep(journal)
        assert [row.id for row in journal.runs()] == [second, first]
        assert [row.id for row in journal.runs(1)] == [second]
        assert journal.find("last").id == second
        assert journal.find(first).id == first
        with pytest.raises(UnknownRun, match="several runs"):
            journal.find("r")
        with pytest.raises(UnknownRun, match="runs list"):
            journal.find("nonsense%")


def test_an_empty_journal_has_no_last_run(path: Path) -> None:
    with Journal.open(path) as journal, pytest.raises(UnknownRun, match="no run 'last'"):
        journal.find("last")


CHILD = """
import os, sys
from pathlib import Path
from test_journal import BEGINNING, keep
from doubles.records import until_streaming
from flowmill.events import Record
from flowmill.journal import Journal
journal = Journal.open(Path(sys.argv[1]))
"""
WRITES = (
    CHILD + "for _ in range(5): keep(journal)\nassert not journal.problem, journal.problem\njournal.close()\n"
)
DIES = CHILD + (
    "run = journal.begin(BEGINNING)\n"
    "for r in until_streaming().records: journal.append(Record(run, r.seq, r.t, r.event))\n"
    "print(run, flush=True)\nos.kill(os.getpid(), 9)\n"
)


def child(script: str, path: Path) -> subprocess.Popen[str]:
    # The child imports this file and the doubles, as pytest's own path lets us.
    tests = str(Path(__file__).parent)
    code = f"import sys; sys.path.insert(0, {tests!r})\n{script}"
    return subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)


def test_several_processes_write_at_once(path: Path) -> None:
    children = [child(WRITES, path) for _ in range(3)]
    for process in children:
        process.communicate()
    assert [process.returncode for process in children] == [0, 0, 0]
    with Journal.open(path) as journal:
        assert [row.status for row in journal.runs()] == ["verified"] * 15


def test_a_run_whose_program_was_killed_is_readable_and_unfinished(path: Path) -> None:
    process = child(DIES, path)
    out, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL
    with Journal.open(path) as journal:
        found = journal.recorded(out.strip())
    assert found.run.status is None
    assert found.run.drafts == 2
    assert found.run.seconds > 0
    # The pieces of the draft that was being written may be lost, nothing before them.
    kept = len(found.records)
    told = until_streaming(out.strip()).records
    assert [r.to_json() for r in found.records] == [r.to_json() for r in told[:kept]]
    assert all(r.event.type == "draft.delta" for r in told[kept:])


def test_secrets_are_kept_nowhere(path: Path) -> None:
    with Journal.open(path, redact=redact) as journal:
        source = f"KEY = '{SECRET}'\r\n".encode() + b"\xff\xfe"
        options = {"base-url": f"http://{SECRET}@host"}
        run = journal.begin(
            Beginning("repair", FILE, "f", FILE.parent, "m", "flow", source, options),
        )
        tale = RunTale(run).note(f"refused: {SECRET}").stream(1, SECRET, size=100)
        for record in tale.records:
            journal.append(record)
        journal.answer(run, Answer(1, PROMPT, f"# {SECRET}", Usage(), "stop", 0.0))
        found = journal.recorded(run)
    assert found.source == b"KEY = '[key]'\r\n\xff\xfe"
    for file in path.parent.iterdir():
        assert SECRET.encode() not in file.read_bytes()


@pytest.mark.parametrize("key", ["test", "draft", "model", "passed"])
def test_a_key_that_is_a_word_of_ours_leaves_the_records_readable(path: Path, key: str) -> None:
    with Journal.open(path, redact=Masker((key,))) as journal:
        run = journal.begin(BEGINNING)
        tale = repaired(run)
        for record in tale.records:
            journal.append(record)
        found = journal.recorded(run).records
    assert [record.event.type for record in found] == [record.event.type for record in tale.records]
    end, ended = found[-1].event, tale.records[-1].event
    assert isinstance(end, RunFinished)
    assert isinstance(ended, RunFinished)
    assert (end.status, end.evidence) == (ended.status, ended.evidence)


def test_a_cache_that_cannot_be_written_costs_a_warning_not_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Journal.open(tmp_path / "file" / "journal.sqlite3") as journal:
        assert "not kept" in journal.problem
        assert "FLOWMILL_CACHE_DIR" in journal.problem
        assert journal.recorded(keep(journal)).run.status == "verified"


def test_a_full_disk_in_the_middle_costs_a_warning_not_the_run(path: Path) -> None:
    with Journal.open(path) as journal:
        pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
        journal._db.execute(f"PRAGMA max_page_count = {pages + 2}")
        run = keep(journal)
        assert "full" in journal.problem
        keep(journal)
        assert run not in journal.problem


def test_a_lock_held_by_another_is_waited_out_without_losing_events(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    with Journal.open(path) as journal:
        run = journal.begin(BEGINNING)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for record in repaired(run).records:
            journal.append(record)
        other.execute("ROLLBACK")
        other.close()
    assert journal.problem == ""
    with Journal.open(path) as journal:
        assert len(journal.recorded(run).records) == len(repaired(run).records)


@pytest.mark.parametrize(
    "content", [b"this is no database at all" * 100, b"SQLite format 3\0" + b"\xa5" * 4096]
)
def test_a_damaged_file_is_moved_aside_and_said(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with Journal.open(path) as journal:
        assert "damaged" in journal.problem
        run = keep(journal)
    with Journal.open(path) as journal:
        assert journal.problem == ""
        assert journal.find("last").id == run
    aside = [f for f in path.parent.iterdir() if ".damaged-" in f.name]
    assert [f.read_bytes() for f in aside] == [content]


def test_a_newer_file_is_left_alone(path: Path) -> None:
    Journal.open(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = path.read_bytes()
    with Journal.open(path) as journal:
        assert "newer flowmill" in journal.problem
        keep(journal)
    assert path.read_bytes() == before


def test_old_runs_are_forgotten_with_all_they_held(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "KEEP_RUNS", 2)
    with Journal.open(path) as journal:
        kept = [keep(journal) for _ in range(4)]
        journal._db.execute("UPDATE runs SET started = 0 WHERE id = ?", (kept[3],))
    with Journal.open(path) as journal:
        assert [row.id for row in journal.runs()] == [kept[2], kept[1]]
        left = {run for (run,) in journal._db.execute("SELECT DISTINCT run FROM events")}
        left |= {run for (run,) in journal._db.execute("SELECT DISTINCT run FROM answers")}
        assert left == {kept[1], kept[2]}


def test_an_undecodable_path_is_kept(path: Path) -> None:
    odd = Path("/tmp/caf\udce9.py")
    with Journal.open(path) as journal:
        run = journal.begin(Beginning("repair", odd, "f", odd.parent, "m", "flow", b""))
        assert journal.find(run).file == "/tmp/caf\\udce9.py"
        assert journal.problem == ""


def test_an_exported_run_is_the_same_run(path: Path, tmp_path: Path) -> None:
    with Journal.open(path) as journal:
        found = journal.recorded(keep(journal))
    export(found, tmp_path / "run.json")
    assert load_export(tmp_path / "run.json") == found
    assert [f.name for f in tmp_path.iterdir() if f.is_file()] == ["run.json"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "empty"),
        ("<html>", "line 1"),
        ('{"a": 1}', "line 1"),
        ('{"flowmill-run": 1, "run": {}}', "line 1"),
    ],
)
def test_a_file_that_is_no_run_is_refused_in_one_line(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(JournalError, match=says) as caught:
        load_export(tmp_path / "run.json")
    assert "\n" not in str(caught.value)


def test_a_damaged_line_of_an_export_is_named(path: Path, tmp_path: Path) -> None:
    with Journal.open(path) as journal:
        export(journal.recorded(keep(journal)), tmp_path / "run.json")
    lines = (tmp_path / "run.json").read_text().splitlines()
    lines[2] = lines[2].replace('"how":"coverage"', '"how":"guessed"')
    (tmp_path / "run.json").write_text("\n".join(lines))
    with pytest.raises(JournalError, match=r"line 3: .*guessed"):
        load_export(tmp_path / "run.json")


def test_an_event_of_a_later_version_is_passed_over(path: Path, tmp_path: Path) -> None:
    with Journal.open(path) as journal:
        found = journal.recorded(keep(journal))
    export(found, tmp_path / "run.json")
    with (tmp_path / "run.json").open("a") as file:
        file.write('{"event": {"type": "draft.sung", "run": "r", "seq": 99, "t": 1.0}}\n')
    assert load_export(tmp_path / "run.json") == found


def test_ids_are_short_and_sort_by_time() -> None:
    made = [ids.new_run_id(1_700_000_000 + i / ids.TICKS) for i in range(100)]
    assert made == sorted(made)
    assert len(set(made)) == 100
    assert {len(run) for run in made} == {12}
