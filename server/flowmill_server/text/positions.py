"""Lines and columns as the protocol counts them, and as Python does."""

from __future__ import annotations

from typing import Literal

from flowmill.source.text import NEWLINE

Encoding = Literal["utf-8", "utf-16", "utf-32"]
"""What a client's columns count: bytes, 16-bit units or code points."""


def split_lines(text: str) -> list[str]:
    """The lines with their newlines; the last one has none and may be empty.

    Only `\\r\\n`, `\\n` and `\\r` end a line, as the protocol and Python's tokenizer have it.
    """
    if "\r" not in text:
        *ended, last = text.split("\n")
        return [*(line + "\n" for line in ended), last]
    lines: list[str] = []
    done = 0
    for match in NEWLINE.finditer(text):
        lines.append(text[done : match.end()])
        done = match.end()
    return [*lines, text[done:]]


def width(line: str) -> int:
    """How many characters a line has before its newline."""
    if not line.endswith(("\n", "\r")):
        return len(line)
    return len(line) - (2 if line.endswith("\r\n") else 1)


def index_of(line: str, column: int, encoding: Encoding) -> int:
    """The character that a client's column points at.

    A column beyond the end is the place before the newline; one in the middle of a
    character is where that character begins.
    """
    end = width(line)
    if encoding == "utf-32" or line.isascii():
        return max(0, min(column, end))
    units = 0
    for index in range(end):
        units += _units_of(line[index], encoding)
        if units > column:
            return index
    return end


def column_of(line: str, index: int, encoding: Encoding) -> int:
    """The client's column of a line's character."""
    if encoding == "utf-32" or line.isascii():
        return index
    return sum(_units_of(char, encoding) for char in line[:index])


def _units_of(char: str, encoding: Encoding) -> int:
    code = ord(char)
    if encoding == "utf-16":
        return 2 if code > 0xFFFF else 1
    if encoding == "utf-32":
        return 1
    return 1 + (code > 0x7F) + (code > 0x7FF) + (code > 0xFFFF)
