"""Reads the journal's tables into shapes."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import fields
from typing import Any

from flowmill.events import Record
from flowmill.journal.decode import decode, record_from_json
from flowmill.journal.shapes import Answer, JournalError, Recorded, RunRow, UnknownRun
from flowmill.shapes import Prompt, Usage

# What a run that did not come to its end has not summed up is counted from its events.
_RUN = """
SELECT id, started, mode, file, qualname, project, model, strategy, options, version, status, best,
    (SELECT count(*) FROM events WHERE run = id AND type = 'draft'),
    coalesce(calls, (SELECT count(*) FROM answers WHERE run = id)),
    coalesce(seconds, (SELECT t FROM events WHERE run = id ORDER BY seq DESC LIMIT 1), 0.0)
FROM runs
"""


def runs(db: sqlite3.Connection, limit: int | None) -> list[RunRow]:
    sql = f"{_RUN} ORDER BY started DESC, id DESC LIMIT ?"
    return [_row(values) for values in _fetch(db, sql, (-1 if limit is None else limit,))]


def find(db: sqlite3.Connection, name: str) -> RunRow:
    if name == "last":
        found = runs(db, 1)
    else:
        sql = f"{_RUN} WHERE substr(id, 1, ?) = ? ORDER BY started DESC LIMIT 6"
        found = [_row(values) for values in _fetch(db, sql, (len(name), name))] if name else []
    exact = [row for row in found if row.id == name] or found
    if len(exact) == 1:
        return exact[0]
    if not exact:
        raise UnknownRun(f"no run {name!r} in the journal; `flowmill runs list` shows those there are")
    names = ", ".join(row.id for row in exact[:5])
    raise UnknownRun(f"{name!r} is the beginning of several runs ({names} ...); add a letter or two")


def recorded(db: sqlite3.Connection, row: RunRow) -> Recorded:
    source = _fetch(db, "SELECT source FROM runs WHERE id = ?", (row.id,))[0][0]
    events = _fetch(db, "SELECT json FROM events WHERE run = ? ORDER BY seq", (row.id,))
    answers = _fetch(
        db,
        "SELECT call, prompt, text, usage, finish, seconds, complete FROM answers WHERE run = ? ORDER BY call",
        (row.id,),
    )
    records = (record_from_json(_loads(values[0])) for values in events)
    return Recorded(row, source, _known(records), tuple(_answer(values) for values in answers))


def _known(records: Any) -> tuple[Record, ...]:
    return tuple(record for record in records if record is not None)


def _fetch(db: sqlite3.Connection, sql: str, values: tuple[str | int, ...]) -> list[tuple[Any, ...]]:
    try:
        return db.execute(sql, values).fetchall()
    except sqlite3.Error as error:
        raise JournalError(
            f"the run journal cannot be read: {error}; move it away to begin a new one"
        ) from error


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise JournalError(f"the run journal holds something that is not JSON: {error}") from None


def _row(v: tuple[Any, ...]) -> RunRow:
    names = (field.name for field in fields(RunRow))
    return RunRow(**(dict(zip(names, v, strict=True)) | {"options": _loads(v[8])}))


def _answer(v: tuple[Any, ...]) -> Answer:
    prompt, usage = decode(Prompt, _loads(v[1])), decode(Usage, _loads(v[3]))
    return Answer(v[0], prompt, _loads(v[2]), usage, v[4], v[5], bool(v[6]))
