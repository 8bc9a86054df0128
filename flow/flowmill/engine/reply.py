"""From a model's reply to the Python code in it: fences, prose, indentation, cut ends."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from flowmill.source import text as source_text

FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([\w+-]*)[^\n]*\n", re.M)
CODE_START = re.compile(r"^[ \t]*(def |async def |class |import |from \w[\w.]* import |@)", re.M)
PYTHON_TAGS = frozenset({"", "python", "py", "python3", "py3"})
LOOKED_AT, REPEATS = 1200, 8
"""How much of a reply's end is looked at, and how often it has to say the same to be stuck."""


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of code in a reply; `closed` is False if the reply ended inside it."""

    code: str
    closed: bool


def fenced_blocks(reply: str) -> tuple[Block, ...]:
    """All Python blocks between code fences; the last one may be unclosed."""
    blocks: list[Block] = []
    at = 0
    while opening := FENCE.search(reply, at):
        closing = re.compile(rf"^[ \t]*{re.escape(opening[1])}[ \t]*$", re.M).search(reply, opening.end())
        end = closing.start() if closing else len(reply)
        if opening[2].lower() in PYTHON_TAGS:
            blocks.append(Block(reply[opening.end() : end], closing is not None))
        at = closing.end() if closing else len(reply)
    return tuple(blocks)


def code_blocks(reply: str) -> tuple[Block, ...]:
    """The reply's code: its fenced blocks, else what looks like code in unfenced text."""
    blocks = fenced_blocks(reply)
    if blocks:
        return blocks
    start = CODE_START.search(reply)
    return (Block(reply[start.start() :], closed=True),) if start else ()


def first_block_closed(reply: str) -> bool:
    """True as soon as the first fenced block of a streaming reply is complete."""
    blocks = fenced_blocks(reply)
    return bool(blocks) and blocks[0].closed


def parse_leniently(code: str, *, may_trim: bool) -> tuple[str, ast.Module] | None:
    """The code and its tree, after dedenting and, if allowed, cutting lines off the end until it parses."""
    for text in _variants(code):
        tree = parse(text)
        if tree is not None:
            return text, tree
    if not may_trim:
        return None
    lines = _variants(code)[-1].split("\n")
    for end in range(len(lines) - 1, 0, -1):
        text = "\n".join(lines[:end]) + "\n"
        tree = parse(text)
        if tree is not None and tree.body:
            return text, tree
    return None


def _variants(code: str) -> tuple[str, ...]:
    code = code.replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ")
    code = code.strip("\n").rstrip() + "\n"
    return tuple(dict.fromkeys((code, textwrap.dedent(code), textwrap.dedent(code.expandtabs(4)))))


def parse(text: str) -> ast.Module | None:
    try:
        return source_text.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def body_ends(answer: str, indent: str) -> int | None:
    """Where an answer that began inside a body of that indentation has left it, None if it has not."""
    left = re.search(rf"\n(?!{re.escape(indent)})[ \t]*(?=[^\s])", answer)
    return left.start() if left is not None else None


def repeats_endlessly(reply: str) -> bool:
    """True if the reply's end says the same few lines over and over."""
    tail = reply[-LOOKED_AT:]
    for size in _sizes(tail):
        unit = tail[-size:]
        if unit.strip() and tail.endswith(unit * REPEATS):
            return True
    return False


def _sizes(tail: str) -> Iterator[int]:
    """Lengths of the endings that begin right after a line break, up to the longest that can repeat so often."""
    at = len(tail)
    while (at := tail.rfind("\n", 0, at)) >= 0:
        size = len(tail) - at - 1
        if size * REPEATS > len(tail):
            return
        if size:
            yield size
