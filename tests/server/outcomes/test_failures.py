"""What a story says of a function's tests, and how a diagnostic says it."""

from __future__ import annotations

import pytest
from lsprotocol import types

from doubles.outcome_parts import DETAILS, EMPTY, SOURCE, TEXT, reported, story
from flowmill.events import Event, Record, TestReported
from flowmill.report.story import story_of
from flowmill.shapes import Outcome
from flowmill_server.outcomes.failures import (
    Failures,
    Found,
    found_in,
    line_range,
    message,
    name_range,
    reason_of,
)
from flowmill_server.outcomes.places import failing_line
from flowmill_server.text.document import Document
from flowmill_server.text.outline import FunctionSpan
from flowmill_server.text.positions import Encoding

GOOD = reported("tests/test_pick.py::test_good", "passed", "", "")
SKIPPED = reported("tests/test_pick.py::test_later", "skipped", "no time", "")
BAD, WORSE = reported(EMPTY), reported(TEXT, "timeout", "timed out after 2 s", "")
NOT_OURS = reported("tests/test_other.py::test_more")


def drafted(test: TestReported) -> TestReported:
    return TestReported(1, test.id, "passed", 0.01, "", "")


@pytest.mark.parametrize(
    ("events", "found"),
    [
        pytest.param([], None, id="nothing told"),
        pytest.param(story(BAD, settled=False), None, id="still testing"),
        pytest.param(story(BAD, GOOD, SKIPPED), Found((BAD,), 2), id="told while the run works"),
        pytest.param(story(GOOD), None, id="all fine so far"),
        pytest.param(story(BAD, how="all"), None, id="all tests of the project: not known to be its own"),
        pytest.param(
            story(BAD, WORSE, GOOD, status="failed", before={"failed": 1, "timeout": 1, "passed": 1}),
            Found((BAD, WORSE), 3),
            id="in the end",
        ),
        pytest.param(
            story(BAD, how="all", status="verified", before={"failed": 1}),
            Found((BAD,), 1),
            id="all, in the end",
        ),
        pytest.param(
            story(
                NOT_OURS,
                BAD,
                GOOD,
                drafts=(drafted(BAD), drafted(GOOD)),
                status="failed",
                before={"failed": 1, "passed": 1},
            ),
            Found((BAD,), 2),
            id="a test that does not reach the function",
        ),
        pytest.param(
            story(NOT_OURS, GOOD, status="unchanged", before={"passed": 1, "skipped": 1}),
            Found((), 1),
            id="none counts",
        ),
        pytest.param(story(BAD, status="cancelled", before={"failed": 1}), None, id="cancelled"),
        pytest.param(story(BAD, status="unchanged"), None, id="no test reaches the function"),
    ],
)
def test_what_a_run_has_shown(events: list[Event], found: Found | None) -> None:
    records = [Record("r", place, 0.1 * place, event) for place, event in enumerate(events)]
    assert found_in(story_of(records)) == found


@pytest.mark.parametrize(
    ("tests", "total", "listed", "says"),
    [
        (
            (reported(message="AssertionError: assert [] == [1]"),),
            9,
            True,
            "1 of 9 tests fails: test_empty: assert [] == [1]",
        ),
        ((BAD,), 1, True, "the test fails: test_empty: boom"),
        ((BAD, WORSE), 0, False, "2 of 2 tests fail: test_empty: boom"),
        ((BAD, WORSE), 4, True, "2 of 4 tests fail: test_empty: boom\ntest_text[a-b]: timed out after 2 s"),
        (
            tuple(reported(f"t.py::test_{n}") for n in range(7)),
            7,
            True,
            "7 of 7 tests fail: test_0: boom\ntest_1: boom\ntest_2: boom\ntest_3: boom\ntest_4: boom\nand 2 more",
        ),
    ],
)
def test_the_message(tests: tuple[TestReported, ...], total: int, listed: bool, says: str) -> None:
    assert message(tests, total, listed=listed) == says


