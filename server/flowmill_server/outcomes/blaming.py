"""From how the affected tests went to what is known of the functions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flowmill.engine.affected import AffectedReport, Blamed
from flowmill.events import TestReported
from flowmill.report.story import BASELINE
from flowmill.shapes import TestResult
from flowmill_server.outcomes.failures import Failures, Found
from flowmill_server.outcomes.known import Known, find_unchanged
from flowmill_server.text.document import Document
from flowmill_server.text.outline import FunctionSpan

WATCH = "watch"
"""What such entries name as their source."""
Spans = Mapping[str, tuple[FunctionSpan, ...]]
"""By address, the functions of the open documents as they were when the tests began."""


class Documents(Protocol):
    def by_path(self, path: Path) -> Document | None: ...


@dataclass(frozen=True, slots=True)
class Broken:
    """A function that the tests fault, as it is now."""

    document: Document
    span: FunctionSpan


class Blaming:
    """Writes reports into `known`."""

    def __init__(self, known: Known, documents: Documents) -> None:
        self._known = known
        self._documents = documents

    def earlier(self, root: Path) -> tuple[str, ...]:
        """The tests of the project that are known to fail."""
        return tuple(self._known.held_against(root))

    def take(self, report: AffectedReport, spans: Spans, earlier: Collection[str]) -> list[Broken]:
        """Clear what passes now, add what fails; gives the functions that something new is said of.

        A failing test that is known for one function is not held against another one too: it fails
        for what was wrong before.
        """
        # Of a run that was cut short, silence about a test says nothing.
        whole = not (report.problem or report.cut)
        gone = frozenset(earlier if whole else ()) - report.failed
        self._known.clear(report.root, report.passed | gone)
        held = self._known.held_against(report.root)
        broken: list[Broken] = []
        for blamed in report.blamed:
            found = self._current(blamed, spans)
            if found is None:
                continue
            key = (found.document.uri, found.span.qualname)
            tests = [test for test in blamed.tests if key in held.get(test.id, {key})]
            if tests:
                known = self._known.at(*key)
                self._known.record(found.document, found.span, _joined(tests, blamed.total, known), WATCH)
                broken.append(found)
        return broken

    def _current(self, blamed: Blamed, spans: Spans) -> Broken | None:
        """The function if it is open and still as the tests saw it."""
        document = self._documents.by_path(blamed.file)
        if document is None:
            return None
        for span in _meant(blamed, spans.get(document.uri, ())):
            current = find_unchanged(document, span.qualname, span.digest)
            if current is not None:
                return Broken(document, current)
        return None


def _meant(blamed: Blamed, spans: Collection[FunctionSpan]) -> Iterator[FunctionSpan]:
    """The function on that line, unless it has another name there."""
    bare = blamed.qualname.partition("@")[0]
    same = [span for span in spans if span.qualname.partition("@")[0] == bare]
    yield from sorted(same, key=lambda span: abs(span.def_line - blamed.line))[:1]


def _joined(tests: list[TestResult], total: int, known: Failures | None) -> Found:
    """The new outcomes, and those known before of tests that did not run again or still fail."""
    fresh = tuple(TestReported(BASELINE, t.id, t.outcome, t.seconds, t.message, t.details) for t in tests)
    ids = {test.id for test in fresh}
    kept = tuple(test for test in known.tests if test.id not in ids) if known else ()
    joined = (*fresh, *kept)
    return Found(joined, max(total, known.total if known else 0, len(joined)))
