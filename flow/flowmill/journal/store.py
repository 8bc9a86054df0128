"""The journal that a run writes as it goes on, and that `flowmill runs` reads."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from flowmill import __version__
from flowmill.events import DraftDelta, Json, Record, RunFinished
from flowmill.journal import rows
from flowmill.journal.database import in_memory, is_busy, kept_nowhere, open_database
from flowmill.journal.encode import Redact, dumps, prompt_json, redacted_bytes, storable, usage_json
from flowmill.journal.ids import new_run_id
from flowmill.journal.shapes import Answer, Recorded, RunRow
from flowmill.paths import cache_dir
from flowmill.shapes import Mode, StrategyName

FLUSH_SECONDS = 0.5
RETRY_SECONDS = 5.0
Value = str | bytes | int | float | None
Statement = tuple[str, tuple[Value, ...]]


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is known of a run before its first event."""

    mode: Mode
    file: Path
    qualname: str
    project: Path
    model: str
    strategy: StrategyName
    source: bytes
    options: Mapping[str, Json] = field(default_factory=dict[str, Json])


class Journal:
    """Keeps runs in one SQLite file that several processes may write at once.

    Writing never raises for what the disk does: a journal that cannot be kept goes
    on in memory, and `problem` says so in one line, to be shown once. A run whose
    program died stays readable, with no status.
    """

    def __init__(self, path: Path, *, redact: Redact = str) -> None:
        self._path = path
        self._redact = redact
        opened = open_database(path)
        self._db = opened.db
        self.problem = opened.problem
        self._pending: list[Statement] = []
        self._flushed = time.monotonic()
        self._retry = 0.0

    @classmethod
    def open(cls, path: Path | None = None, *, redact: Redact = str) -> Journal:
        """The journal in that file, or in the cache folder; `redact` takes secrets out of whatever is kept."""
        return cls(path or cache_dir() / "journal.sqlite3", redact=redact)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what is still held back, and let the file go."""
        self._retry = 0.0
        self._flush()
        if self._pending:
            self.problem = (
                self.problem or f"the end of this run is not kept in the journal: {self._path} is locked"
            )
        self._db.close()

    # -------------------------------------------------------------- writing
    def begin(self, beginning: Beginning, run: str = "") -> str:
        """Note that a run starts; its id, a new one unless one is given."""
        run, b = run or new_run_id(), beginning
        values = (b.mode, str(b.file), b.qualname, str(b.project), b.model, b.strategy)
        row = (
            run,
            time.time(),
            *(storable(self._redact(v)) for v in values),
            dumps(dict(b.options), self._redact),
        )
        source = redacted_bytes(b.source, self._redact)
        columns = "id, started, mode, file, qualname, project, model, strategy, options, version, source"
        self._put((f"INSERT INTO runs ({columns}) VALUES ({_marks(11)})", (*row, __version__, source)))
        self._flush()
        return run

    def amend(self, run: str, options: Mapping[str, Json]) -> None:
        """Replace what the run's options were said to be: some are known only once the model is there."""
        self._put(("UPDATE runs SET options = ? WHERE id = ?", (dumps(dict(options), self._redact), run)))

    def append(self, record: Record) -> None:
        """Keep one event. Pieces of a draft are written together, at most half a second late."""
        event = record.event
        text = dumps(record.to_json(), self._redact)
        values = (record.run, record.seq, record.t, event.type, text)
        self._put(("INSERT INTO events (run, seq, t, type, json) VALUES (?, ?, ?, ?, ?)", values))
        if isinstance(event, RunFinished):
            end = (event.status, event.best, event.calls, event.seconds.total, record.run)
            self._put(("UPDATE runs SET status = ?, best = ?, calls = ?, seconds = ? WHERE id = ?", end))
        if not isinstance(event, DraftDelta) or time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self._flush()

    def answer(self, run: str, answer: Answer) -> None:
        """Keep what the model said to one prompt, whole or broken off."""
        a = answer
        prompt, usage = dumps(prompt_json(a.prompt), self._redact), dumps(usage_json(a.usage), self._redact)
        text = json.dumps(self._redact(a.text))
        values = (run, a.call, prompt, text, usage, a.finish, a.seconds, int(a.complete))
        self._put((f"INSERT OR REPLACE INTO answers VALUES ({_marks(8)})", values))
        self._flush()

    def _put(self, statement: Statement) -> None:
        self._pending.append(statement)

    def _flush(self) -> None:
        if not self._pending or time.monotonic() < self._retry:
            return
        self._flushed = time.monotonic()
        try:
            _write(self._db, self._pending)
        except sqlite3.Error as error:
            if is_busy(error):
                # What could not be written waits for the next try, and no event waits for it meanwhile.
                self._retry = time.monotonic() + RETRY_SECONDS
                return
            self._go_on_in_memory(error)
        self._pending.clear()

    def _go_on_in_memory(self, error: sqlite3.Error) -> None:
        self.problem = self.problem or kept_nowhere(self._path, error)
        self._db.close()
        self._db = in_memory()
        _write(self._db, self._pending)

    # -------------------------------------------------------------- reading
    def runs(self, limit: int | None = None) -> list[RunRow]:
        """The runs, newest first."""
        self._flush()
        return rows.runs(self._db, limit)

    def find(self, name: str) -> RunRow:
        """The run with that id, that unambiguous beginning of an id, or `last`. Raises `UnknownRun`."""
        self._flush()
        return rows.find(self._db, name)

    def recorded(self, name: str) -> Recorded:
        """The whole run: row, source, events and answers. Raises `UnknownRun` or `JournalError`."""
        return rows.recorded(self._db, self.find(name))


def _marks(count: int) -> str:
    return ", ".join("?" * count)


def _write(db: sqlite3.Connection, statements: list[Statement]) -> None:
    """All of the statements or none."""
    db.execute("BEGIN IMMEDIATE")
    try:
        for sql, values in statements:
            db.execute(sql, values)
        db.execute("COMMIT")
    except sqlite3.Error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
