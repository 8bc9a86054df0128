"""Which tests a saved file may have broken: a choice from source and from what earlier runs have seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flowmill.errors import TargetError
from flowmill.project.function_map import FunctionMap
from flowmill.project.hashes import hashes_of
from flowmill.project.mapped import select_mapped
from flowmill.project.pytest_config import PytestConfig, collectable_files, read_config
from flowmill.project.selection import Selection
from flowmill.project.source import Sources
from flowmill.source.functions import find_functions
from flowmill.source.text import SourceFile

MOST_TESTS = 200
MOST_FILES = 20
"""Test files that run whole when a conftest.py was saved and no map knows their tests."""
SEARCHED = 4
"""Changed functions whose tests are searched for in source too; the others' are taken from the map alone."""
CONFTEST = "conftest.py"


@dataclass(frozen=True, slots=True)
class AffectedSpec:
    """Files that were saved, and what the user would want to know of the tests that depend on them.

    `buffers` are the open editors' texts, `changed` the functions that differ from what was last
    looked at (empty: not known), `earlier` the tests that failed then.
    """

    root: Path
    saved: tuple[Path, ...]
    buffers: Mapping[Path, bytes] = field(default_factory=dict[Path, bytes])
    changed: tuple[tuple[Path, str], ...] = ()
    earlier: tuple[str, ...] = ()
    seconds: float = 30.0
    test_seconds: float = 10.0
    most: int = MOST_TESTS


@dataclass(frozen=True, slots=True)
class Choice:
    """`keep` as `TestOrder` takes it: node ids without parameters, or test files whole.

    `reach` says which functions the map knows each test to execute, of those that it was asked for.
    """

    keep: tuple[str, ...] = ()
    cut: int = 0
    problem: str = ""
    reach: Mapping[str, frozenset[tuple[Path, str]]] = field(
        default_factory=dict[str, frozenset[tuple[Path, str]]]
    )


def choose(spec: AffectedSpec, known: FunctionMap | None) -> Choice:
    """The tests to run: those that failed, then those of the changed functions, then those of their files."""
    if known is not None:
        known.stale(hashes_of(spec.root, known.test_files(), spec.buffers))
    chooser = _Chooser(spec, known, read_config(spec.root), Sources(spec.buffers))
    ids = dict.fromkeys(spec.earlier)
    for file in spec.saved:
        ids.update(dict.fromkeys(chooser.tests_of(file)))
    whole = {name for name in ids if "::" not in name}
    wanted = [name for name in ids if name in whole or name.partition("::")[0] not in whole]
    kept = tuple(wanted[: spec.most])
    reach = {name: frozenset(functions) for name, functions in chooser.reach.items()}
    return Choice(kept, len(wanted) - len(kept), chooser.problem, reach)


class _Chooser:
    def __init__(
        self, spec: AffectedSpec, known: FunctionMap | None, config: PytestConfig, sources: Sources
    ) -> None:
        self._spec = spec
        self._known = known
        self._config = config
        self._sources = sources
        self.reach: dict[str, set[tuple[Path, str]]] = {}
        self.problem = ""

    def tests_of(self, file: Path) -> Iterator[str]:
        if not file.is_relative_to(self._spec.root):
            return
        if file.name == CONFTEST:
            yield from self._below(file.parent)
        elif self._config.is_test_file(file):
            yield file.relative_to(self._spec.root).as_posix()
        else:
            yield from self._of_source(file)

    def _below(self, folder: Path) -> list[str]:
        """The tests that a conftest.py holds for, the quickest first."""
        prefix = "" if folder == self._spec.root else f"{folder.relative_to(self._spec.root).as_posix()}/"
        seconds = self._known.seconds() if self._known else {}
        tests = sorted((name for name in seconds if name.startswith(prefix)), key=lambda name: seconds[name])
        if tests:
            return tests
        files = [path for path in collectable_files(self._config) if path.is_relative_to(folder)]
        return [path.relative_to(self._spec.root).as_posix() for path in files[:MOST_FILES]]

    def _of_source(self, file: Path) -> Iterator[str]:
        try:
            functions = find_functions(SourceFile.from_bytes(file, self._sources.read(file)))
        except TargetError as error:
            self.problem = str(error)
            return
        names = list(dict.fromkeys(function.qualname for function in functions))
        bare = [name.partition("@")[0] for path, name in self._spec.changed if path == file]
        changed = [name for name in dict.fromkeys(bare) if name in names]
        for name in changed[:SEARCHED]:
            yield from self._searched(file, name)
        found = bool(changed)
        for name in (*changed, *(name for name in names if name not in changed)):
            for test in self._mapped(file, name):
                found = True
                yield test
        if not found:
            # Nothing is known of it yet: whatever imports the module will have to do.
            yield from _around(self._select(file, names[0] if names else file.stem))

    def _searched(self, file: Path, name: str) -> Iterator[str]:
        for test in _specific(self._select(file, name)):
            if "::" in test:
                self.reach.setdefault(test, set()).add((file, name))
            yield test

    def _mapped(self, file: Path, name: str) -> Iterator[str]:
        for test in self._known.tests_for(file, name) if self._known else ():
            self.reach.setdefault(test, set()).add((file, name))
            yield test

    def _select(self, file: Path, name: str) -> Selection:
        return select_mapped(self._spec.root, file, name, (), self._spec.buffers, self._known)


def _specific(selection: Selection) -> Iterable[str]:
    """The tests of the first tier, of everything that a map knows, and of whole files only if need be."""
    tiers = [tier for tier in selection.tiers if tier.how != "all"]
    mapped = [test for tier in tiers if tier.how == "coverage" for test in tier.keep]
    named = [test for tier in tiers[:2] for test in tier.keep]
    return mapped or named or ((tiers[0].files or ()) if tiers else ())


def _around(selection: Selection) -> Iterable[str]:
    """The files that have to do with the module, or the tests that name it where there are none."""
    tiers = [tier for tier in selection.tiers if tier.how != "all"]
    files = [file for tier in tiers if not tier.keep for file in tier.files or ()]
    return files or [test for tier in tiers for test in tier.keep]
