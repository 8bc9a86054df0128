"""Adding imports to a module's head: once each, and never over a name that means something else."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flowmill.source.function import docstring_of
from flowmill.source.layout import Edit, SpliceError, apply_edits
from flowmill.source.text import NEWLINE, SourceFile, end_of_line, parse

Alias = tuple[str, str, str | None]
"""What one imported name says: the module (dots of a relative one included), the name, its alias."""


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """The edits that add imports, the statements they add, and what was left out with the reason."""

    edits: tuple[Edit, ...]
    added: tuple[str, ...]
    skipped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Merged:
    """A module's text with imports added; `skipped` says in words which were not, and why."""

    text: str
    added: tuple[str, ...]
    skipped: tuple[str, ...]


def merge_imports(text: str, statements: Iterable[str], newline: str) -> Merged:
    """The module `text` with each import that it lacks in its head, `from __future__` first.

    Raises `SpliceError` if a statement is no import, `TargetError` if the text does not parse.
    """
    file = SourceFile(Path("module.py"), text.encode(), "utf-8", text)
    plan = plan_imports(file, statements, newline)
    return Merged(apply_edits(text, list(plan.edits)), plan.added, plan.skipped)


def plan_imports(file: SourceFile, statements: Iterable[str], newline: str) -> ImportPlan:
    """The same as edits to a file."""
    statements = tuple(statements)
    if not statements:
        return ImportPlan((), (), ())
    bound = _bindings(file.tree)
    future: list[str] = []
    others: list[str] = []
    skipped: list[str] = []
    for node in _import_nodes(statements):
        kept = [alias for alias in node.names if _is_wanted(node, alias, bound, skipped)]
        if kept:
            (future if _is_future(node) else others).append(_rendered(node, kept))
    edits = _Head(file, newline).edits(future, others)
    return ImportPlan(tuple(edits), (*future, *others), tuple(skipped))


def module_names(tree: ast.Module) -> set[str]:
    """The names that a module binds at its top level when it runs, conditional ones included."""
    return {name for name in _bindings(tree) if name.isidentifier()}


def _is_wanted(
    node: ast.Import | ast.ImportFrom, alias: ast.alias, bound: dict[str, set[Alias]], skipped: list[str]
) -> bool:
    rendered = _rendered(node, [alias])
    if alias.name == "*":
        skipped.append(f"{rendered}: it would bind names that nobody can foresee")
        return False
    name, means = _bound_name(node, alias), _meaning(node, alias)
    known = bound.get(name)
    if known is None:
        bound[name] = {means}
        return True
    if means in known:
        return False
    if _binds_package(node, alias) and any(other[1] == "" and other[2] is None for other in known):
        # `import a.b` beside `import a`: one name, one meaning, one more submodule loaded.
        known.add(means)
        return alias.name != name
    skipped.append(f"{rendered}: the module uses the name {name} for something else")
    return False


