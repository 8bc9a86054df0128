"""A Python file as bytes and as text, so that one can be turned into the other without loss."""

from __future__ import annotations

import ast
import re
import threading
import tokenize
import warnings
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from flowmill.errors import TargetError

NEWLINE = re.compile(r"\r\n|\r|\n")
"""What ends a line for Python's tokenizer; `str.splitlines` also splits at form feeds and U+2028."""

_FIRST_TWO_LINES = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_REST_OF_LINE = re.compile(r"[ \t\f;]*(?:\\(?:\r\n|\r|\n)[ \t\f;]*)*(?:#[^\r\n]*)?")
_FIRST_INDENT = re.compile(r":[ \t\f]*(?:#[^\r\n]*)?(?:\r\n|\r|\n)+([ \t]+)[^\s#]")
_SUFFIXES = frozenset({"", ".py", ".pyw", ".pyi"})

_PARSING = threading.Lock()


@dataclass(frozen=True)
class SourceFile:
    """A file's bytes, the encoding that Python reads them with, and the text with its own newlines.

    A byte order mark is no part of `text` but comes back from `encode`.
    """

    path: Path
    data: bytes = field(repr=False)
    encoding: str
    text: str = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> SourceFile:
        """The file at `path`. Raises `TargetError` if it cannot be read as Python source."""
        if path.suffix.lower() not in _SUFFIXES:
            raise TargetError(f"{path} is not a Python file: its name should end in .py")
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise TargetError(f"{path}: no such file") from None
        except IsADirectoryError:
            raise TargetError(f"{path} is a folder: name a Python file in it") from None
        except OSError as error:
            raise TargetError(f"{path} cannot be read: {error.strerror or error}") from error
        return cls.from_bytes(path, data)

    @classmethod
    def from_bytes(cls, path: Path, data: bytes) -> SourceFile:
        """The same for contents that are at hand, such as an open buffer's."""
        encoding = _declared_encoding(path, data)
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            line = len(re.findall(rb"\r\n|\r|\n", data[: error.start])) + 1
            raise TargetError(
                f"{path}:{line}: cannot be decoded as {encoding}: save it so, or declare its encoding on line 1"
            ) from None
        except (UnicodeError, LookupError) as error:
            raise TargetError(f"{path}: {error}: save it as UTF-8") from None
        if "\0" in text:
            raise TargetError(f"{path} is not Python source: it holds null characters")
        if not _gives_back(text, encoding, data):
            raise TargetError(
                f"{path}: its {encoding} text cannot be written back unchanged: save it as UTF-8"
            )
        return cls(path, data, encoding, text)

    def encode(self, text: str) -> bytes:
        """`text` as this file's bytes would hold it. Raises `UnicodeEncodeError` if they cannot."""
        return text.encode(self.encoding)

    @cached_property
    def line_starts(self) -> tuple[int, ...]:
        """The offset of each line's first character."""
        return (0, *(match.end() for match in NEWLINE.finditer(self.text)))

    @cached_property
    def newline(self) -> str:
        """The newline that most lines end with."""
        counts = Counter(NEWLINE.findall(self.text))
        return max(("\n", "\r\n", "\r"), key=lambda newline: counts[newline])

    @cached_property
    def indent_unit(self) -> str:
        """What one block is indented by, judged by the first block."""
        match = _FIRST_INDENT.search(self.text)
        if match is None:
            return "    "
        first = match.group(1)
        return "\t" if first.startswith("\t") else first[:4]

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree. Raises `TargetError` at the place of a syntax error."""
        try:
            return parse(self.text)
        except SyntaxError as error:
            raise TargetError(
                f"{self.path}:{error.lineno or 1}: syntax error: {error.msg}: mend it first"
            ) from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise TargetError(f"{self.path} cannot be parsed: {error or type(error).__name__}") from None

    def offset(self, line: int, column: int) -> int:
        """The place of a syntax tree's position, whose columns count UTF-8 bytes."""
        start = self.line_starts[line - 1]
        chunk = self.text[start : start + column]
        if chunk.isascii():
            return start + column
        # Each character takes one byte at least, so `chunk` is long enough.
        return start + len(chunk.encode()[:column].decode())

    def line_at(self, offset: int) -> int:
        """The 1-based line that holds the character at `offset`."""
        low, high = 0, len(self.line_starts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.line_starts[middle] <= offset else (low, middle)
        return low + 1

    def line(self, number: int) -> str:
        """A line without its newline."""
        start = self.line_starts[number - 1]
        match = NEWLINE.search(self.text, start)
        return self.text[start : match.start() if match else len(self.text)]

    def span(self, node: ast.stmt | ast.expr) -> tuple[int, int]:
        """Where a node's text begins and ends; decorators are no part of it."""
        end_line = node.end_lineno or node.lineno
        end_column = node.end_col_offset or 0
        return self.offset(node.lineno, node.col_offset), self.offset(end_line, end_column)

    def segment(self, node: ast.stmt | ast.expr) -> str:
        """A node's text, without decorators."""
        start, end = self.span(node)
        return self.text[start:end]

    def first_line(self, node: ast.stmt) -> int:
        """The line on which a statement begins, decorators included."""
        decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        if not decorators:
            return node.lineno
        # The tree has no place for "@", which stands on an earlier line in `@(\n  name)`.
        line = decorators[0].lineno
        while line > 1 and not self.line(line).lstrip(" \t\f").startswith("@"):
            line -= 1
        return line


@contextmanager
def _parsing() -> Generator[None]:
    """One at a time, without warnings.

    Two threads that make syntax trees at once may get a SystemError (CPython issue 106905), and what is
    ignored is ignored by all threads.
    """
    with _PARSING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def parse(text: str | bytes) -> ast.Module:
    """`ast.parse`, silent about odd escapes in code that is not ours to mend; from any thread."""
    with _parsing():
        return ast.parse(text)


def compile_quietly(tree: ast.Module) -> None:
    """See whether Python takes it, silent about what is merely odd (`x is 1`). Raises what `compile` does."""
    with _parsing():
        compile(tree, "draft", "exec", dont_inherit=True)


def end_of_line(text: str, offset: int) -> int:
    """Where the line ends that holds nothing but semicolons, continuations and a comment after `offset`.

    If a statement follows on that line, the result is where that statement begins.
    """
    match = _REST_OF_LINE.match(text, offset)
    assert match is not None  # It matches the empty text.
    return match.end()


def at_line_end(text: str, offset: int) -> bool:
    """Whether a line ends at `offset`."""
    return offset >= len(text) or text[offset] in "\r\n"


def _declared_encoding(path: Path, data: bytes) -> str:
    lines = (match.group() for match in _FIRST_TWO_LINES.finditer(data))
    try:
        encoding, _ = tokenize.detect_encoding(lambda: next(lines, b""))
    except SyntaxError as error:
        raise TargetError(
            f"{path}: {error.msg}: declare its encoding on line 1, or save it as UTF-8"
        ) from None
    return encoding


def _gives_back(text: str, encoding: str, data: bytes) -> bool:
    try:
        return text.encode(encoding) == data
    except UnicodeError:
        return False
