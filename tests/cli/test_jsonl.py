"""JSON lines: exactly the records, flushed one by one."""

from __future__ import annotations

import io
import json
from pathlib import Path

from doubles.records import RunTale, repaired
from flowmill.cli.jsonl import JsonLines


class Flushes(io.StringIO):
    """Counts how often what was written was pushed on."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def flush(self) -> None:
        self.count += 1


def test_one_object_a_line_and_nothing_else() -> None:
    out = Flushes()
    records = repaired().records
    with JsonLines(out) as view:
        for record in records:
            view.show(record)
        view.wrote(Path("/x/mod.py"))
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [r.to_json() for r in records]
    assert out.count == len(records)


def test_any_text_fits_any_pipe() -> None:
    out = io.StringIO()
    with JsonLines(out) as view:
        for record in RunTale().note("✓ 🐍 \ud800 \u2028 \n").records:
            view.show(record)
    text = out.getvalue()
    assert text.isascii()
    assert json.loads(text)["text"] == "✓ 🐍 \ud800 \u2028 \n"
