"""Lines and statements of the texts that a swap is planned from."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache

from flowmill.source.layout import normalise
from flowmill.source.text import parse


def block(lines: list[str], above: int, inner: bool) -> list[ast.stmt] | None:
    """The statements that these lines are, numbered as the `above` lines before them demand; None if they are no whole ones."""
    head = ["if True:"] if inner else []
    try:
        tree = parse("\n".join([*head, *lines, ""]))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    ast.increment_lineno(tree, above - len(head))
    if not inner:
        return tree.body
    outer = tree.body[0]
    whole = len(tree.body) == 1 and isinstance(outer, ast.If) and not outer.orelse
    return outer.body if whole and isinstance(outer, ast.If) else None


def lines_of(text: str) -> list[str]:
    return (normalise(text) if "\r" in text else text).split("\n")


def text_of(lines: list[str]) -> str:
    return "\n".join([*lines, ""])


def first_line(node: ast.stmt, lines: list[str]) -> int:
    """Where a statement begins; the tree has no place for the "@" of a decorator."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    line = decorators[0].lineno if decorators else node.lineno
    while decorators and line > 1 and not lines[line - 1].lstrip().startswith("@"):
        line -= 1
    return line


@dataclass(frozen=True)
class Module:
    """The spans of a text's top-level statements; nothing may come before the first `pinned` of them."""

    tree: ast.Module
    spans: tuple[tuple[int, int], ...]
    pinned: int


@lru_cache(maxsize=2)
def module_of(text: str) -> Module:
    tree = parse(text)
    lines = lines_of(text)
    spans: list[tuple[int, int]] = []
    pinned = 0
    for number, node in enumerate(tree.body):
        docstring = number == 0 and ast.get_docstring(tree, clean=False) is not None
        first, last = first_line(node, lines), node.end_lineno or node.lineno
        if spans and first <= spans[-1][1]:
            spans[-1] = (spans[-1][0], last)
        else:
            spans.append((first, last))
        if docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            pinned = len(spans)
    return Module(tree, tuple(spans), pinned)
