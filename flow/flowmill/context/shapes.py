"""What is known about a function that helps to write it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flowmill.errors import TargetError
from flowmill.source.text import SourceFile


@dataclass(frozen=True, slots=True)
class TestSource:
    """A test function by its node id without parameters, with the fixtures and helpers it names."""

    __test__ = False
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Context:
    """All that a prompt may hold, before it is fitted to a model.

    `header` is the function's, byte for byte; `body` its present body at column 0,
    empty for a stub. `module` holds the module's imports, constants and signatures,
    the most useful lines first within each. `tests` begin with the shortest and most specific.
    `neighbours` are functions like it, `callers` the places where it is called, `calls` what it was seen to be given there.
    """

    header: str
    body: str = ""
    module: str = ""
    klass: str = ""
    definitions: tuple[str, ...] = ()
    tests: tuple[TestSource, ...] = ()
    neighbours: tuple[str, ...] = ()
    callers: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Files:
    """Reads source files, open buffers before the disk, each one once."""

    overlay: Mapping[Path, bytes]
    _read: dict[Path, SourceFile | None] = field(default_factory=dict[Path, "SourceFile | None"])

    def get(self, path: Path) -> SourceFile | None:
        """The file if it is Python that parses, else None: context is a help and never a condition."""
        if path not in self._read:
            self._read[path] = self._load(path)
        return self._read[path]

    def _load(self, path: Path) -> SourceFile | None:
        try:
            data = self.overlay.get(path)
            file = SourceFile.read(path) if data is None else SourceFile.from_bytes(path, data)
            _ = file.tree
        except TargetError:
            return None
        return file
