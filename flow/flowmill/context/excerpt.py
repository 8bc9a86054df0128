"""A long test cut to what it says of one function."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Sequence

from flowmill.context.snippets import names_in, shortened, whole
from flowmill.source.function import Def
from flowmill.source.text import SourceFile

LONG = 30
"""Lines beyond which a test is cut."""
MOST = 25
"""Lines that are kept, if the first thing that the test says is not longer by itself."""
ASKED = 2
"""Statements that ask about one result."""
GAP = "    ..."


def excerpt(file: SourceFile, node: Def, names: Collection[str]) -> str:
    """The test at column 0: whole if it is short, else the lines of the statements that name the function.

    With each come those that make what it reads, and the next ones that read what it binds; "..." stands
    for what is left out. One that never names the function is cut off at its end.
    """
    text = whole(file, node)
    body, start = node.body, file.first_line(node)
    head = file.first_line(body[0]) - start
    if text.count("\n") < LONG or body[0].lineno <= _signature_end(node):
        return text
    telling = [at for at, statement in enumerate(body) if not names_in(statement).isdisjoint(names)]
    if not telling:
        return shortened(text, LONG)
    kept: set[int] = set()
    for at in telling:
        more = kept | {at} | _needed(body, at) | _asked(body, at)
        if kept and len(_rows(file, body, more)) > MOST:
            break
        kept = more
    lines = text.split("\n")
    shown, last = lines[:head], head - 1
    for row in [row - start for row in _rows(file, body, kept)][:MOST]:
        shown += [GAP] if row > last + 1 else []
        shown.append(lines[row])
        last = row
    return "\n".join(shown + ([GAP] if last + 1 < len(lines) else []))


def _signature_end(node: Def) -> int:
    """The last line that is surely the signature's."""
    inner = [*ast.walk(node.args), *([node.returns] if node.returns else [])]
    return max([node.lineno, *(getattr(one, "end_lineno", 0) for one in inner)])


def _rows(file: SourceFile, body: Sequence[ast.stmt], kept: Iterable[int]) -> list[int]:
    """The lines of these statements, in order."""
    spans = (range(file.first_line(body[at]), (body[at].end_lineno or body[at].lineno) + 1) for at in kept)
    return sorted({row for span in spans for row in span})


def _needed(body: Sequence[ast.stmt], at: int) -> set[int]:
    """The statements before that make what it reads, and what those read."""
    found: set[int] = set()
    wanted, called = _read(body[at]), set[str]()
    for before in range(at - 1, -1, -1):
        touched = _changed(body[before]) & wanted
        if isinstance(body[before], ast.Expr):
            # What a bare call changes, many may: the last one tells most.
            touched -= called
            called |= touched
        if touched:
            found.add(before)
            wanted = (wanted - _bound(body[before])) | _read(body[before])
    return found


def _asked(body: Sequence[ast.stmt], at: int) -> set[int]:
    """The next statements that read what it binds, up to where that is bound anew."""
    found: set[int] = set()
    bound = _changed(body[at])
    for after in range(at + 1, len(body)):
        if bound & _read(body[after]):
            found.add(after)
        bound -= _bound(body[after])
        if not bound or len(found) == ASKED:
            break
    return found


def _read(statement: ast.stmt) -> set[str]:
    nodes = list(ast.walk(statement))
    added = {
        node.target.id
        for node in nodes
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)
    }
    return added | {
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def _changed(statement: ast.stmt) -> set[str]:
    """Names that it binds, and those whose objects it sets something of or calls a method of for its effect."""
    found = _bound(statement)
    for node in ast.walk(statement):
        if isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del)):
            found |= _base(node)
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        called = statement.value.func
        found |= _base(called) if isinstance(called, ast.Attribute) else set()
    return found


def _base(node: ast.AST) -> set[str]:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def _bound(statement: ast.stmt) -> set[str]:
    """Names that it binds whatever was before."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    targets = [statement.target] if isinstance(statement, ast.AnnAssign) else targets
    nodes = (node for target in targets for node in ast.walk(target))
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
