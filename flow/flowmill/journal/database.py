"""The journal's file: opening it, making its tables, mending what is broken, forgetting what is old."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

VERSION = 1
KEEP_RUNS = 500
KEEP_SECONDS = 90 * 86_400.0
BUSY_SECONDS = 2.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, started REAL NOT NULL, mode TEXT NOT NULL, file TEXT NOT NULL,
    qualname TEXT NOT NULL, project TEXT NOT NULL, model TEXT NOT NULL, strategy TEXT NOT NULL,
    options TEXT NOT NULL, version TEXT NOT NULL, source BLOB NOT NULL,
    status TEXT, best INTEGER, calls INTEGER, seconds REAL);
CREATE TABLE IF NOT EXISTS events (
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL, t REAL NOT NULL, type TEXT NOT NULL, json TEXT NOT NULL,
    PRIMARY KEY (run, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    call INTEGER NOT NULL, prompt TEXT NOT NULL, text TEXT NOT NULL, usage TEXT NOT NULL,
    finish TEXT NOT NULL, seconds REAL NOT NULL, complete INTEGER NOT NULL,
    PRIMARY KEY (run, call));
"""


class Newer(sqlite3.DatabaseError):
    """The file was written by a later version, which this one must not touch."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection that works; `problem` says why it is not, or not fully, the one asked for."""

    db: sqlite3.Connection
    problem: str = ""


def open_database(path: Path) -> Opened:
    """A connection to the file, else to memory. Never raises for what the disk does."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return Opened(in_memory(), kept_nowhere(path, error))
    try:
        return Opened(_connect(path))
    except (Newer, sqlite3.OperationalError) as error:
        return _read_only(path) or Opened(in_memory(), kept_nowhere(path, error))
    except sqlite3.DatabaseError:
        return _start_afresh(path)


def in_memory() -> sqlite3.Connection:
    """A journal that lasts as long as the program."""
    db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    db.executescript(SCHEMA)
    return db


def kept_nowhere(path: Path, error: Exception) -> str:
    return f"this run is not kept in the journal: {path}: {error}; FLOWMILL_CACHE_DIR can name another folder"


def is_busy(error: sqlite3.Error) -> bool:
    """True if another process held the file for longer than we waited, so that a later try may work."""
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def _connect(path: Path) -> sqlite3.Connection:
    # Two processes that make the file at once: SQLite refuses one of them without waiting.
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return _connect_once(path)
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > end:
                raise
            time.sleep(0.02)


def _connect_once(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        found = db.execute("PRAGMA user_version").fetchone()[0]
        if found > VERSION:
            raise Newer(f"it was written by a newer flowmill (format {found}, this one writes {VERSION})")
        db.execute("PRAGMA journal_mode = WAL")
        # In WAL mode this survives a crash of the program; only power loss may cost the last run.
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
        if found < VERSION:
            db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
        _forget_old(db)
        with contextlib.suppress(OSError):
            # Sources and prompts are the user's own business.
            path.chmod(0o600)
    except BaseException:  # Ctrl-C too must not leave it open
        db.close()
        raise
    return db


def _forget_old(db: sqlite3.Connection) -> None:
    oldest_kept = "SELECT started FROM runs ORDER BY started DESC LIMIT 1 OFFSET ?"
    row = db.execute(oldest_kept, (KEEP_RUNS - 1,)).fetchone()
    limit = max(time.time() - KEEP_SECONDS, row[0] if row else 0.0)
    old = db.execute("SELECT 1 FROM runs WHERE started < ? LIMIT 1", (limit,)).fetchone()
    if old:
        db.execute("DELETE FROM runs WHERE started < ?", (limit,))


def _read_only(path: Path) -> Opened | None:
    """What can still be read of a journal that may not be written, for `runs list` and `runs show`."""
    if not path.is_file() or os.access(path, os.W_OK):
        return None
    try:
        db = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True, isolation_level=None)
        db.execute("SELECT count(*) FROM runs").fetchone()
    except sqlite3.Error:
        return None
    return Opened(db, f"{path} may not be written; new runs are not kept")


def _start_afresh(path: Path) -> Opened:
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    try:
        for suffix in ("", "-wal", "-shm"):
            # Another process may have moved it first.
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{path}{suffix}", f"{aside}{suffix}")
        db = _connect(path)
    except (OSError, sqlite3.Error) as error:
        return Opened(in_memory(), kept_nowhere(path, error))
    return Opened(db, f"the run journal was damaged; it is now {aside}, and a new one was begun")
