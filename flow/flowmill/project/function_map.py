"""Which tests execute which function of a project, as earlier runs have seen it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flowmill.project.function_map_lesson import Lesson, bound, is_storable, merged
from flowmill.project.function_map_store import open_store, path_of, transaction
from flowmill.project.hashes import Hashes
from flowmill.shapes import Census, TestResult


@dataclass(frozen=True, slots=True)
class Stale:
    """What no longer is as it was learned."""

    dropped: frozenset[str] = frozenset()
    """Tests whose own file changed or vanished; the map does not know them any more."""
    due: frozenset[str] = frozenset()
    """Tests that execute source files which changed; kept, since most still execute what they did."""


class FunctionMap:
    """The map of one project, shared by all processes that work on it.

    Parametrised tests are known by their plain name; doctests are left out. What runs only
    at import, in shared fixtures or in threads of their own says nothing of single tests, so
    no test is known for it. Nothing here raises for what the disk does: the map then
    forgets, and `problem` says why. Files whose names no database takes are not in it. It may
    be used from any thread.
    """

    def __init__(self, db: sqlite3.Connection, root: Path, problem: str = "") -> None:
        self._db = db
        self._root = root.resolve()
        self._lock = threading.Lock()
        self.problem = problem

    @classmethod
    def open(cls, cache: Path, root: Path) -> FunctionMap:
        """The project's map in this cache folder, empty if there was none."""
        db, problem = open_store(path_of(cache, root))
        return cls(db, root, problem)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # -------------------------------------------------------------- asking
    def tests_for(self, file: Path, qualname: str) -> tuple[str, ...]:
        """Tests that executed the function: those that execute the fewest functions first, then the quickest."""
        wanted = (self._relative(file), qualname.replace(".<locals>", "").partition("@")[0])
        return tuple(str(row[0]) for row in self._ask(_TESTS_FOR, wanted)) if is_storable(wanted[0]) else ()

    def seconds(self) -> dict[str, float]:
        """How long each test took."""
        return {str(name): float(str(took)) for name, took in self._ask("SELECT name, seconds FROM tests")}

    def tried_files(self) -> dict[str, str]:
        """The test files that were run whole, or as far as they could be, with the hash of what they contained."""
        return {str(file): str(was) for file, was in self._ask("SELECT file, hash FROM runs_of_files")}

    def whole_files(self) -> frozenset[str]:
        """The test files of which every test is known."""
        return frozenset(
            str(row[0]) for row in self._ask("SELECT file FROM runs_of_files WHERE complete = 1")
        )

    def test_files(self) -> frozenset[str]:
        """The files that the map knows a test of, and those that it tried."""
        query = "SELECT file FROM tests UNION SELECT file FROM runs_of_files"
        return frozenset(str(row[0]) for row in self._ask(query))

    def all_files(self) -> frozenset[str]:
        """Every file that the map's knowledge rests on."""
        return self.test_files() | {str(row[0]) for row in self._ask("SELECT DISTINCT file FROM hashes")}

    def _relative(self, file: Path) -> str:
        real = file.resolve()
        return real.relative_to(self._root).as_posix() if real.is_relative_to(self._root) else str(real)

    def _ask(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        try:
            with self._lock:
                return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            self.problem = str(error)
            return []

    # -------------------------------------------------------------- learning
    def learn(self, census: Census | None, results: Mapping[str, TestResult], hashes: Hashes) -> None:
        """Take in what tests executed, and what the files contained by then.

        A test that failed may have stopped early: what it was known to execute stays.
        """
        self._learn(census, results, hashes, "", complete=False)

    def learn_file(
        self,
        file: str,
        census: Census | None,
        results: Mapping[str, TestResult],
        hashes: Hashes,
        *,
        complete: bool,
    ) -> None:
        """The same of a run of one test file; if it is `complete`, tests that it does not have are forgotten."""
        self._learn(census, results, hashes, file, complete=complete)

    def _learn(
        self,
        census: Census | None,
        results: Mapping[str, TestResult],
        hashes: Hashes,
        file: str,
        *,
        complete: bool,
    ) -> None:
        tests = {} if census is None else merged(self._root, census.tests, results)
        hashes = _storable(hashes)
        try:
            with self._lock, transaction(self._db):
                lesson = Lesson(self._db, hashes)
                lesson.take(tests)
                if file and is_storable(file):
                    lesson.close_file(file, set(tests), complete=complete)
                bound(self._db)
        except sqlite3.Error as error:
            self.problem = str(error)

    # -------------------------------------------------------------- forgetting
    def stale(self, hashes: Hashes) -> Stale:
        """Compare with what these files contain now; tests of test files that changed are forgotten at once."""
        try:
            with self._lock, transaction(self._db):
                rows = self._db.execute("SELECT run, file, hash FROM hashes").fetchall()
                changed = [(run, file) for run, file, was in rows if hashes.get(file, was) != was]
                dropped = self._names("SELECT name FROM tests WHERE run = ? AND file = ?", changed)
                due = self._names(_DUE, changed) - dropped
                self._db.executemany("DELETE FROM tests WHERE name = ?", [(name,) for name in dropped])
                given = [(file, content) for file, content in _storable(hashes).items()]
                self._db.executemany("DELETE FROM runs_of_files WHERE file = ? AND hash <> ?", given)
        except sqlite3.Error as error:
            self.problem = str(error)
            return Stale()
        return Stale(dropped, due)

    def _names(self, query: str, values: Iterable[tuple[int, str]]) -> frozenset[str]:
        return frozenset(row[0] for pair in values for row in self._db.execute(query, pair))


def _storable(hashes: Hashes) -> Hashes:
    return {file: content for file, content in hashes.items() if is_storable(file)}


_TESTS_FOR = """
SELECT tests.name FROM functions
JOIN ran ON ran.function = functions.id JOIN tests ON tests.id = ran.test
WHERE functions.file = ? AND functions.qualname = ?
ORDER BY tests.width, tests.seconds, tests.name
"""
_DUE = """
SELECT DISTINCT tests.name FROM tests
JOIN ran ON ran.test = tests.id JOIN functions ON functions.id = ran.function
WHERE tests.run = ? AND functions.file = ?
"""
