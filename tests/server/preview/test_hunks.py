"""From two texts to hunks and edits: as the unified diff has them, and never more than the lines that change."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types

from flowmill.errors import UsageError
from flowmill.source.diff import function_diff
from flowmill.source.text import SourceFile
from flowmill_server.preview.hunks import Change, applied, choose, held, hunks_of, text_edits
from flowmill_server.text.document import Document
from flowmill_server.text.positions import Encoding

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")
LINES = st.sampled_from(["a", "b", "    c", "", "\u2028x", "\f", "'\U0001f40d'", "é", "d\u0085e"])
NEWLINES = st.sampled_from(["\n", "\n", "\r\n", "\r"])
TEXTS = st.lists(st.tuples(LINES, NEWLINES), max_size=30).map(
    lambda lines: "".join(line + newline for line, newline in lines)
)
ENDS = st.sampled_from(["", "end", "'\U0001f40d\U0001f40d'"])


def everything(before: str, after: str) -> tuple[Change, ...]:
    return choose(hunks_of(before, after), None)


def opened(text: str, encoding: Encoding) -> Document:
    return Document("file:///x.py", "python", 1, text, encoding=encoding)


def made(before: str, edits: list[types.TextEdit], encoding: Encoding) -> str:
    """The text after the edits, as an editor makes them: all places are those before."""
    document = opened(before, encoding)
    pieces, done = [""], 0
    for edit in edits:
        start, end = document.offset(edit.range.start), document.offset(edit.range.end)
        assert done <= start <= end
        pieces += [before[done:start], edit.new_text]
        done = end
    return "".join([*pieces, before[done:]])


@pytest.mark.parametrize(
    ("before", "after", "edits"),
    [
        ("a\nb\nc\n", "a\nX\nc\n", [(1, 0, 2, 0, "X\n")]),
        ("a\nb\n", "a\nb\nc\n", [(2, 0, 2, 0, "c\n")]),
        ("a\nb", "a\nb\nc", [(1, 0, 1, 1, "b\nc")]),
        ("a\n\U0001f40d", "a\n", [(1, 0, 1, 2, "")]),
        ("", "a\n", [(0, 0, 0, 0, "a\n")]),
        ("a\r\nb\r\n", "a\r\nX\r\n", [(1, 0, 2, 0, "X\r\n")]),
        ("a\rb\rc\r", "a\rX\rc\r", [(1, 0, 2, 0, "X\r")]),
        ("a\r\nb\nc\r", "a\r\nb\nX\r", [(2, 0, 3, 0, "X\r")]),
        ("a\u2028b\nc\n", "a\u2028b\nX\n", [(1, 0, 2, 0, "X\n")]),
        ("a\n\x0c\nb\n", "a\n\x0c\nX\n", [(2, 0, 3, 0, "X\n")]),
        ("same\n", "same\n", []),
    ],
)
def test_the_smallest_edits_by_line(
    before: str, after: str, edits: list[tuple[int, int, int, int, str]]
) -> None:
    wanted = [
        types.TextEdit(types.Range(types.Position(a, b), types.Position(c, d)), text)
        for a, b, c, d, text in edits
    ]
    assert text_edits(opened(before, "utf-16"), everything(before, after)) == wanted


@pytest.mark.parametrize(("encoding", "width"), [("utf-8", 8), ("utf-16", 4), ("utf-32", 2)])
def test_a_last_line_without_newline_ends_where_the_client_counts_it(encoding: Encoding, width: int) -> None:
    before, after = "a\n\U0001f40d\U0001f40d", "a\nb"
    (edit,) = text_edits(opened(before, encoding), everything(before, after))
    assert edit.range.end == types.Position(1, width)


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS, ENDS, ENDS, st.data())
def test_edits_make_the_one_text_of_the_other(
    one: str, other: str, end: str, last: str, data: st.DataObject
) -> None:
    before, after = one + end, other + last
    hunks = hunks_of(before, after)
    changes = choose(hunks, None)
    assert applied(before, changes) == after
    encoding = data.draw(st.sampled_from(ENCODINGS))
    assert made(before, text_edits(opened(before, encoding), changes), encoding) == after
    wanted = data.draw(st.sets(st.integers(0, len(hunks) - 1))) if hunks else set[int]()
    part = choose(hunks, sorted(wanted))
    now = applied(before, part)
    found = held(before, changes, now)
    assert found is not None
    assert applied(before, [changes[number] for number in sorted(found)]) == now


@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS, st.booleans())
def test_hunks_are_those_of_the_unified_diff(one: str, other: str, bom: bool) -> None:
    mark = b"\xef\xbb\xbf" if bom else b""
    file = SourceFile(Path("/x.py"), mark + one.encode(), "utf-8-sig" if bom else "utf-8", one)
    diff = function_diff(file, mark + other.encode())
    headers = [line for line in diff.split("\n") if line.startswith("@@ -")]
    hunks = hunks_of(one, other, bom=bom)
    assert len(hunks) == len(headers)
    assert applied(one, choose(hunks, None)) == other


def test_far_changes_are_hunks_of_their_own() -> None:
    lines = [f"line {number}\n" for number in range(40)]
    new = [*lines]
    new[2], new[4], new[30] = "two\n", "four\n", "thirty\n"
    hunks = hunks_of("".join(lines), "".join(new))
    assert [len(hunk.changes) for hunk in hunks] == [2, 1]
    assert len(list(difflib.unified_diff(lines, new))) > 3
    second = applied("".join(lines), choose(hunks, [1]))
    assert second == "".join([*lines[:30], "thirty\n", *lines[31:]])
    assert choose(hunks, [1, 0, 1]) == choose(hunks, None)


@pytest.mark.parametrize(
    ("count", "number", "message"),
    [
        (1, 1, "there is no hunk 1: this change has one hunk, 0"),
        (1, -1, "there is no hunk -1: this change has one hunk, 0"),
        (2, 2, "there is no hunk 2: this change has 2 hunks, 0 to 1"),
    ],
)
def test_a_hunk_that_is_not_there(count: int, number: int, message: str) -> None:
    lines = [f"line {at}\n" for at in range(20)]
    new = ["X\n", *lines[1:-1], "Y\n" if count == 2 else lines[-1]]
    with pytest.raises(UsageError, match=message):
        choose(hunks_of("".join(lines), "".join(new)), [number])


def test_a_mark_at_the_beginning_of_the_file_is_no_part_of_an_edit() -> None:
    before, after = "import os\nX = 1\n", "import re\nimport os\nX = 1\n"
    (hunk,) = hunks_of(before, after, bom=True)
    assert hunk.changes == (Change(0, 0, "import re\n"),)


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ("a\nb\nc\n", frozenset[int]()),
        ("A\nb\nc\n", frozenset({0})),
        ("A\nb\nc\nd\n", frozenset({0, 1})),
        ("a\nb\nc\nd\n", frozenset({1})),
        ("A\nb\nc", None),
        ("A\nB\nc\n", None),
        ("", None),
    ],
)
def test_which_edits_a_text_holds(now: str, found: frozenset[int] | None) -> None:
    before = "a\nb\nc\n"
    assert held(before, everything(before, "A\nb\nc\nd\n"), now) == found
