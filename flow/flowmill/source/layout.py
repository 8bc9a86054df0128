"""Indentation as the tokenizer sees it: moving code sideways without touching what strings hold."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from flowmill.source.text import NEWLINE

_OPENS = frozenset({getattr(tokenize, "FSTRING_START", -1), getattr(tokenize, "TSTRING_START", -1)})
_CLOSES = frozenset({getattr(tokenize, "FSTRING_END", -1), getattr(tokenize, "TSTRING_END", -1)})
_LEADING = re.compile(r"[ \t\f]*")


class SpliceError(ValueError):
    """A draft that cannot stand in place of the function's body; the message says why in one line."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace `text[start:end]`."""

    start: int
    end: int
    text: str


def apply_edits(text: str, edits: list[Edit]) -> str:
    """The text after all edits, whose places are those before any of them; ties keep their order."""
    pieces: list[str] = []
    done = 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        pieces += [text[done : edit.start], edit.text]
        done = edit.end
    return "".join([*pieces, text[done:]])


def normalise(text: str) -> str:
    """The text with "\\n" for every newline."""
    return NEWLINE.sub("\n", text)


def leading(line: str) -> str:
    """A line's indentation; a form feed starts it anew, as in Python."""
    match = _LEADING.match(line)
    return match.group().rpartition("\f")[2] if match else ""


def width(indentation: str) -> int:
    """The column that an indentation reaches, tabs counted to the next multiple of eight."""
    return len(indentation.expandtabs(8))


def tokens(text: str) -> Iterator[tokenize.TokenInfo]:
    """The tokens of a text that has "\\n" newlines. Raises `SpliceError` where they end wrongly."""
    try:
        yield from tokenize.generate_tokens(io.StringIO(text, newline="\n").readline)
    except (tokenize.TokenError, SyntaxError) as error:
        raise SpliceError(f"the draft is not complete Python: {error.args[0]}") from None


def string_rows(text: str) -> frozenset[int]:
    """The 0-based lines that begin inside a string, so that their indentation is data."""
    rows: set[int] = set()
    opened: list[int] = []
    for token in tokens(text):
        if token.type in _OPENS:
            opened.append(token.start[0])
        elif token.type in _CLOSES:
            rows.update(range(opened.pop(), token.end[0]))
        elif token.type == tokenize.STRING:
            rows.update(range(token.start[0], token.end[0]))
    return frozenset(rows)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of code without its newline. The indentation of one that is `raw` is data."""

    text: str
    raw: bool


def outdented(block: str, indentation: str) -> list[Line]:
    """The lines of an indented block, moved to column 0; blank ones and those further left are stripped."""
    rows = string_rows(block)
    return [
        Line(line, True) if row in rows else Line(_without(line, indentation), False)
        for row, line in enumerate(block.split("\n"))
    ]


def _without(line: str, indentation: str) -> str:
    code = line.lstrip(" \t\f")
    if not code:
        return ""
    own = leading(line)
    return (own[len(indentation) :] if own.startswith(indentation) else "") + code


def code_lines(body: str) -> list[Line]:
    """The lines of code that stands at column 0."""
    return outdented(body, "")


def indented(lines: list[Line], indentation: str) -> list[str]:
    """The lines moved right; blank ones stay empty."""
    return [line.text if line.raw or not line.text else indentation + line.text for line in lines]


def retabbed(body: str, unit: str) -> str:
    """The body with its blocks indented by tabs if `unit` is one, by `unit` if it has tabs and `unit` none."""
    rows = string_rows(body)
    lines = body.split("\n")
    foreign = " " if "\t" in unit else "\t"
    if not any(leading(line).startswith(foreign) for row, line in enumerate(lines) if row not in rows):
        return body
    stacks = _block_stacks(body)
    for row, line in enumerate(lines):
        if row in rows or not line.strip(" \t\f"):
            continue
        own = leading(line)
        # A comment may stand further left than the block that it closes.
        depth = max(at for at, base in enumerate(stacks[row]) if own.startswith(base))
        lines[row] = unit * depth + own[len(stacks[row][depth]) :] + line.lstrip(" \t\f")
    return "\n".join(lines)


def _block_stacks(body: str) -> dict[int, tuple[str, ...]]:
    """For every line the indentations of the blocks around its statement, from column 0 inwards."""
    stack = [""]
    starts: list[tuple[int, tuple[str, ...]]] = [(0, ("",))]
    for token in tokens(body):
        if token.type == tokenize.INDENT:
            stack.append(leading(token.string))
        elif token.type == tokenize.DEDENT:
            stack.pop()
        else:
            continue
        starts.append((token.start[0] - 1, tuple(stack)))
    starts.append((body.count("\n") + 1, ("",)))
    return {row: here for (first, here), (after, _) in pairwise(starts) for row in range(first, after)}
