"""A document follows every change of the editor, exactly."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from lsprotocol import types

from flowmill.source.text import SourceFile
from flowmill_server.text.document import Document
from flowmill_server.text.positions import Encoding, split_lines

Change = types.TextDocumentContentChangeEvent


def opened(text: str, encoding: Encoding = "utf-16", language: str = "python") -> Document:
    return Document("file:///project/a.py", language, 1, text, encoding=encoding)


def part(start: tuple[int, int], end: tuple[int, int], text: str) -> Change:
    extent = types.Range(types.Position(*start), types.Position(*end))
    return types.TextDocumentContentChangePartial(range=extent, text=text)


def whole(text: str) -> Change:
    return types.TextDocumentContentChangeWholeDocument(text=text)


def changed(text: str, *changes: Change, encoding: Encoding = "utf-16") -> str:
    document = opened(text, encoding)
    document.change(2, changes)
    assert document.lines == split_lines(document.text)
    return document.text


# ------------------------------------------------------------------ changes
def test_changes_of_one_notification_count_from_one_another() -> None:
    text = changed(
        "ab\n", part((0, 1), (0, 1), "X\n"), part((1, 0), (1, 1), "Y"), part((2, 0), (2, 0), "end")
    )
    assert text == "aX\nY\nend"


def test_the_version_is_taken_as_it_comes() -> None:
    document = opened("a\n")
    document.change(9, [part((0, 0), (0, 0), "b")])
    document.change(4, [part((0, 0), (0, 0), "c")])
    assert (document.version, document.text) == (4, "cba\n")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (part((0, 99), (0, 99), "X"), "abX\ncd"),
        (part((99, 3), (99, 4), "X"), "ab\ncdX"),
        (part((0, 1), (99, 99), "X"), "aX"),
        (part((1, 1), (0, 1), "X"), "aXd"),
        (part((0, 99), (1, 0), ""), "abcd"),
    ],
)
def test_a_bad_range_is_clamped(change: Change, text: str) -> None:
    assert changed("ab\ncd", change) == text


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ("a\rb", part((1, 0), (1, 0), "\n"), "a\r\nb"),
        ("a\nb", part((0, 1), (0, 1), "\r"), "a\r\nb"),
        ("a\rx\nb", part((1, 0), (1, 1), ""), "a\r\nb"),
        ("a\r\nb", part((0, 1), (1, 0), "\r"), "a\rb"),
        ("a\r\n\r\nb", part((0, 1), (1, 0), ""), "a\r\nb"),
    ],
)
def test_newlines_that_an_edit_joins_are_one(before: str, change: Change, after: str) -> None:
    assert changed(before, change) == after


def test_the_last_empty_line_can_be_written_on() -> None:
    assert changed("a\n", part((1, 0), (1, 0), "b")) == "a\nb"
    assert changed("", part((0, 0), (0, 0), "b\n")) == "b\n"


def test_a_whole_text_replaces_all() -> None:
    assert changed("a\nb\nc\n", whole("a\nX\nc\n")) == "a\nX\nc\n"
    assert changed("a\n", whole("")) == ""
    assert changed("a\n", whole("a\n"), part((0, 0), (0, 1), "b")) == "b\n"
    assert changed("", whole("")) == ""
    assert changed("a\ra\n", whole("a\n")) == "a\n"


@pytest.mark.parametrize(("encoding", "column"), [("utf-8", 4), ("utf-16", 2), ("utf-32", 1)])
def test_columns_are_the_clients(encoding: Encoding, column: int) -> None:
    assert changed("😀b\n", part((0, column), (0, column + 1), "c"), encoding=encoding) == "😀c\n"


PIECES = ["x", "\n", "\r", "\r\n", "é", "😀", "\f", "\u2028", '"""', "(", "    ", "def f():\n    pass\n", ""]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_any_edits_leave_the_text_that_plain_replacing_leaves(seed: int, encoding: Encoding) -> None:
    dice = random.Random(seed)
    text = "".join(dice.choices(PIECES, k=40))
    document = opened(text, encoding)
    for version in range(60):
        start, end = sorted(dice.randint(0, len(text)) for _ in range(2))
        end = min(end, start + dice.choice([0, 1, 5, 50]))
        places = document.position(start), document.position(end)
        # No position lies between the two halves of "\r\n".
        start, end = (document.offset(place) for place in places)
        piece = "".join(dice.choices(PIECES, k=dice.randint(0, 3)))
        text = text[:start] + piece + text[end:]
        change = types.TextDocumentContentChangePartial(range=types.Range(*places), text=piece)
        document.change(version, [change])
        assert document.lines == split_lines(text)
        assert document.text == text


# ------------------------------------------------------------------ places
def test_offsets_and_positions_are_each_others_inverse() -> None:
    text = "ab\r\n😀é\n\nlast"
    for encoding in ("utf-8", "utf-16", "utf-32"):
        document = opened(text, encoding)
        for offset in [0, 1, 2, 4, 5, 6, 7, 8, 12]:
            assert document.offset(document.position(offset)) == offset


def test_places_beyond_the_text_are_its_ends() -> None:
    document = opened("ab\nc")
    assert document.position(-5) == types.Position(0, 0)
    assert document.position(99) == types.Position(1, 1)
    assert document.offset(types.Position(99, 0)) == 4
    assert document.offset(types.Position(0, 99)) == 2


# ------------------------------------------------------------------ bytes
@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("x = 'é'\n", "utf-8"),
        ("# -*- coding: latin-1 -*-\nx = 'é'\n", "latin-1"),
        ("#!/usr/bin/python\r\n# vim: set fileencoding=cp1252 :\r\nx = '€'\r\n", "cp1252"),
        ("x = 1\n\n# coding: latin-1\ny = 'é'\n", "utf-8"),
        ("# coding: no-such-thing\nx = 'é'\n", "utf-8"),
        ("# coding: rot13\nx = 'é'\n", "utf-8"),
        ("# coding: ascii\nx = 'é'\n", "utf-8"),
    ],
)
def test_the_bytes_are_as_the_text_declares(text: str, encoding: str) -> None:
    assert opened(text).encoded() == text.encode(encoding)


def test_what_python_can_read_comes_back_from_the_bytes() -> None:
    text = "# coding: iso-8859-15\nprice = '€'\n"
    assert SourceFile.from_bytes(Path("/a.py"), opened(text).encoded()).text == text


def test_a_byte_order_mark_stays_and_is_not_doubled() -> None:
    document = opened("x = 1\n")
    document.bom = True
    assert document.encoded() == b"\xef\xbb\xbfx = 1\n"
    document.change(2, [whole("\ufeffx = 1\n")])
    assert document.encoded() == b"\xef\xbb\xbfx = 1\n"


def test_half_a_character_does_not_break_it() -> None:
    assert opened("x = '\ud800'\n").encoded() == b"x = '\xed\xa0\x80'\n"


def test_only_python_has_declarations() -> None:
    text = "# coding: latin-1 é\n"
    assert opened(text, language="markdown").encoded() == text.encode()
    assert not opened(text, language="markdown").is_python
    assert Document("file:///a.PYI", "", 1, "").is_python
    assert not Document("file:///a.txt", "", 1, "").is_python
    assert Document("untitled:Untitled-1", "python", 1, "").is_python
