"""Finding functions by name or by line, and saying clearly why one cannot be found."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from pathlib import Path

from flowmill.errors import TargetError
from flowmill.source.function import Def, Definition, Function, kind_of, measure
from flowmill.source.text import SourceFile

__all__ = ["Function", "find", "find_functions", "function_at", "parse_target"]

_FORM = "FILE::QUALNAME, such as pkg/module.py::Class.method"


def parse_target(text: str) -> tuple[Path, str]:
    """The two halves of `FILE::QUALNAME`; `FILE::Class::method` is understood too."""
    name, separator, qualname = text.partition("::")
    if not separator:
        raise TargetError(f"{text!r} names no function: write {_FORM}")
    if not name or not qualname:
        raise TargetError(f"{text!r} lacks its {'file' if not name else 'function'}: write {_FORM}")
    dotted = qualname.replace("::", ".")
    parts = dotted.partition("@")[0].replace(".<locals>", "").split(".")
    if not all(part.isidentifier() for part in parts):
        raise TargetError(f"{qualname!r} is not a function's name: write {_FORM}")
    return Path(name), dotted


def find_functions(file: SourceFile) -> tuple[Function, ...]:
    """Every definition of the file in order, nested and conditional ones included."""
    return tuple(measure(file, definition) for definition in _definitions(file.tree))


def find(file: SourceFile, qualname: str) -> Function:
    """The one function of that name.

    `outer.<locals>.inner` is `outer.inner`; overloads give way to what they describe;
    `C.x` is a property's getter beside `C.x.setter`; `NAME@LINE` picks one of several.
    Raises `TargetError` with the nearest names, or with all lines if several are meant.
    """
    name, at, line = qualname.replace(".<locals>", "").partition("@")
    definitions = list(_definitions(file.tree))
    found = [measure(file, definition) for definition in definitions if definition.qualname == name]
    if not found:
        raise TargetError(_not_found(file, name, definitions))
    if at:
        return _picked(file, found, line)
    real = [function for function in found if not function.is_overload] or found
    if len(real) > 1:
        lines = ", ".join(str(function.def_line) for function in real)
        raise TargetError(
            f"{file.path} defines {name} {len(real)} times, on lines {lines}: pick one as {name}@{real[0].def_line}"
        )
    return real[0]


def function_at(file: SourceFile, line: int) -> Function | None:
    """The innermost function that holds a line, from its first decorator to its last line."""
    text = file.line(line).lstrip(" \t\f") if line <= len(file.line_starts) else ""
    # Comments below the last statement may belong to a function, and so may blank lines between them.
    outside = not text or text.startswith("#")
    holding = [
        function
        for definition in _definitions(file.tree)
        if file.first_line(definition.node) <= line and (outside or line <= (definition.node.end_lineno or 0))
        for function in [measure(file, definition)]
        if function.first_line <= line <= function.last_line
    ]
    return max(holding, key=lambda function: (function.first_line, -function.last_line), default=None)


def _picked(file: SourceFile, found: list[Function], line: str) -> Function:
    lines = ", ".join(str(function.def_line) for function in found)
    name = found[0].qualname
    if not line.isdecimal():
        raise TargetError(f"{name}@{line}: what follows @ is a line number; {name} is on lines {lines}")
    holding = [function for function in found if function.first_line <= int(line) <= function.last_line]
    if not holding:
        raise TargetError(f"{file.path} has no {name} on line {line}: it is on lines {lines}")
    return max(holding, key=lambda function: function.first_line)


def _not_found(file: SourceFile, name: str, definitions: list[Definition]) -> str:
    names = list(dict.fromkeys(definition.qualname for definition in definitions))
    if name in _class_names(file.tree):
        methods = [known for known in names if known.startswith(f"{name}.")]
        listed = f": name one of its functions: {', '.join(methods[:8])}" if methods else " without functions"
        return f"{name} in {file.path} is a class{listed}"
    if not names:
        return f"{file.path} defines no function"
    last = name.rpartition(".")[2]
    near = [known for known in names if known.rpartition(".")[2] == last]
    near += [known for known in difflib.get_close_matches(name, names, n=4, cutoff=0.5) if known not in near]
    if not near:
        by_last = difflib.get_close_matches(
            last, [known.rpartition(".")[2] for known in names], n=2, cutoff=0.6
        )
        near = [known for known in names if known.rpartition(".")[2] in by_last]
    nearest = f"the nearest: {', '.join(near[:5])}" if near else f"it has {', '.join(names[:5])}"
    more = " ..." if not near and len(names) > 5 else ""
    return f"{file.path} has no function {name}; {nearest}{more}"


def _definitions(tree: ast.Module) -> Iterator[Definition]:
    """In the order of the file. No recursion: an `elif` is as deep in the tree as there are others before it."""
    pending: list[tuple[ast.AST, tuple[str, ...], tuple[str, ...]]] = [(tree, (), ())]
    while pending:
        node, names, classes = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield _definition(node, names, classes)
            names, classes = (*names, node.name), ()
        elif isinstance(node, ast.ClassDef):
            names, classes = (*names, node.name), (*classes, node.name)
        pending += [(child, names, classes) for child in reversed([*statements_in(node)])]


def _definition(node: Def, names: tuple[str, ...], classes: tuple[str, ...]) -> Definition:
    kind = kind_of(node) if classes else "function"
    accessor = [kind.partition(".")[2]] if "." in kind else []
    return Definition(node, ".".join([*names, node.name, *accessor]), kind, classes)


def statements_in(node: ast.AST) -> Iterator[ast.AST]:
    """The statements directly below a node, and what else may hold statements (handlers, cases)."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.stmt, ast.excepthandler, ast.match_case)):
            yield child


def _class_names(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    todo: list[tuple[ast.AST, tuple[str, ...]]] = [(tree, ())]
    while todo:
        node, names = todo.pop()
        for child in statements_in(node):
            named = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            inner = (*names, child.name) if named else names
            if isinstance(child, ast.ClassDef):
                found.add(".".join(inner))
            todo.append((child, inner))
    return found