@pytest.mark.parametrize(
    ("outcome", "told", "says"),
    [
        ("failed", "ValueError: x\nmore", "ValueError: x"),
        ("crashed", "", "crashed"),
        ("timeout", "", "timed out"),
        ("failed", "AssertionError", "AssertionError"),
        ("failed", "a\x1b[31mb", "a\\x1b[31mb"),
        ("failed", "x" * 900, "x" * 199 + "…"),
    ],
)
def test_the_reason_in_a_line(outcome: Outcome, told: str, says: str) -> None:
    assert reason_of(reported(outcome=outcome, message=told)) == says


@pytest.mark.parametrize(
    ("text", "encoding", "columns"),
    [
        (SOURCE, "utf-16", (4, 8)),
        ("async  def pick(items): ...\n", "utf-8", (11, 15)),
        ("if 1: 'é𝄞'; pick = lambda: 0\ndef pick(): ...", "utf-16", (4, 8)),
    ],
)
def test_the_place_is_the_name_in_the_def_line(
    text: str, encoding: Encoding, columns: tuple[int, int]
) -> None:
    document = Document("file:///p/a.py", "python", 1, text, encoding=encoding)
    span = document.outline.find("pick")
    assert span is not None
    extent = name_range(document, span)
    assert (extent.start.line, extent.end.line) == (span.def_line - 1, span.def_line - 1)
    assert (extent.start.character, extent.end.character) == columns


@pytest.mark.parametrize(
    ("encoding", "columns"), [("utf-8", (1, 19)), ("utf-16", (1, 16)), ("utf-32", (1, 15))]
)
def test_columns_are_the_clients(encoding: Encoding, columns: tuple[int, int]) -> None:
    document = Document("file:///p/a.py", "python", 1, "\tassert f('é𝄞')\r\nx", encoding=encoding)
    extent = line_range(document, 1)
    assert (extent.start.character, extent.end.character) == columns


def test_without_the_name_in_it_the_line_is_the_place() -> None:
    document = Document("file:///p/a.py", "python", 1, "  def \\\n  pick(): ...\n")
    span = FunctionSpan("pick", "pick", 1, 1, 2, True, "")
    assert name_range(document, span) == types.Range(types.Position(0, 2), types.Position(0, 7))


@pytest.mark.parametrize("line", [-1, 0, 99])
def test_lines_that_are_not_there_are_clamped(line: int) -> None:
    document = Document("file:///p/a.py", "python", 1, "x = 1\ny")
    assert line_range(document, line).start.line in (0, 1)


@pytest.mark.parametrize(
    ("test", "details", "place"),
    [
        (EMPTY, DETAILS, ("tests/test_pick.py", 4)),
        (
            EMPTY,
            "tests/test_pick.py:9: in test_empty\n    same()\ntests/test_pick.py:3: in same\n    x",
            ("tests/test_pick.py", 3),
        ),
        (EMPTY, "conftest.py:7: in fixture\n    x\nsrc/shop.py:2: in pick\n", ("src/shop.py", 2)),
        (EMPTY, "", None),
        (EMPTY, "E   nothing.py here\n: 12: x", None),
    ],
)
def test_the_failing_line(test: str, details: str, place: tuple[str, int] | None) -> None:
    assert failing_line(reported(test, details=details)) == place


def test_a_diagnostic_is_whole() -> None:
    document = Document("file:///p/a.py", "python", 1, SOURCE)
    span = document.outline.find("Box.grown")
    assert span is not None
    found = Failures((BAD,), span.digest, 2).diagnostic(document, span)
    assert (found.source, found.code, found.data) == ("flowmill", "failing-test", {"qualname": "Box.grown"})
    assert found.severity == types.DiagnosticSeverity.Error
    assert found.range == types.Range(types.Position(5, 8), types.Position(5, 13))
