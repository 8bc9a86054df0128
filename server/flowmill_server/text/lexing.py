"""What each line of Python begins inside of, and what it begins: enough to know the blocks, without a tree.

A tree of a file of 10,000 lines takes a tenth of a second in which nothing else of the
process moves. Reading lines can stop after any of them, and after an edit it only
goes on until it meets a line that begins as it did before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from flowmill.source.layout import leading, width

PLAIN, DEF, CLASS, DECORATOR = range(4)
"""What a statement's first line begins; the mark is `indentation << 2 | kind`."""

BLANK = -1
INSIDE = -2
"""The line goes on with a statement: in brackets, in a string, or after a backslash."""
_COMMENT = -3

# A state is `depth of brackets << 3 | what is open`.
_CODE, _TRIPLE_DOUBLE, _TRIPLE_SINGLE, _DOUBLE, _SINGLE, _BACKSLASH = range(6)

_HEAD = re.compile(r"\ufeff?([ \t\f]*)(?:(\#)|((?:async[ \t]+)?def\b)|(class\b)|(@)|([\r\n]|\Z))?")
_TOKEN = re.compile(r"""[()\[\]{}\#]|\"{3}|'{3}|["']|\\(?=(?:\r\n|\r|\n)\Z)""")
_KINDS = {'"""': _TRIPLE_DOUBLE, "'''": _TRIPLE_SINGLE, '"': _DOUBLE, "'": _SINGLE}
_ENDS = {
    _TRIPLE_DOUBLE: re.compile(r'[^"\\]*(?:(?:\\[\s\S]|"(?!""))[^"\\]*)*"""'),
    _TRIPLE_SINGLE: re.compile(r"[^'\\]*(?:(?:\\[\s\S]|'(?!''))[^'\\]*)*'''"),
    _DOUBLE: re.compile(r'[^"\\\r\n]*(?:\\(?:\r\n|[\s\S])[^"\\\r\n]*)*'),
    _SINGLE: re.compile(r"[^'\\\r\n]*(?:\\(?:\r\n|[\s\S])[^'\\\r\n]*)*"),
}
_QUOTES = {_TRIPLE_DOUBLE: '"""', _TRIPLE_SINGLE: "'''", _DOUBLE: '"', _SINGLE: "'"}


def comment_indent(mark: int) -> int | None:
    """How far a comment line is indented; None for lines that are not one."""
    return _COMMENT - mark if mark <= _COMMENT else None


def in_long_string(state: int) -> bool:
    """Whether a triple-quoted string is open."""
    return state & 7 in (_TRIPLE_DOUBLE, _TRIPLE_SINGLE)


def scan(lines: Iterable[str], state: int) -> tuple[list[int], list[int], int]:
    """Each line's state at its beginning and its mark, and the state after the last."""
    states: list[int] = []
    marks: list[int] = []
    for line in lines:
        mark, after = scan_line(line, state)
        states.append(state)
        marks.append(mark)
        state = after
    return states, marks, state


def scan_line(line: str, state: int) -> tuple[int, int]:
    """One line's mark, and the state at the beginning of the next."""
    head = _HEAD.match(line)
    assert head is not None  # It matches the empty text.
    kind = head.lastindex or 1
    if state and not (state & 7 == _CODE and kind in (3, 4)):
        return INSIDE, _after(line, 0, state)
    # No definition begins in brackets: where one seems to, an earlier bracket was never closed.
    if kind == 6:
        return BLANK, 0
    indent = width(leading(head[1])) if head[1] else 0
    if kind == 2:
        return _COMMENT - indent, 0
    return indent << 2 | (0, 0, 0, DEF, CLASS, DECORATOR)[kind], _after(line, head.end(1), 0)


def _after(line: str, at: int, state: int) -> int:
    """The state at the line's end, for the text from `at` on."""
    depth, kind = state >> 3, state & 7
    if kind == _BACKSLASH:
        kind = _CODE
    while True:
        if kind:
            at, kind = _string(line, at, kind)
            if kind:
                return depth << 3 | kind
        token = _TOKEN.search(line, at)
        if token is None or token[0] == "#":
            return depth << 3
        at = token.end()
        if token[0] in "([{":
            depth += 1
        elif token[0] in ")]}":
            depth = max(0, depth - 1)
        elif token[0] == "\\":
            return depth << 3 | _BACKSLASH if depth == 0 else depth << 3
        else:
            kind = _KINDS[token[0]]


def _string(line: str, at: int, kind: int) -> tuple[int, int]:
    """Where an open string ends, and 0; or the kind that stays open beyond the line."""
    if kind in (_TRIPLE_DOUBLE, _TRIPLE_SINGLE):
        if line.find(_QUOTES[kind], at) < 0:
            return len(line), kind
        match = _ENDS[kind].match(line, at)
        return (match.end(), 0) if match else (len(line), kind)
    match = _ENDS[kind].match(line, at)
    end = match.end() if match else at
    if end < len(line):
        # A quote ends the string; a newline does too, for whoever still types it.
        return end + 1, 0
    return end, kind if line.endswith(("\n", "\r")) else 0
