"""Which statements of a tree hold a line, and what they define."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from flowmill.source.flat import flat
from flowmill.source.text import SourceFile


def outermost(tree: ast.Module, line: int) -> ast.stmt:
    """The top-level statement that holds a line."""
    return next(node for node in tree.body if node.lineno <= line <= (node.end_lineno or 0))


def class_of(tree: ast.Module, line: int) -> ast.ClassDef:
    """The innermost class around the definition on a line."""
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    return max(
        (node for node in classes if node.lineno <= line <= (node.end_lineno or 0)),
        key=lambda node: node.lineno,
    )


def definitions_by_name(body: Iterable[ast.stmt]) -> dict[str, list[str]]:
    """For each name that definitions, assignments or imports bind, the trees of those statements."""
    found: dict[str, list[str]] = {}
    for node in body:
        for name in _bound_names(node):
            found.setdefault(name, []).append(flat(node))
    return found


def place_before(file: SourceFile, node: ast.stmt) -> int:
    """The start of the line where a top-level statement begins, with the comments right above it.

    Comments that begin the file stay where they are: they may declare its encoding.
    """
    line = file.first_line(node)
    above = line
    while above > 1 and file.line(above - 1).startswith("#"):
        above -= 1
    return file.line_starts[(above if above > 1 else line) - 1]


def _bound_names(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    inner = ast.walk(node)
    return list(
        dict.fromkeys(
            name.id for name in inner if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
        )
    )
