"""The function map's file: one SQLite database a project, made anew if it is damaged."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from pathlib import Path

VERSION = 1
BUSY_SECONDS = 2.0
KEEP_MAPS = 40
SCHEMA = """
CREATE TABLE runs (id INTEGER PRIMARY KEY);
CREATE TABLE hashes (
    run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    file TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (run, file)) WITHOUT ROWID;
CREATE TABLE tests (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, file TEXT NOT NULL,
    run INTEGER NOT NULL REFERENCES runs (id), seconds REAL, width INTEGER NOT NULL);
CREATE INDEX tests_of_file ON tests (file);
CREATE INDEX tests_of_run ON tests (run);
CREATE TABLE functions (
    id INTEGER PRIMARY KEY, file TEXT NOT NULL, qualname TEXT NOT NULL, UNIQUE (file, qualname));
CREATE TABLE ran (
    function INTEGER NOT NULL REFERENCES functions (id),
    test INTEGER NOT NULL REFERENCES tests (id) ON DELETE CASCADE,
    PRIMARY KEY (function, test)) WITHOUT ROWID;
CREATE INDEX ran_of_test ON ran (test);
CREATE TABLE runs_of_files (
    file TEXT PRIMARY KEY, hash TEXT NOT NULL, complete INTEGER NOT NULL) WITHOUT ROWID;
"""


def path_of(cache: Path, root: Path) -> Path:
    """Where the map of this project lies."""
    digest = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]
    # With the format in its name, so that two versions of flowmill do not destroy each other's.
    return cache / "maps" / f"{root.resolve().name[:40]}-{digest}-{VERSION}.sqlite"


def open_store(path: Path) -> tuple[sqlite3.Connection, str]:
    """A connection, in memory if there can be none to the file, and why that is so, else ""."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return _connect(path), ""
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            # It holds nothing that the next runs would not learn again.
            _remove(path)
            return _connect(path), ""
    except (OSError, sqlite3.Error) as error:
        db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        db.executescript(SCHEMA)
        return db, f"which tests execute which function is not kept: {path}: {error}"


def _connect(path: Path) -> sqlite3.Connection:
    new = not path.exists()
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
        with transaction(db):
            found = db.execute("PRAGMA user_version").fetchone()[0]
            if found == 0:
                _make(db)
            elif found != VERSION:
                raise sqlite3.DatabaseError(f"format {found}")
    except BaseException:  # Ctrl-C too must not leave it open
        db.close()
        raise
    if new:
        _forget_oldest(path)
    return db


def _make(db: sqlite3.Connection) -> None:
    # One by one, since executescript would end the transaction that keeps others out.
    for statement in SCHEMA.split(";"):
        db.execute(statement)
    db.execute(f"PRAGMA user_version = {VERSION}")


class transaction:
    """Everything inside happens or nothing does; other processes wait, for BUSY_SECONDS at most."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            self._db.execute("COMMIT" if kind is None else "ROLLBACK")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def _forget_oldest(path: Path) -> None:
    """A new map may push out those that were not written for the longest time."""
    with contextlib.suppress(OSError):
        path.chmod(0o600)
        maps = sorted(path.parent.glob("*.sqlite"), key=lambda p: p.stat().st_mtime, reverse=True)
        for old in maps[KEEP_MAPS:]:
            _remove(old)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        # Another process may have removed it first.
        with contextlib.suppress(FileNotFoundError):
            os.remove(f"{path}{suffix}")