def _binds_package(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> bool:
    return isinstance(node, ast.Import) and alias.asname is None


def _import_nodes(statements: Iterable[str]) -> Iterator[ast.Import | ast.ImportFrom]:
    for statement in statements:
        try:
            parsed = parse(statement.strip()).body
        except (SyntaxError, ValueError):
            raise SpliceError(f"the draft's import {statement.strip()!r} is not Python") from None
        for node in parsed:
            if not isinstance(node, (ast.Import, ast.ImportFrom)):
                raise SpliceError(f"the draft declares {ast.unparse(node)!r} as an import, which it is not")
            yield node


def _rendered(node: ast.Import | ast.ImportFrom, aliases: list[ast.alias]) -> str:
    if isinstance(node, ast.Import):
        return ast.unparse(ast.Import(aliases))
    return ast.unparse(ast.ImportFrom(node.module, aliases, node.level))


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _bound_name(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> str:
    if _is_future(node):
        # What counts is the compiler's flag, whatever else the module may call by that name.
        return f"__future__.{alias.name}"
    if alias.asname:
        return alias.asname
    return alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name


def _meaning(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> Alias:
    if isinstance(node, ast.Import):
        return (alias.name, "", alias.asname)
    asname = None if alias.asname == alias.name else alias.asname
    return ("." * node.level + (node.module or ""), alias.name, asname)


def _bindings(tree: ast.Module) -> dict[str, set[Alias]]:
    """Each name bound at the top level, with the imports that may bind it; an empty set: not by an import."""
    bound: dict[str, set[Alias]] = {}
    for node in _top_level(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                if alias.name != "*":
                    bound.setdefault(_bound_name(node, alias), set()).add(_meaning(node, alias))
        for name in _names_bound_by(node):
            bound.setdefault(name, set())
    return bound


def _names_bound_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest
    # A type alias needs no case: its name is a stored Name below it.


_OWN_SCOPE = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)


def _top_level(tree: ast.Module) -> Iterator[ast.AST]:
    """Every node that runs in the module's own scope; what only type checkers see is left out."""
    todo: list[ast.AST] = list(reversed(tree.body))
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, _OWN_SCOPE):
            continue
        children: Iterable[ast.AST] = ast.iter_child_nodes(node)
        if isinstance(node, ast.If) and is_type_checking(node.test):
            children = node.orelse
        todo.extend(reversed(list(children)))


def is_type_checking(test: ast.expr) -> bool:
    """Whether a condition holds for type checkers only."""
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


class _Head:
    """The places in a module's head where imports go."""

    def __init__(self, file: SourceFile, newline: str) -> None:
        self._file = file
        self._newline = newline
        self._body = file.tree.body
        self._docstring = docstring_of(file.tree)
        self._future = next((node for node in reversed(self._body) if _is_future(node)), None)
        self._last = _last_import(self._body)

    def edits(self, future: list[str], others: list[str]) -> list[Edit]:
        if future and others and self._last is None:
            return [self._edit(self._docstring, [*future, "", *others], spaced=True)]
        edits: list[Edit] = []
        if future:
            followed = bool(others) and self._last is self._future
            edits.append(
                self._edit(
                    self._future or self._docstring, future, spaced=self._future is None, last=not followed
                )
            )
        if others:
            spaced = self._last is None or self._last is self._future
            edits.append(self._edit(self._last or self._docstring, others, spaced=spaced))
        return edits

    def _edit(self, after: ast.stmt | None, lines: list[str], *, spaced: bool, last: bool = True) -> Edit:
        return self._at_top(lines) if after is None else self._below(after, lines, spaced=spaced, last=last)

    def _below(self, node: ast.stmt, statements: list[str], *, spaced: bool, last: bool) -> Edit:
        """Lines after a statement; below a docstring a blank line comes first."""
        text = self._file.text
        place = self._end_of_logical_line(node)
        lines = [self._newline + statement for statement in statements]
        if spaced:
            lines.insert(0, self._newline)
        following = NEWLINE.match(text, place)
        rest = text[following.end() :] if following else ""
        if last and rest and not self._is_import_below(node) and not _starts_blank(rest):
            lines.append(self._newline)
        return Edit(place, place, "".join(lines))

    def _at_top(self, statements: list[str]) -> Edit:
        """Lines before the first statement, below the comments that the file begins with."""
        line, starts = 1, self._file.line_starts
        while line < len(starts) and self._file.line(line).startswith("#"):
            line += 1
        place = starts[line - 1]
        lines = [statement + self._newline for statement in statements]
        if place:
            lines.insert(0, self._newline)
        if not _starts_blank(self._file.text[place:]):
            lines.append(self._newline)
        return Edit(place, place, "".join(lines))

    def _is_import_below(self, node: ast.stmt) -> bool:
        below = next((other for other in self._body if other.lineno > (node.end_lineno or 0)), None)
        return isinstance(below, (ast.Import, ast.ImportFrom))

    def _end_of_logical_line(self, node: ast.stmt) -> int:
        place = end_of_line(self._file.text, self._file.span(node)[1])
        for other in self._body:
            if other.lineno > self._file.line_at(place):
                break
            start, end = self._file.span(other)
            if start == place:
                place = end_of_line(self._file.text, end)
        return place


def _last_import(body: list[ast.stmt]) -> ast.stmt | None:
    last: ast.stmt | None = None
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            break
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            last = node
    return last


def _starts_blank(text: str) -> bool:
    return not NEWLINE.split(text, maxsplit=1)[0].strip(" \t\f")
