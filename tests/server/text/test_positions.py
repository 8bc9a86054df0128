"""Columns in the three encodings, and what ends a line."""

from __future__ import annotations

import pytest

from flowmill_server.text.positions import Encoding, column_of, index_of, split_lines, width

WIDE = "a😀é\u2028b\n"  # 1, 4, 2, 3, 1 bytes; 1, 2, 1, 1, 1 units


@pytest.mark.parametrize(
    ("encoding", "columns"),
    [
        ("utf-8", [0, 1, 5, 7, 10, 11]),
        ("utf-16", [0, 1, 3, 4, 5, 6]),
        ("utf-32", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_columns_of_wide_text_are_the_clients(encoding: Encoding, columns: list[int]) -> None:
    assert [column_of(WIDE, index, encoding) for index in range(6)] == columns
    assert [index_of(WIDE, column, encoding) for column in columns] == list(range(6))


@pytest.mark.parametrize(("encoding", "column"), [("utf-8", 2), ("utf-8", 4), ("utf-16", 2)])
def test_a_column_inside_a_character_is_its_beginning(encoding: Encoding, column: int) -> None:
    assert index_of(WIDE, column, encoding) == 1


@pytest.mark.parametrize("newline", ["", "\n", "\r", "\r\n"])
@pytest.mark.parametrize("text", ["abc", "a😀", ""])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_a_column_beyond_the_end_is_before_the_newline(text: str, newline: str, encoding: Encoding) -> None:
    assert index_of(text + newline, 1_000_000, encoding) == len(text)
    assert width(text + newline) == len(text)


def test_a_column_below_zero_is_the_beginning() -> None:
    assert index_of("abc\n", -1, "utf-16") == 0
    assert index_of("é\n", -1, "utf-8") == 0


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("a", ["a"]),
        ("a\n", ["a\n", ""]),
        ("a\r\nb\rc\n\n", ["a\r\n", "b\r", "c\n", "\n", ""]),
        ("a\n\rb", ["a\n", "\r", "b"]),
        ("a\fb\vc\x1cd\x85e\u2028f\u2029g", ["a\fb\vc\x1cd\x85e\u2028f\u2029g"]),
    ],
)
def test_only_three_things_end_a_line(text: str, lines: list[str]) -> None:
    assert split_lines(text) == lines
