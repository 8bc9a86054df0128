"""Plain lines, for pipes: short, without control characters, complete at the end."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from doubles.records import AFTER, BEFORE, RunTale, diff_of, repaired, until_streaming
from flowmill.cli.jsonl import JsonLines
from flowmill.cli.pipes import SIGPIPE_EXIT
from flowmill.cli.plain import Plain
from flowmill.cli.view import choose_view
from flowmill.errors import ModelError
from flowmill.report.words import Prices
from flowmill.shapes import ModelProfile


def told(tale: RunTale, written: Path | None = None) -> str:
    out = io.StringIO()
    with Plain(out, prices=Prices(1.0, 0.1, 4.0)) as view:
        for record in tale.records:
            view.show(record)
        if written:
            view.wrote(written)
    return out.getvalue()


def broken_off(out: io.StringIO) -> None:
    with Plain(out) as view:
        for record in until_streaming().records:
            view.show(record)
        raise ModelError("the endpoint is gone")


def test_a_run_in_plain_lines() -> None:
    lines = told(repaired()).splitlines()
    assert lines[:3] == [
        "repair /home/ada/boltons/boltons/iterutils.py::chunked (lines 40-45)",
        "model qwen2.5-coder-1.5b, strategy flow, at most 2 min 00 s, 40 calls",
        "4 tests selected (coverage)",
    ]
    text = "\n".join(lines)
    assert (
        "as it is: 2 passed, 2 failed; first fault: tests/test_iterutils.py::test_chunked_count: Asser"
        in text
    )
    assert "draft 2 (model): 3/4 tests pass, best so far; first fault:" in text
    assert "draft 3 (model, from 2): 4/4 tests pass, best so far\n" in text
    assert diff_of(AFTER) in text
    assert "before: 2 passed, 2 failed\nafter:  4 passed\nVerified: all 4 tests" in text
    assert "Held back: tests the model never saw: 2/2 passed" in text
    assert "$0.0074" in text
    assert lines[-1] == "Nothing written; use --apply to write it."


def test_no_control_character_gets_through() -> None:
    evil = "\x1b[31mred\r\x07"
    text = told(RunTale().start().note(evil).draft(1, evil).finish("improved", 1, diff_of(evil), "f", "f"))
    assert "\\x1b[31mred" in text
    assert not set(text) & {"\x1b", "\x07", "\r"}


def test_the_written_file_is_named() -> None:
    assert told(repaired(), Path("/x/mod.py")).endswith("Written to /x/mod.py.\n")


def test_a_stopped_run_ends_with_its_best_draft() -> None:
    text = told(until_streaming())
    assert "Stopped: the best draft so far is number 2; 3/4 tests pass with it.\nNothing written.\n" in text
    assert "list(src)[i : i + size - 1]" in text


def test_an_error_after_a_draft_leaves_the_draft_and_passes_on() -> None:
    out = io.StringIO()
    with pytest.raises(ModelError):
        broken_off(out)
    assert "best draft so far" in out.getvalue()


def test_an_ascii_stream_gets_escapes_instead_of_an_error() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    with Plain(stream) as view:
        for record in RunTale().start().note("naïve ✓").records:
            view.show(record)
    assert b"note: na\\xefve \\u2713\n" in raw.getvalue()


@pytest.mark.parametrize("name", ["Plain", "JsonLines"])
def test_a_reader_that_goes_away_ends_the_program_quietly(name: str) -> None:
    module = {"Plain": "plain", "JsonLines": "jsonl"}[name]
    code = (
        f"import sys\nfrom flowmill.cli.{module} import {name}\nfrom doubles.records import repaired\n"
        f"with {name}(sys.stdout) as view:\n    [view.show(r) for _ in range(5000) for r in repaired().records]\n"
    )
    tests = str(Path(__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {tests!r})\n{code}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stderr
    process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait() == SIGPIPE_EXIT
    assert errors == ""


def test_the_view_suits_the_stream() -> None:
    profile = ModelProfile("m", price_prompt=1.0, price_completion=2.0)
    assert isinstance(choose_view(True, io.StringIO()), JsonLines)
    assert isinstance(choose_view(False, io.StringIO(), profile=profile), Plain)


def test_in_a_pipe_the_diff_of_a_file_with_crlf_can_be_applied() -> None:
    before, after = BEFORE.replace("\n", "\r\n"), AFTER.replace("\n", "\r\n")
    text = told(RunTale().start().draft(1, after).finish("improved", 1, diff_of(after, before), "f", "f"))
    assert diff_of(after, before) in text
