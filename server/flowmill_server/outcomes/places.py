"""Where a test failed, as its traceback has it; told from the text alone, never from the disk."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from lsprotocol import types

from flowmill.engine.locate import FRAME
from flowmill.events import TestReported
from flowmill_server.outcomes.failures import file_of, line_of, line_range
from flowmill_server.text.document import Document

MOST = 20
"""Tests whose places a diagnostic lists."""


class ByPath(Protocol):
    def by_path(self, path: Path) -> Document | None: ...


def failing_line(test: TestReported) -> tuple[str, int] | None:
    """The file and 1-based line of the innermost frame in the test's own file, else of the innermost at all."""
    frames = [(name, int(line)) for name, line in FRAME.findall(test.details)]
    own = [frame for frame in frames if frame[0] == file_of(test.id)]
    found = own or frames
    return found[-1] if found else None


def related(
    tests: Iterable[TestReported], root: Path, documents: ByPath
) -> tuple[types.DiagnosticRelatedInformation, ...]:
    """The failing line of each test. In files that are not open nothing is known of it but its number."""
    found: list[types.DiagnosticRelatedInformation] = []
    for test in tests:
        place = failing_line(test)
        if place is not None and len(found) < MOST:
            location = _location(root / place[0], place[1], documents)
            found.append(types.DiagnosticRelatedInformation(location, line_of(test)))
    return tuple(found)


def _location(path: Path, line: int, documents: ByPath) -> types.Location:
    document = documents.by_path(path)
    if document is not None:
        return types.Location(document.uri, line_range(document, line))
    start = types.Position(max(0, line - 1), 0)
    return types.Location(path.as_uri(), types.Range(start, start))
