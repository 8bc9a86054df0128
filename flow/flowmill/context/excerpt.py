"""A long test cut to what it says of one function."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Collection, Sequence

from flowmill.context.snippets import names_in, shortened, signature, whole
from flowmill.source.function import Def
from flowmill.source.text import SourceFile

LONG = 30
"""Lines beyond which a test is cut."""
MOST = 25
"""Lines that are kept, if the first thing that the test says is not longer by itself."""
ASKED = 2
"""Statements that ask about one result."""


def excerpt(file: SourceFile, node: Def, names: Collection[str]) -> str:
    """The test at column 0: whole if it is short, else the statements that name the function.

    With each come those that bind what it reads, and the next ones that read what it binds; "..." stands
    for what is left out. One that never names the function is cut off at its end.
    """
    text = whole(file, node)
    if text.count("\n") < LONG:
        return text
    telling = [at for at, statement in enumerate(node.body) if not names_in(statement).isdisjoint(names)]
    if not telling:
        return shortened(text, LONG)
    kept: set[int] = set()
    for at in telling:
        more = kept | {at} | _needed(node.body, at) | _asked(node.body, at)
        if kept and sum(_length(node.body[each]) for each in more) > MOST:
            break
        kept = more
    lines = [signature(file, node, docstring=False).removesuffix(" ...")]
    last = -1
    for at in sorted(kept):
        lines += ["    ..."] if at > last + 1 else []
        lines.append(textwrap.indent(shortened(whole(file, node.body[at]), MOST), "    "))
        last = at
    return "\n".join(lines + (["    ..."] if last + 1 < len(node.body) else []))


def _needed(body: Sequence[ast.stmt], at: int) -> set[int]:
    """The statements before that bind what it reads, and what those read."""
    found: set[int] = set()
    wanted = _read(body[at])
    for before in range(at - 1, -1, -1):
        bound = _bound(body[before])
        if bound & wanted:
            found.add(before)
            wanted = (wanted - bound) | _read(body[before])
    return found


def _asked(body: Sequence[ast.stmt], at: int) -> set[int]:
    """The next statements that read what it binds, up to where that is bound anew."""
    found: set[int] = set()
    bound = _bound(body[at])
    for after in range(at + 1, len(body)):
        if bound & _read(body[after]):
            found.add(after)
        bound -= _bound(body[after])
        if not bound or len(found) == ASKED:
            break
    return found


def _read(statement: ast.stmt) -> set[str]:
    nodes = ast.walk(statement)
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _bound(statement: ast.stmt) -> set[str]:
    nodes = list(ast.walk(statement))
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    imported = {node.asname or node.name for node in nodes if isinstance(node, ast.alias)}
    return stored | imported | {node.name for node in nodes if isinstance(node, defined)}


def _length(statement: ast.stmt) -> int:
    return (statement.end_lineno or statement.lineno) - statement.lineno + 1
