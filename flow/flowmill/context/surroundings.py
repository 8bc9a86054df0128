"""The function's module and class, cut down to what its body may use."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Collection

from flowmill.context.snippets import (
    class_head,
    class_line,
    first_line,
    names_in,
    shortened,
    signature,
    whole,
    without_docstring,
    words_of,
)
from flowmill.source.function import Def, Function
from flowmill.source.places import outermost
from flowmill.source.text import SourceFile

MOST_CALLERS = 3
SHORT_CALLER = 12
AROUND = 3
"""Lines before and after a call that are shown of a longer caller."""
MOST_CALLS = 2
"""Calls that are shown of one caller."""
LONG_INIT = 40
SHORT_METHOD = 5
"""Lines up to which another method of the class is shown whole: its body tells more than its docstring."""


def module_context(file: SourceFile, function: Function, mentions: Collection[str] = ()) -> str:
    """Imports, then constants and signatures that the function or its users mention, then the others.

    `mentions` are the names that stand in its callers and tests. What shares a word with the function's
    own name or its parameters counts as mentioned: a body that is not there yet cannot name it. Of the other
    functions those come first that take a parameter of the same name, then those that stand near by.
    """
    own = outermost(file.tree, function.def_line)
    used = names_in(function.node) | set(mentions)
    words = words_of(function.name).union(*map(words_of, function.params))
    imports: list[str] = []
    near: list[str] = []
    far: list[tuple[int, int, str]] = []
    constants: list[str] = []
    for node in file.tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            imports.append(whole(file, node))
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            is_near = any(name in used or words_of(name) & words for name in _bound(node))
            (near if is_near else constants).append(shortened(whole(file, node), 8 if is_near else 4))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node is not own:
            if node.name in used or words_of(node.name) & words:
                near.append(
                    class_head(file, node) if isinstance(node, ast.ClassDef) else signature(file, node)
                )
            else:
                shared = 0 if isinstance(node, ast.ClassDef) else len(_parameters(node) & {*function.params})
                far.append((-shared, abs(node.lineno - function.def_line), _brief(file, node)))
    blocks = [
        "\n".join(imports),
        "\n".join(near),
        "\n".join([*(text for *_, text in sorted(far)), *constants]),
    ]
    return "\n\n".join(block for block in blocks if block)


def _parameters(node: Def) -> set[str]:
    return {argument.arg for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]}


def _bound(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [leaf.id for target in targets for leaf in ast.walk(target) if isinstance(leaf, ast.Name)]


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
    methods: list[str] = []
    for member in node.body:
        if isinstance(member, (ast.Assign, ast.AnnAssign)):
            inner.append(shortened(whole(file, member)))
        elif isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)) and member is not function.node:
            (inner if member.name == "__init__" else methods).append(_member(file, member))
    inner += methods
    text = "\n".join(inner) or "..."
    for line in reversed(lines):
        text = f"{line}\n{textwrap.indent(text, '    ')}"
    return text


def callers(file: SourceFile, function: Function) -> tuple[str, ...]:
    """Up to three functions of the same file that call it, the shortest first; of a long one the lines around."""
    found = [
        node
        for node in ast.walk(file.tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and not node.lineno <= function.def_line <= (node.end_lineno or 0)
        and not function.first_line <= node.lineno <= function.last_line
        and function.name in names_in(node)
    ]
    # Of a caller within a caller, the inner one: its text is the same.
    inner = [node for node in found if not any(_is_within(other, node) for other in found)]
    texts = (_caller(file, node, function.name) for node in inner)
    return tuple(sorted(texts, key=len)[:MOST_CALLERS])


def _is_within(node: Def, outer: Def) -> bool:
    return outer.lineno < node.lineno <= (outer.end_lineno or 0)


def _caller(file: SourceFile, node: Def, name: str) -> str:
    text = whole(file, node)
    lines = text.split("\n")
    if len(lines) <= SHORT_CALLER:
        return text
    first = file.first_line(node)
    calls = [
        inner.lineno - first
        for inner in ast.walk(node)
        if (isinstance(inner, ast.Name) and inner.id == name)
        or (isinstance(inner, ast.Attribute) and inner.attr == name)
    ]
    blocks: list[str] = []
    end = 0
    for call in sorted(set(calls)):
        if call >= end and len(blocks) < MOST_CALLS:
            start, end = max(end, call - AROUND), call + AROUND + 1
            blocks.append(textwrap.dedent("\n".join(lines[start:end])).strip("\n"))
    return "\n...\n".join([f"# in {node.name}:", *blocks])


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
        text = without_docstring(file, node)
        return text if text.count("\n") < SHORT_METHOD else signature(file, node)
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
