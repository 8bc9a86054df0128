"""What is known about a function that helps to write it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flowmill.errors import TargetError
from flowmill.source.text import SourceFile


@dataclass(frozen=True, slots=True)
class TestSource:
    """A test function by its node id without parameters.

    `text` is what a prompt shows: the fixtures and helpers that it names, which are `company`, and the
    test, a long one cut. `whole` is the same uncut, for those who look for something in it.
    """

    __test__ = False
    id: str
    text: str
    company: tuple[str, ...] = ()
    whole: str = ""

    def less(self, shown: Collection[str]) -> str:
        """The text without what of its company was shown already."""
        return without_company(self.text, [helper for helper in self.company if helper in shown])


def without_company(text: str, shown: Iterable[str]) -> str:
    """A test's text without these helpers."""
    for helper in shown:
        text = text.replace(f"{helper}\n\n", "", 1)
    return text


def told_once(tests: Iterable[TestSource]) -> tuple[str, ...]:
    """The tests' texts, each helper only where it is needed first."""
    shown: set[str] = set()
    texts: list[str] = []
    for test in tests:
        texts.append(test.less(shown))
        shown.update(test.company)
    return tuple(texts)


@dataclass(frozen=True, slots=True)
class Context:
    """All that a prompt may hold, before it is fitted to a model.

    `header` is the function's, byte for byte; `body` its present body at column 0,
    empty for a stub. `module` holds the module's imports, constants and signatures,
    the most useful lines first within each. `tests` begin with the shortest and most specific.
    `neighbours` are functions like it, `callers` the places where it is called, `calls` what it was seen to be given there.
    `waiting` are names that are there and that nothing uses yet.
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
    waiting: tuple[str, ...] = ()


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
