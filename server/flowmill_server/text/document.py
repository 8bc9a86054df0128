"""One document as the editor has it, saved or not."""

from __future__ import annotations

import codecs
import re
import tokenize
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from lsprotocol import types

from flowmill_server.text.outline import Outline
from flowmill_server.text.positions import Encoding, column_of, index_of, split_lines
from flowmill_server.text.uris import path_of

_COOKIE = re.compile(r"[ \t\f]*#.*?coding[:=][ \t]*[-\w.]+")
_SUFFIXES = frozenset({".py", ".pyw", ".pyi"})


class Document:
    """An open document: its lines, its version, its functions. Changes are made in place.

    `path` is absolute for `file:` addresses, else None. `lines` keep their newlines; the
    last one has none and may be empty.
    """

    def __init__(
        self, uri: str, language: str, version: int, text: str, *, encoding: Encoding = "utf-16"
    ) -> None:
        self.uri = uri
        self.path: Path | None = path_of(uri)
        self.language = language
        self.version = version
        self.encoding: Encoding = encoding
        """What the client's columns count."""
        self.lines = split_lines(text)
        self.outline = Outline(self.lines, python=self.is_python)
        self.bom = False
        """Whether the file begins with a byte order mark, which editors keep but do not send."""
        self.real_path = self.path
        """The path without symbolic links; the same as `path` until the disk was asked."""
        self._text: str | None = text
        self._starts: list[int] | None = None

    @property
    def is_python(self) -> bool:
        """By the editor's language, or by the name where that says nothing of Python."""
        if self.language:
            return self.language.lower() == "python"
        return self.path is not None and self.path.suffix.lower() in _SUFFIXES

    @property
    def text(self) -> str:
        """The whole text."""
        if self._text is None:
            self._text = "".join(self.lines)
        return self._text

    # -------------------------------------------------------------- places
    def offset(self, position: types.Position) -> int:
        """The character of the text at a client's position, clamped to what there is."""
        line, index = self._place(position)
        return self._line_starts[line] + index

    def position(self, offset: int) -> types.Position:
        """The client's position of a character of the text, clamped to what there is."""
        starts = self._line_starts
        offset = max(0, min(offset, starts[-1] + len(self.lines[-1])))
        low, high = 0, len(starts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if starts[middle] <= offset else (low, middle)
        return types.Position(low, column_of(self.lines[low], offset - starts[low], self.encoding))

    @property
    def _line_starts(self) -> list[int]:
        if self._starts is None:
            self._starts = list(accumulate(map(len, self.lines[:-1]), initial=0))
        return self._starts

    def _place(self, position: types.Position) -> tuple[int, int]:
        """A client's position as line and character."""
        if position.line < 0:
            return 0, 0
        if position.line >= len(self.lines):
            return len(self.lines) - 1, len(self.lines[-1])
        return position.line, index_of(self.lines[position.line], position.character, self.encoding)

    # -------------------------------------------------------------- changes
    def change(self, version: int, changes: Sequence[types.TextDocumentContentChangeEvent]) -> None:
        """Apply a notification's changes one after the other; each counts from the text that the last one left."""
        for change in changes:
            if isinstance(change, types.TextDocumentContentChangePartial):
                self._replace(change.range, change.text)
            else:
                self._replace_all(change.text)
        self.version = version

    def _replace(self, extent: types.Range, text: str) -> None:
        start, end = sorted((self._place(extent.start), self._place(extent.end)))
        first, after = start[0], end[0] + 1
        text = self.lines[first][: start[1]] + text + self.lines[end[0]][end[1] :]
        # Where "\r" and "\n" meet they become one newline.
        if text.startswith("\n") and first and self.lines[first - 1].endswith("\r"):
            first -= 1
            text = self.lines[first] + text
        if text.endswith("\r") and after < len(self.lines) and self.lines[after].startswith("\n"):
            text += self.lines[after]
            after += 1
        lines = split_lines(text)
        if not lines[-1] and after < len(self.lines):
            lines.pop()
        self._splice(first, after, lines)

    def _replace_all(self, text: str) -> None:
        """Take a whole new text as the change that it is: most clients that send all have changed one line."""
        old, new = self.lines, split_lines(text)
        if old == new:
            return
        shorter = min(len(old), len(new))
        head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
        rest = shorter - head
        tail = next((at for at in range(rest) if old[-1 - at] != new[-1 - at]), rest)
        self._splice(head, len(old) - tail, new[head : len(new) - tail])
        self._text = text

    def _splice(self, first: int, after: int, lines: list[str]) -> None:
        self.lines[first:after] = lines
        self._text = self._starts = None
        self.outline.spliced(first, after - first, len(lines))

    # -------------------------------------------------------------- bytes
    def encoded(self) -> bytes:
        """The bytes that the editor would save: with the file's byte order mark, as its first lines declare.

        What the declared encoding cannot hold is saved as UTF-8, so that nothing of the text is lost.
        """
        text = self.text.removeprefix("\ufeff")
        marked = self.bom or len(text) < len(self.text)
        encoding = self._declared() if self.is_python and not marked else "utf-8"
        try:
            data = text.encode(encoding)
        except (UnicodeError, LookupError, ValueError):
            data = text.encode("utf-8", "surrogatepass")
        return codecs.BOM_UTF8 + data if marked else data

    def _declared(self) -> str:
        """The encoding that a comment in the first two lines declares, if Python knows it."""
        head = self.lines[:2]
        if not any(_COOKIE.match(line) for line in head):
            return "utf-8"
        lines = iter([line.encode("utf-8", "replace") for line in head])
        try:
            return tokenize.detect_encoding(lambda: next(lines, b""))[0]
        except (SyntaxError, ValueError):
            return "utf-8"
