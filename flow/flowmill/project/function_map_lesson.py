"""What a run has shown, written into the function map's tables."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flowmill.project.hashes import Hashes
from flowmill.shapes import FINE, FunctionName, TestResult

MOST_PAIRS = 1_000_000
"""Of a test and a function, in one project: some 40 MB on disk."""
_TEST = re.compile(r"[^:]+(::[^\W\d]\w*)+")


@dataclass(slots=True)
class Seen:
    """A test, its parametrised cases taken together."""

    ran: set[FunctionName] = field(default_factory=set[FunctionName])
    seconds: float = 0.0
    fine: bool = True


def plain(root: Path, test: str) -> str:
    """The test's id without parameters and relative to the root; "" for doctests and tests that are in no file.

    pytest counts its ids from where its configuration lies, which may be above the project.
    """
    file, mark, name = test.partition("::")
    name = name.partition("[")[0]
    if not _TEST.fullmatch(file + mark + name):
        return ""
    parts = file.split("/")
    for cut in range(len(parts)):
        if (
            root.parts[len(root.parts) - cut :] == tuple(parts[:cut])
            and root.joinpath(*parts[cut:]).is_file()
        ):
            return "/".join(parts[cut:]) + mark + name
    return ""


def is_storable(name: str) -> bool:
    """Whether a database takes the name: not of a path with bytes that no encoding explains."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def merged(
    root: Path, told: Mapping[str, frozenset[FunctionName]], results: Mapping[str, TestResult]
) -> dict[str, Seen]:
    """The tests that were both told of and reported; of parametrised ones the slowest case counts."""
    tests: dict[str, Seen] = {}
    for test, ran in told.items():
        name, result = plain(root, test), results.get(test)
        if name and result is not None and is_storable(name):
            known = tests.setdefault(name, Seen())
            known.ran |= {(file, qualname) for file, qualname in ran if is_storable(file)}
            known.seconds = max(known.seconds, result.seconds)
            known.fine = known.fine and result.outcome in FINE
    return tests


class Lesson:
    """One run. Made and used inside of one transaction."""

    def __init__(self, db: sqlite3.Connection, hashes: Hashes) -> None:
        self._db = db
        self._hashes = hashes
        self._run = db.execute("INSERT INTO runs DEFAULT VALUES").lastrowid or 0
        pairs = [(self._run, file, content) for file, content in hashes.items()]
        db.executemany("INSERT INTO hashes VALUES (?, ?, ?)", pairs)
        self._functions: dict[FunctionName, int] = {}

    def take(self, tests: Mapping[str, Seen]) -> None:
        for name, seen in tests.items():
            self._write(name, seen)
        self._sweep()

    def close_file(self, file: str, told: set[str], *, complete: bool) -> None:
        """Settle what becomes of this file's other tests: they are gone, or could not be run this time."""
        known = self._db.execute("SELECT name FROM tests WHERE file = ?", (file,)).fetchall()
        others = [(name,) for (name,) in known if name not in told]
        if complete:
            self._db.executemany("DELETE FROM tests WHERE name = ?", others)
        else:
            # Else they would be due for ever.
            self._db.executemany(f"UPDATE tests SET run = {self._run} WHERE name = ?", others)
        self._db.execute(
            "INSERT OR REPLACE INTO runs_of_files VALUES (?, ?, ?)",
            (file, self._hashes.get(file, ""), complete),
        )
        self._sweep()

    def _sweep(self) -> None:
        self._db.execute("DELETE FROM runs WHERE id <> ? AND id NOT IN (SELECT run FROM tests)", (self._run,))

    def _write(self, name: str, seen: Seen) -> None:
        test = self._test(name)
        if seen.fine:
            self._db.execute("DELETE FROM ran WHERE test = ?", (test,))
        pairs = [(self._function(function), test) for function in seen.ran]
        self._db.executemany("INSERT OR IGNORE INTO ran VALUES (?, ?)", pairs)
        width = self._db.execute("SELECT count(*) FROM ran WHERE test = ?", (test,)).fetchone()[0]
        self._db.execute(
            "UPDATE tests SET run = ?, seconds = ?, width = ? WHERE id = ?",
            (self._run, seen.seconds, width, test),
        )

    def _test(self, name: str) -> int:
        found = self._db.execute("SELECT id FROM tests WHERE name = ?", (name,)).fetchone()
        if found is not None:
            return found[0]
        made = self._db.execute(
            "INSERT INTO tests (name, file, run, seconds, width) VALUES (?, ?, ?, 0, 0)",
            (name, name.partition("::")[0], self._run),
        )
        return made.lastrowid or 0

    def _function(self, function: FunctionName) -> int:
        if function not in self._functions:
            self._db.execute("INSERT OR IGNORE INTO functions (file, qualname) VALUES (?, ?)", function)
            query = "SELECT id FROM functions WHERE file = ? AND qualname = ?"
            self._functions[function] = self._db.execute(query, function).fetchone()[0]
        return self._functions[function]


def bound(db: sqlite3.Connection, most: int = MOST_PAIRS) -> None:
    """Forget the tests that were run the longest ago if there is too much, and what nothing refers to then."""
    excess = db.execute("SELECT coalesce(sum(width), 0) FROM tests").fetchone()[0] - most
    if excess <= 0:
        return
    for test, width in db.execute("SELECT id, width FROM tests ORDER BY run, id").fetchall():
        db.execute("DELETE FROM tests WHERE id = ?", (test,))
        excess -= width
        if excess <= 0:
            break
    db.execute("DELETE FROM functions WHERE id NOT IN (SELECT function FROM ran)")
    db.execute("DELETE FROM runs WHERE id NOT IN (SELECT run FROM tests)")
