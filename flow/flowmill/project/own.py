"""Which files are the project's own code, and which are its tests, by the project's pytest configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path

from flowmill.project.callers import python_files
from flowmill.project.pytest_config import (
    PytestConfig,
    collectable_files,
    is_unusual,
    named_files,
    read_config,
    uncollected_files,
)
from flowmill.project.source import Sources
from flowmill.project.testfile import parse, read_test_file

SKIPPED = frozenset({"build", "dist", "node_modules", "site-packages", "venv", "env"})
HELPERS = frozenset({"tests"})
"""Folders whose files serve the tests: a user may name a function there, nobody else picks one."""
FILES = 400
"""Source files of a project that are looked through."""


def belongs_to_tests(config: PytestConfig, path: Path, source: bytes) -> bool:
    """Whether the file is one of the project's test files: what pytest collects, or a `conftest.py`.

    A file that is named to pytest is one if there are tests in it: by `testpaths`, or since pytest
    collects nothing by itself.
    """
    if any(_is_test(config, each) for each in _names(path)):
        return True
    named = path in named_files(config) or (is_unusual(config, path) and not collectable_files(config))
    return named and _holds_tests(config, source)


def _names(path: Path) -> tuple[Path, Path]:
    """A link may have a harmless name, or lead to a file that has one."""
    return path, path.resolve()


def _is_test(config: PytestConfig, path: Path) -> bool:
    return path.name == "conftest.py" or config.is_test_file(path)


def _holds_tests(config: PytestConfig, source: bytes) -> bool:
    tree = parse(source)
    return tree is not None and bool(read_test_file(tree, "", config).tests)


@dataclass
class OwnFiles:
    """The source files of a project that may be at fault; each is judged once."""

    root: Path
    _judged: dict[Path, bool] = field(default_factory=dict[Path, bool])

    def has(self, path: Path) -> bool:
        """A source file of the project itself: no test, nothing that serves them, nothing installed or outside."""
        if path not in self._judged:
            self._judged[path] = self._is_own(path)
        return self._judged[path]

    @cached_property
    def listed(self) -> tuple[Path, ...]:
        """Those below the root, at most `FILES` of them."""
        return tuple(islice((path for path in python_files(self.root) if self.has(path)), FILES))

    def _is_own(self, path: Path) -> bool:
        if not path.resolve().is_relative_to(self._real) or path in self._named:
            return False
        parts = path.resolve().relative_to(self._real).parts
        if any(_is_test(self._config, each) for each in _names(path)):
            return False
        return not any(part in SKIPPED | HELPERS or part.startswith(".") for part in parts)

    @cached_property
    def _real(self) -> Path:
        return self.root.resolve()

    @cached_property
    def _config(self) -> PytestConfig:
        return read_config(self.root)

    @cached_property
    def _named(self) -> frozenset[Path]:
        """Files with tests that are named to pytest, which would not collect them by itself."""
        config = self._config
        files = named_files(config) + ([] if collectable_files(config) else uncollected_files(config))
        return frozenset(path for path in files if _holds_tests(config, Sources({}).read(path)))
