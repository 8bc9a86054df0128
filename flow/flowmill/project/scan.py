"""The project's test files searched for one function, parsing no more of them than need be."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flowmill.project.modules import module_name
from flowmill.project.pytest_config import PytestConfig
from flowmill.project.references import Refs
from flowmill.project.source import Sources
from flowmill.project.testfile import TestFile, TestNode, parse, read_test_file
from flowmill.project.wanted import Fit, Wanted

PARSE_BYTES = 1_500_000
"""One or two seconds of work; files beyond it still count as whole files."""
IMPORT_LINE = re.compile(rb"^[ \t]*(?:from|import)\b.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Hit:
    """A test that names what was looked for; `rank` is 0 if its own body does, 1 through a helper, 2 loosely."""

    file: str
    id: str
    rank: int
    distance: int
    """Folders between the test's file and the function's."""
    length: int

    def order(self, name: str) -> tuple[int, bool, int, int, str]:
        """Sorts the most specific, then the nearest, then the shortest first."""
        unnamed = name.lower() not in self.id.rpartition("::")[2].lower()
        return self.rank, unnamed, self.distance, self.length, self.id


@dataclass(slots=True)
class Scan:
    """Searches `files`; what was read and parsed is kept for the next search of the same selection."""

    root: Path
    file: Path
    files: Sequence[Path]
    config: PytestConfig
    sources: Sources
    wanted: Wanted
    unparsed: set[Path] = field(default_factory=set[Path])
    _parsed: dict[Path, TestFile | None] = field(default_factory=dict[Path, TestFile | None])
    _reached: dict[tuple[Path, str], Refs] = field(default_factory=dict[tuple[Path, str], Refs])
    _spent: int = 0

    def hits(self, wanted: Sequence[Wanted], least: Fit) -> list[Hit]:
        """The tests that name one of `wanted` at least as surely as `least`, most specific first."""
        if not wanted:
            return []
        words = frozenset[str]().union(*(each.spelled for each in wanted))
        fixtures = _Fixtures(wanted)
        found: list[Hit] = []
        for path in self._likely_first(self.files, words):
            conftests = self._conftests(path)
            spelled = words | {name for each in conftests for name in fixtures.of(each)}
            if not _pattern(spelled).search(self.sources.read(path)):
                continue
            parsed = self._parse(path)
            if parsed is not None:
                found.extend(self._hits_in(path, parsed, conftests, wanted, least))
        return sorted(found, key=lambda hit: hit.order(self._label()))

    def files_around(self) -> tuple[str, ...]:
        """Whole files that name the function, import its module or are called after it."""
        stem = self.wanted.module.rpartition(".")[2]
        called = {f"{mark}{name}".lower() for name in (stem, self._label()) for mark in ("test_", "tests_")}
        called |= {f"{name}_test".lower() for name in (stem, self._label())}
        spelled = _pattern(self.wanted.spelled)
        found = [
            path
            for path in self._likely_first(self.files, self.wanted.spelled)
            if path.stem.lower() in called or self._is_around(path, spelled, _pattern({stem}))
        ]
        return tuple(map(self._relative, found))

    def _is_around(self, path: Path, spelled: re.Pattern[bytes], stem: re.Pattern[bytes]) -> bool:
        source = self.sources.read(path)
        package = self.wanted.module.partition(".")[0].encode()
        if package not in source and b"from ." not in source:
            return False
        return bool(spelled.search(source)) or any(stem.search(line) for line in IMPORT_LINE.findall(source))

    def _hits_in(
        self, path: Path, parsed: TestFile, conftests: list[TestFile], wanted: Sequence[Wanted], least: Fit
    ) -> Iterable[Hit]:
        always = Refs.union([parsed.always, *(each.always for each in conftests)])
        modules = frozenset[str]().union(
            parsed.imports.modules, *(each.imports.modules for each in conftests)
        )
        for test in parsed.tests:
            if max(each.fit(test.own) for each in wanted) is Fit.STRONG:
                yield self._hit(path, test, 0)
                continue
            key = (path, test.id)
            if key not in self._reached:
                self._reached[key] = parsed.reach(test.own | test.around | always, conftests)
            everything = self._reached[key]
            fit = max(each.fit(everything) for each in wanted)
            if fit is Fit.STRONG:
                yield self._hit(path, test, 1)
            elif fit >= least and any(each.imported_by(modules) for each in wanted):
                yield self._hit(path, test, 2)

    def _hit(self, path: Path, test: TestNode, rank: int) -> Hit:
        file = self._relative(path)
        return Hit(file, f"{file}::{test.id}", rank, self._distance(path), test.length)

    def _parse(self, path: Path) -> TestFile | None:
        if path not in self._parsed:
            source = self.sources.read(path)
            if self._spent + len(source) > PARSE_BYTES:
                self.unparsed.add(path)
                return None
            self._spent += len(source)
            tree = parse(source)
            self._parsed[path] = self._read(path, tree) if tree else None
        return self._parsed[path]

    def _read(self, path: Path, tree: ast.Module) -> TestFile:
        module, _ = module_name(self.root, path, self.sources.overlay, self.config)
        return read_test_file(tree, module, self.config)

    def _conftests(self, path: Path) -> list[TestFile]:
        """The conftest files that hold for a test file, nearest first."""
        found: list[TestFile] = []
        for folder in path.parents:
            conftest = folder / "conftest.py"
            if self.sources.read(conftest):
                parsed = self._parse(conftest)
                found.extend([parsed] if parsed else [])
            if folder == self.root:
                break
        return found

    def _likely_first(self, files: Sequence[Path], words: frozenset[str]) -> list[Path]:
        """So that the parse limit, if it is reached, cuts the least likely files."""
        names = {*words, self.wanted.module.rpartition(".")[2]}
        spelled = _pattern(words)

        def order(path: Path) -> tuple[bool, int, int, Path]:
            named = any(name.lower() in path.stem.lower() for name in names)
            return not named, self._distance(path), -len(spelled.findall(self.sources.read(path))), path

        return sorted(files, key=order)

    def _distance(self, path: Path) -> int:
        shared = os.path.commonpath([path, self.file])
        return len(path.parts) + len(self.file.parts) - 2 * len(Path(shared).parts)

    def _label(self) -> str:
        return self.wanted.name or min(self.wanted.owners)

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


class _Fixtures:
    """The fixtures and helpers of conftests that name one of `wanted`: a test may name only them."""

    def __init__(self, wanted: Sequence[Wanted]) -> None:
        self._wanted = wanted
        self._known: dict[int, frozenset[str]] = {}

    def of(self, conftest: TestFile) -> frozenset[str]:
        if id(conftest) not in self._known:  # the scan keeps every parsed file, so no id is used twice
            self._known[id(conftest)] = frozenset(
                name for name, refs in conftest.units.items() if self._named(conftest.reach(refs))
            )
        return self._known[id(conftest)]

    def _named(self, refs: Refs) -> bool:
        return any(each.fit(refs) is Fit.STRONG for each in self._wanted)


def _pattern(words: Iterable[str]) -> re.Pattern[bytes]:
    return re.compile(rb"\b(?:%s)\b" % b"|".join(re.escape(word.encode()) for word in sorted(words)))
