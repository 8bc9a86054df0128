"""The buffers that the tests' editor keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol.types import Position, Range, TextDocumentContentChangePartial, TextEdit

from doubles.buffers import BadEdit, Buffer

ENCODINGS = ("utf-8", "utf-16", "utf-32")
TEXTS = st.text(alphabet=st.sampled_from("ab\r\n\f\u2028é🐍 "), max_size=20)


def buffer(text: str, encoding: str = "utf-16") -> Buffer:
    return Buffer(Path("/a.py"), "file:///a.py", text, encoding)


def edit(start: tuple[int, int], end: tuple[int, int], text: str) -> TextEdit:
    return TextEdit(Range(Position(*start), Position(*end)), text)


@pytest.mark.parametrize(
    ("encoding", "before", "behind"), [("utf-8", 7, 10), ("utf-16", 4, 5), ("utf-32", 3, 4)]
)
def test_columns(encoding: str, before: int, behind: int) -> None:
    one = buffer("x\n é🐍\u2028\n", encoding)
    place = one.text.index("\u2028")
    assert one.position(place) == Position(1, before)
    assert one.offset(Position(1, behind)) == place + 1


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("a", ["a"]),
        ("a\n", ["a\n", ""]),
        ("a\r\nb\rc\n\nd", ["a\r\n", "b\r", "c\n", "\n", "d"]),
        ("a\fb\u2028c\x0bd\x85\n", ["a\fb\u2028c\x0bd\x85\n", ""]),
    ],
)
def test_lines(text: str, lines: list[str]) -> None:
    assert buffer(text).lines == lines


def test_edits_are_all_against_the_text_as_it_is() -> None:
    edits = [edit((1, 0), (1, 1), "B"), edit((0, 0), (0, 0), "# head\n"), edit((2, 0), (2, 0), "end")]
    assert buffer("a\nb\n").edited(edits) == "# head\na\nB\nend"


@pytest.mark.parametrize(
    "bad",
    [
        edit((0, 0), (9, 0), ""),
        edit((0, 5), (0, 5), ""),
        edit((0, 1), (0, 2), ""),  # within the character
        edit((1, 0), (0, 0), ""),
    ],
)
def test_bad_edits(bad: TextEdit) -> None:
    with pytest.raises(BadEdit):
        buffer("🐍b\nc").edited([edit((0, 0), (0, 0), "fine"), bad])


def test_overlapping_edits() -> None:
    with pytest.raises(BadEdit):
        buffer("abcd").edited([edit((0, 0), (0, 2), ""), edit((0, 1), (0, 3), "")])


@given(before=TEXTS, after=TEXTS, encoding=st.sampled_from(ENCODINGS))
def test_a_change_says_what_changed(before: str, after: str, encoding: str) -> None:
    mine, theirs = buffer(before, encoding), buffer(before, encoding)
    change = mine.become(after)
    assert isinstance(change, TextDocumentContentChangePartial)
    assert theirs.edited([TextEdit(change.range, change.text)]) == after == mine.text
    assert (mine.version, mine.past) == (2, [before])


@given(text=TEXTS, encoding=st.sampled_from(ENCODINGS))
def test_every_place_has_one_position(text: str, encoding: str) -> None:
    one = buffer(text, encoding)
    places = [place for place in range(len(text) + 1) if text[max(place - 1, 0) : place + 1] != "\r\n"]
    assert [one.offset(one.position(place)) for place in places] == places
