"""Names that are there and that nothing uses yet: they may wait for the body that is still to be written."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from flowmill.source.function import Function
from flowmill.source.text import SourceFile

MOST = 10
"""More of them say nothing."""
LONG = 200
"""No text of more characters is taken for an annotation."""
_ERRORS = ("Error", "Exception", "Warning")


def waiting(file: SourceFile, function: Function) -> tuple[str, ...]:
    """Imports, private definitions and exceptions of the module, and private members of the class, all unused.

    What the function's own body uses counts as used. Public imports of an `__init__.py` are for others.
    """
    names = {name: node for node, name in _of_module(file)}
    members = {name: node for node, name in _of_class(file, function)}
    there = {name: node for name, node in {**names, **members}.items() if name != function.name}
    used = _used(file.tree, there, members)
    found = tuple(name for name in there if name not in used)
    return found if len(found) <= MOST else ()


def _of_module(file: SourceFile) -> Iterator[tuple[ast.AST, str]]:
    for node in _statements(file.tree.body):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from _imported(file, node)
        else:
            yield from (
                (node, name) for name in _defined(node) if _is_private(name) or name.endswith(_ERRORS)
            )


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Those of the module, and of what it tries: an import that may fail has another one beside it."""
    for node in body:
        if isinstance(node, ast.Try):
            yield from _statements([*node.body, *(one for handler in node.handlers for one in handler.body)])
        else:
            yield node


def _of_class(file: SourceFile, function: Function) -> Iterator[tuple[ast.AST, str]]:
    for owner in ast.walk(file.tree):
        if isinstance(owner, ast.ClassDef) and function.classes[-1:] == (owner.name,):
            members = [(node, name) for node in owner.body for name in _defined(node)]
            yield from ((node, name) for node, name in members if _is_private(name))


def _imported(file: SourceFile, node: ast.Import | ast.ImportFrom) -> Iterator[tuple[ast.AST, str]]:
    """What an import binds for this module's own use."""
    if isinstance(node, ast.ImportFrom) and node.module == "__future__":
        return
    if "noqa" in file.line(node.end_lineno or node.lineno):
        return
    for alias in node.names:
        name = alias.asname or alias.name.partition(".")[0]
        for_others = file.path.name == "__init__.py" and not _is_private(name)
        if alias.name != "*" and alias.asname != alias.name and not for_others:
            yield node, name


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return [target.id for target in targets if isinstance(target, ast.Name)]
    return []


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _used(tree: ast.Module, there: Mapping[str, ast.AST], members: Collection[str]) -> set[str]:
    """Which of them the module reads outside of their own definition, by name or as an attribute."""
    used: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in members:
            name, line = node.attr, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in members:
            name, line = node.id, node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            used.update(_quoted(node.value))
            continue
        else:
            continue
        if name in there and not _within(there[name], line):
            used.add(name)
    return used


def _quoted(text: str) -> list[str]:
    """The classes and the like that a text names which may be an annotation or an entry of `__all__`."""
    return re.findall(r"\b[A-Z]\w*", text) if len(text) <= LONG else []


def _within(node: ast.AST, line: int) -> bool:
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return False
    return node.lineno <= line <= (node.end_lineno or 0)
