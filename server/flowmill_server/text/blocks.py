"""The definitions of a file by the indentation of its statements."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from flowmill.source.function import kind_of, last_name
from flowmill.source.text import parse
from flowmill_server.text.lexing import BLANK, CLASS, DECORATOR, DEF, INSIDE, PLAIN, comment_indent

_NAME = re.compile(r"\ufeff?[ \t\f]*(?:(?:async[ \t]+)?def|class)[ \t]+([^\W\d]\w*)")
_TELLING = re.compile(r"property|[gs]etter|deleter|overload")


@dataclass(slots=True)
class Block:
    """A function or a class. Lines are 0-based and inclusive.

    `path` is its dotted name, which ends in `.setter` and the like for accessors;
    `within` is the same without that, as the names of what it encloses begin.
    """

    kind: int
    indent: int
    first: int
    head: int
    last: int
    name: str
    path: str
    within: str
    overload: bool = False
    has_body: bool = False
    """Whether statements stand on lines of their own below the head."""


def functions_in(lines: Sequence[str], marks: Sequence[int]) -> list[Block]:
    """Every function in order of its first line."""
    found: list[Block] = []
    around: list[Block] = []
    decorated = last = -1
    for at, mark in enumerate(marks):
        if mark < 0:
            last = at if mark == INSIDE else last
            continue
        while around and around[-1].indent >= mark >> 2:
            ended = around.pop()
            ended.last = _end(ended, marks, last, at)
        if around:
            around[-1].has_body = True
        kind = mark & 3
        if kind == DECORATOR:
            decorated = at if decorated < 0 else decorated
        elif kind != PLAIN:
            around.append(_begun(lines, marks, at, decorated, around))
            found += around[-1:] if kind == DEF and around[-1].name else []
        decorated = decorated if kind == DECORATOR else -1
        last = at
    for block in around:
        block.last = _end(block, marks, last, len(marks))
    return found


def _begun(
    lines: Sequence[str], marks: Sequence[int], at: int, decorated: int, around: Sequence[Block]
) -> Block:
    match = _NAME.match(lines[at])
    name = match[1] if match else ""
    first = decorated if decorated >= 0 else at
    accessor, overload = "", False
    if decorated >= 0 and marks[at] & 3 == DEF:
        text = "".join(line.lstrip(" \t\f\ufeff") for line in lines[first:at])
        if _TELLING.search(text):
            accessor, overload = _decoration(text)
    in_class = bool(around) and around[-1].kind == CLASS
    within = f"{around[-1].within}.{name}" if around else name
    path = f"{within}.{accessor}" if accessor and in_class else within
    return Block(marks[at] & 3, marks[at] >> 2, first, at, at, name, path, within, overload)


def _end(block: Block, marks: Sequence[int], last: int, after: int) -> int:
    """The last line: that of the last statement, or of a comment below that is indented deeper than the head."""
    if not block.has_body:
        return last
    end = last
    for at in range(last + 1, after):
        if marks[at] == BLANK:
            continue
        indent = comment_indent(marks[at])
        if indent is None or indent <= block.indent:
            break
        end = at
    return end


@lru_cache(maxsize=1024)
def _decoration(text: str) -> tuple[str, bool]:
    """What a method's name ends with because of its decorators (setter ...), and whether it is an overload."""
    try:
        node = parse(f"{text}\ndef f(): pass").body[-1]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "", False
    if not isinstance(node, ast.FunctionDef):
        return "", False
    overload = any(last_name(decorator) == "overload" for decorator in node.decorator_list)
    return kind_of(node).partition(".")[2], overload
