"""Buffers as an editor keeps them: text, version, undo, and positions in the encoding agreed upon.

Made without a look at the server's own, and stricter: an edit that no editor should be sent is an error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lsprotocol import types

LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
UNIT_BYTES = {"utf-16": 2, "utf-32": 4}


class BadEdit(AssertionError):
    """The server sent an edit that lies outside of the text, splits a character, or overlaps another."""


@dataclass
class Buffer:
    """One document. `text` has the newlines of the file; `opened` says that the server was told of it."""

    path: Path
    uri: str
    text: str
    encoding: str
    language: str = "python"
    version: int = 1
    opened: bool = False
    past: list[str] = field(default_factory=list[str])
    """One text for each step that can be undone."""
    coding: str = "utf-8"

    @property
    def lines(self) -> list[str]:
        """With their newlines; the last one may be empty."""
        found = LINE.findall(self.text)
        return [*found, ""] if not found or found[-1][-1] in "\r\n" else found

    def line_of(self, piece: str) -> int:
        """The number of the line, from 0, in which the piece first begins."""
        assert piece in self.text, f"{piece!r} is not in {self.path.name}"
        return self.position(self.text.index(piece)).line

    def position(self, offset: int) -> types.Position:
        """Of a place in `text`."""
        start = 0
        lines = self.lines
        for number, line in enumerate(lines):
            last = number == len(lines) - 1
            if offset < start + len(line) or last:
                return types.Position(number, _units(line[: offset - start], self.encoding))
            start += len(line)
        raise AssertionError("unreachable")

    def offset(self, position: types.Position) -> int:
        """The place in `text`. Raises `BadEdit` where there is none."""
        lines = self.lines
        if position.line == len(lines) and position.character == 0:
            return len(self.text)  # how servers name the end of a text
        if not 0 <= position.line < len(lines):
            raise BadEdit(f"{position} is below the {len(lines)} lines of {self.path.name}")
        line = lines[position.line].rstrip("\r\n")
        for column in range(len(line) + 1):
            if _units(line[:column], self.encoding) == position.character:
                return sum(map(len, lines[: position.line])) + column
        raise BadEdit(f"{position} is in the middle of a character or behind the line {line!r}")

    def range(self, start: int, end: int) -> types.Range:
        return types.Range(self.position(start), self.position(end))

    def edited(self, edits: Sequence[types.TextEdit]) -> str:
        """The text with these edits, all of which are against the text as it is."""
        spans = [(self.offset(e.range.start), self.offset(e.range.end), e.new_text) for e in edits]
        text, end_before = "", 0
        for start, end, new in sorted(spans, key=lambda span: span[:2]):
            if start < end_before or end < start:
                raise BadEdit(f"edits overlap or run backwards: {edits}")
            text += self.text[end_before:start] + new
            end_before = end
        return text + self.text[end_before:]

    def become(self, text: str) -> types.TextDocumentContentChangePartial:
        """Take the text as one step; the change to send, which is as small as its common ends allow."""
        before = self.text
        head = _common(before, text)
        tail = _common(before[head:][::-1], text[head:][::-1])
        # Neither end may lie within a line ending, which is one place to a server.
        while tail and before[len(before) - tail - 1 : len(before) - tail + 1] == "\r\n":
            tail -= 1
        while tail and text[len(text) - tail - 1 : len(text) - tail + 1] == "\r\n":
            tail -= 1
        while head and "\r\n" in (before[head - 1 : head + 1], text[head - 1 : head + 1]):
            head -= 1
        change = types.TextDocumentContentChangePartial(
            range=self.range(head, len(before) - tail), text=text[head : len(text) - tail]
        )
        self.past.append(before)
        self.text, self.version = text, self.version + 1
        return change


def _units(text: str, encoding: str) -> int:
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode(f"{encoding}-le", "surrogatepass")) // UNIT_BYTES[encoding]


def _common(first: str, second: str) -> int:
    """How many characters both begin with."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count
