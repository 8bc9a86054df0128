"""What is known of one function's tests, and how a run's story is read for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from lsprotocol import types

from flowmill.events import Evidence, TestReported
from flowmill.report.story import BASELINE, Story
from flowmill.report.words import OUTCOME_WORDS, clean, plural
from flowmill_server.text.document import Document
from flowmill_server.text.outline import FunctionSpan
from flowmill_server.text.positions import column_of, width

SOURCE = "flowmill"
CODE = "failing-test"
LINE_CHARS = 200
"""How much of one test's message is shown."""
LISTED = 5
"""Tests that a message names where there is no other place for them."""


@dataclass(frozen=True, slots=True)
class Found:
    """The failing tests of a function, and how many of its tests ran in all."""

    tests: tuple[TestReported, ...] = ()
    total: int = 0


@dataclass(frozen=True)
class Failures:
    """The failing tests that were seen with the function's text of that digest.

    `source` is the run that saw them, or "watch". `related` are the failing lines, for clients
    that show such; without them the message names the tests.
    """

    tests: tuple[TestReported, ...]
    digest: str
    total: int = 0
    source: str = ""
    related: tuple[types.DiagnosticRelatedInformation, ...] = ()

    @cached_property
    def files(self) -> frozenset[str]:
        """The test files, as pytest names them."""
        return frozenset(file_of(test.id) for test in self.tests)

    def diagnostic(self, document: Document, span: FunctionSpan) -> types.Diagnostic:
        """On the function's name, in the client's encoding."""
        return types.Diagnostic(
            range=name_range(document, span),
            message=message(self.tests, self.total, listed=not self.related),
            severity=types.DiagnosticSeverity.Error,
            code=CODE,
            source=SOURCE,
            related_information=list(self.related) or None,
            data={"qualname": span.qualname},
        )


def found_in(story: Story) -> Found | None:
    """What the run has shown of the code as it stood; None if that is nothing, or not settled yet.

    While the run works, only failures are told of, and only where the tests were chosen for the
    function; which of them count is known in the end.
    """
    end, baseline = story.finished, story.drafts.get(BASELINE)
    if baseline is None or not any(s.name == "tests" and s.ended is not None for s in story.stages):
        return None
    faults = tuple(baseline.faults)
    if end is None:
        useful = bool(faults) and story.how not in (None, "all")
        return Found(faults, len(baseline.results) - baseline.count("skipped")) if useful else None
    if end.status == "cancelled" or not end.evidence.before:
        return None
    bad, total = _counted(end.evidence)
    if len(faults) > bad:
        # Tests that do not reach the function ran too; drafts are run on those that do.
        ran = {test for draft in story.drafts.values() if draft.number != BASELINE for test in draft.results}
        faults = tuple(test for test in faults if test.id in ran) or faults
    return Found(faults[:bad], total)


def _counted(evidence: Evidence) -> tuple[int, int]:
    """Failing and all tests that count, skipped ones left out."""
    total = sum(evidence.before.values()) - evidence.before.get("skipped", 0)
    return total - evidence.before.get("passed", 0), total


# ------------------------------------------------------------------ words
def message(tests: tuple[TestReported, ...], total: int, *, listed: bool) -> str:
    """`2 of 9 tests fail: test_empty: assert [] == [1]`, with `listed` the other tests on lines of their own."""
    total = max(total, len(tests))
    count = f"{len(tests)} of {plural(total, 'test')}" if total > 1 else "the test"
    head = f"{count} {'fails' if len(tests) == 1 else 'fail'}: {line_of(tests[0])}"
    if not listed:
        return head
    lines = [head, *(line_of(test) for test in tests[1:LISTED])]
    more = len(tests) - len(lines)
    return "\n".join([*lines, f"and {more} more"] if more > 0 else lines)


def line_of(test: TestReported) -> str:
    return f"{name_of(test.id)}: {reason_of(test)}"


def reason_of(test: TestReported) -> str:
    """The first line of what went wrong; that an assertion failed goes without saying."""
    text = clean(test.message.strip().partition("\n")[0]).removeprefix("AssertionError: ")
    text = text or OUTCOME_WORDS[test.outcome]
    return text if len(text) <= LINE_CHARS else f"{text[: LINE_CHARS - 1]}…"


def name_of(test: str) -> str:
    """The test's own name, with its parameters: `test_twice[3]`."""
    name, bracket, parameters = test.partition("[")
    return clean(name.rpartition("::")[2] + bracket + parameters)


def file_of(test: str) -> str:
    return test.partition("::")[0]


# ------------------------------------------------------------------ places
def name_range(document: Document, span: FunctionSpan) -> types.Range:
    """The function's name in its `def` line, else that line without its indentation."""
    found = re.search(rf"\bdef\s+({re.escape(span.name)})\b", _line(document, span.def_line))
    return line_range(document, span.def_line, found.span(1) if found else None)


def line_range(document: Document, line: int, characters: tuple[int, int] | None = None) -> types.Range:
    """Characters of a 1-based line, or all of it but indentation and newline; clamped to the document."""
    line = max(1, min(line, len(document.lines)))
    text = _line(document, line)
    end = width(text)
    first, last = characters or (len(text) - len(text.lstrip()), end)
    columns = (column_of(text, min(index, end), document.encoding) for index in (first, last))
    start, stop = (types.Position(line - 1, column) for column in columns)
    return types.Range(start, stop)


def _line(document: Document, line: int) -> str:
    return document.lines[line - 1] if 0 < line <= len(document.lines) else ""
