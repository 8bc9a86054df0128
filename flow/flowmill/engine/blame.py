"""Which functions failing tests point at, each test for itself, from what it executed and named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flowmill.engine.locate import FRAME, IN_TRACEBACK, NAMED
from flowmill.errors import TargetError
from flowmill.project.function_map_lesson import plain
from flowmill.project.own import OwnFiles
from flowmill.project.references import Imports, read_refs
from flowmill.project.source import Sources
from flowmill.shapes import TestResult
from flowmill.source.functions import Function, find_functions, function_at
from flowmill.source.text import SourceFile

CHANGED, SAVED = 4, 1
"""A function that has just been changed is likelier at fault than any that a traceback names."""
MOST = 3
"""Functions that one failing test may be held against; of more, none is singled out."""

Named = tuple[Path, str]
"""A function's file and qualified name."""


@dataclass(frozen=True, slots=True)
class Blamed:
    """A function and the failing tests held against it, of the `total` that ran and execute it.

    `qualname` is as `find` takes it, `line` that of its `def`.
    """

    file: Path
    qualname: str
    line: int
    tests: tuple[TestResult, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Clues:
    """What is known besides the failures. `executed` holds, by test id, what each test ran."""

    root: Path
    sources: Sources
    saved: frozenset[Path] = frozenset()
    changed: frozenset[Named] = frozenset()
    executed: Mapping[str, frozenset[Named]] = field(default_factory=dict[str, frozenset[Named]])


def blame(clues: Clues, failures: Iterable[TestResult]) -> tuple[Blamed, ...]:
    """The functions at fault, those with the most failing tests first; never a test's own functions."""
    judge = _Judge(clues)
    against: dict[Named, list[TestResult]] = {}
    for failure in failures:
        for found in judge.suspects(failure):
            against.setdefault(found, []).append(failure)
    ranked = sorted(against.items(), key=lambda item: (-len(item[1]), str(item[0][0]), item[0][1]))
    return tuple(judge.blamed(named, tests) for named, tests in ranked)


class _Judge:
    def __init__(self, clues: Clues) -> None:
        self._clues = clues
        self._own = OwnFiles(clues.root)
        self._files: dict[Path, SourceFile | None] = {}
        self._named: dict[str, frozenset[str]] = {}

    def suspects(self, failure: TestResult) -> list[Named]:
        """Those that most speaks against; none if that are too many to mean anything."""
        frames = set(self._in_traceback(failure))
        named = self._names_in(failure.id)
        weights = {
            found: self._weight(found, frames, named)
            for found in self._candidates(failure.id, named) | frames
            if self._find(found) is not None
        }
        most = max(weights.values(), default=0)
        found = sorted(found for found, weight in weights.items() if weight == most)
        return found if len(found) <= MOST else []

    def blamed(self, named: Named, tests: list[TestResult]) -> Blamed:
        function = self._find(named)
        assert function is not None, "only functions that are there are suspected"
        alike = [f for f in self._functions(named[0]) if f.qualname == named[1] and not f.is_overload]
        qualname = f"{named[1]}@{function.def_line}" if len(alike) > 1 else named[1]
        total = sum(named in ran for ran in self._clues.executed.values())
        return Blamed(named[0], qualname, function.def_line, tuple(tests), max(total, len(tests)))

    def _weight(self, found: Named, frames: set[Named], named: frozenset[str]) -> int:
        clues = self._clues
        return (
            CHANGED * (found in clues.changed)
            + IN_TRACEBACK * (found in frames)
            + NAMED * (found[1].rpartition(".")[2] in named)
            + SAVED * (found[0] in clues.saved)
        )

    def _candidates(self, test: str, named: frozenset[str]) -> set[Named]:
        """What the test executed, and what it names of the files that were saved.

        Where something is known to have been executed, only a changed one of those named counts
        besides: it may have failed before it began, as when its parameters are others now.
        """
        executed = self._clues.executed.get(test, frozenset())
        found = {each for each in executed if self._own.has(each[0])}
        called = {
            (file, function.qualname)
            for file in self._clues.saved
            if self._own.has(file)
            for function in self._functions(file)
            if function.name in named
        }
        return found | (called & self._clues.changed if found else called)

    def _in_traceback(self, failure: TestResult) -> Iterator[Named]:
        for name, line in FRAME.findall(failure.details):
            path = self._clues.root / name
            file = self._file(path) if self._own.has(path) else None
            # A traceback may be of another state of the file than the one at hand.
            function = function_at(file, int(line)) if file and int(line) <= len(file.line_starts) else None
            if function is not None:
                yield path, function.qualname

    def _names_in(self, test: str) -> frozenset[str]:
        """Every word that stands for something in the test's own code."""
        name = plain(self._clues.root.resolve(), test)
        if name not in self._named:
            file, _, inner = name.partition("::")
            qualname = inner.replace("::", ".")
            functions = self._functions(self._clues.root / file) if inner else ()
            refs = read_refs([f.node for f in functions if f.qualname == qualname], Imports())
            self._named[name] = refs.names | refs.attributes
        return self._named[name]

    def _find(self, named: Named) -> Function | None:
        """The function of that name; of several the last, which is the one that is left when all is imported."""
        found = [f for f in self._functions(named[0]) if f.qualname == named[1]]
        real = [f for f in found if not f.is_overload] or found
        return real[-1] if real else None

    def _functions(self, path: Path) -> tuple[Function, ...]:
        file = self._file(path)
        return find_functions(file) if file else ()

    def _file(self, path: Path) -> SourceFile | None:
        if path not in self._files:
            try:
                file = SourceFile.from_bytes(path, self._clues.sources.read(path))
                _ = file.tree
            except TargetError:
                file = None
            self._files[path] = file
        return self._files[path]
