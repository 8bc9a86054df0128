"""The function's module and class, cut down to what its body may use."""

from __future__ import annotations

import ast
import textwrap

from flowmill.context.snippets import (
    class_head,
    class_line,
    first_line,
    names_in,
    shortened,
    signature,
    whole,
)
from flowmill.source.function import Function
from flowmill.source.places import outermost
from flowmill.source.text import SourceFile

MOST_SIBLINGS = 3
LONG_SIBLING = 30
LONG_INIT = 40


def module_context(file: SourceFile, function: Function) -> str:
    """Imports, then constants, then the signatures of functions and classes, those that it names first."""
    own = outermost(file.tree, function.def_line)
    used = names_in(function.node)
    imports: list[str] = []
    constants: list[str] = []
    named: list[str] = []
    others: list[str] = []
    for node in file.tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            imports.append(whole(file, node))
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            constants.append(shortened(whole(file, node)))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node is not own:
            if node.name in used:
                named.append(
                    class_head(file, node) if isinstance(node, ast.ClassDef) else signature(file, node)
                )
            else:
                others.append(_brief(file, node))
    parts = ["\n".join(imports), "\n".join(constants), "\n".join([*named, *others])]
    return "\n\n".join(part for part in parts if part)


def _brief(file: SourceFile, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str:
    return (
        f"{class_line(node)} ..."
        if isinstance(node, ast.ClassDef)
        else signature(file, node, docstring=False)
    )


def class_context(file: SourceFile, function: Function) -> str:
    """The class around a method: its line, attributes, what `__init__` sets, and the other methods' signatures."""
    chain = _classes(file, function)
    if not chain:
        return ""
    node = chain[-1]
    lines = [class_line(outer) for outer in chain]
    inner: list[str] = []
    if summary := first_line(ast.get_docstring(node)):
        inner.append(f'"""{summary}"""')
    for member in node.body:
        if isinstance(member, (ast.Assign, ast.AnnAssign)):
            inner.append(shortened(whole(file, member)))
        elif isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)) and member is not function.node:
            inner.append(_member(file, member))
    text = "\n".join(inner) or "..."
    for line in reversed(lines):
        text = f"{line}\n{textwrap.indent(text, '    ')}"
    return text


def siblings(file: SourceFile, function: Function) -> tuple[str, ...]:
    """Up to three short functions of the same file that call it, callers with the shortest body first."""
    callers = [
        node
        for node in ast.walk(file.tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and not node.lineno <= function.def_line <= (node.end_lineno or 0)
        and not function.first_line <= node.lineno <= function.last_line
        and function.name in names_in(node)
    ]
    texts = (whole(file, node) for node in callers)
    short = [text for text in texts if text.count("\n") < LONG_SIBLING]
    return tuple(sorted(short, key=len)[:MOST_SIBLINGS])


def _classes(file: SourceFile, function: Function) -> list[ast.ClassDef]:
    if not function.classes:
        return []
    around = [
        node
        for node in ast.walk(file.tree)
        if isinstance(node, ast.ClassDef) and node.lineno <= function.def_line <= (node.end_lineno or 0)
    ]
    return sorted(around, key=lambda node: node.lineno)[-len(function.classes) :]


def _member(file: SourceFile, node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    if node.name != "__init__":
        return signature(file, node)
    text = whole(file, node)
    if text.count("\n") < LONG_INIT // 2:
        return text
    sets = [
        "    " + ast.unparse(inner).split("\n")[0]
        for inner in ast.walk(node)
        if isinstance(inner, (ast.Assign, ast.AnnAssign)) and _sets_attribute(inner)
    ]
    return "\n".join(
        [signature(file, node, docstring=False).removesuffix(" ..."), *(sets[:LONG_INIT] or ["    ..."])]
    )


def _sets_attribute(node: ast.Assign | ast.AnnAssign) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(target, ast.Attribute) for target in targets)
