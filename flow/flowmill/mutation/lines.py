"""Changes of whole statements, made on the body's lines so that all others stay as they are."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from flowmill.mutation.scene import Scene
from flowmill.source.layout import leading


def owns_lines(scene: Scene, statement: ast.stmt) -> bool:
    """Whether nothing else stands on the statement's lines."""
    first, last = scene.file.first_line(statement), statement.end_lineno or statement.lineno
    before = scene.lines[first - 1][: statement.col_offset] if first == statement.lineno else ""
    after = scene.lines[last - 1].encode()[statement.end_col_offset :].decode().strip()
    return not before.strip() and (not after or after.startswith("#"))


def indent_of(scene: Scene, statement: ast.stmt) -> str:
    return leading(scene.lines[scene.file.first_line(statement) - 1])


def span_of(scene: Scene, statement: ast.stmt) -> tuple[int, int]:
    """The statement's lines as a slice of `scene.lines`."""
    return scene.file.first_line(statement) - 1, statement.end_lineno or statement.lineno


def inserted(scene: Scene, statement: ast.stmt, code: Sequence[str], *, after: bool = False) -> str | None:
    """The body with these lines before or after a statement, indented like it."""
    if not owns_lines(scene, statement):
        return None
    first, last = span_of(scene, statement)
    at, indent = (last if after else first), indent_of(scene, statement)
    return joined([*scene.lines[:at], *(indent + line for line in code), *scene.lines[at:]])


def enclosed(scene: Scene, before: Sequence[str], after: Sequence[str]) -> str | None:
    """The whole body as a block between these lines."""
    if any(map(_holds_lines, scene.tree.body)):
        return None
    lines = joined(scene.lines).rstrip("\n").split("\n")
    inner = [f"    {line}" if line.strip() else line for line in lines]
    return joined([*before, *inner, *after])


def deleted(scene: Scene, statement: ast.stmt) -> str | None:
    """The body without the statement; `pass` where its block would be empty."""
    if not owns_lines(scene, statement):
        return None
    first, last = span_of(scene, statement)
    alone = len(scene.block(statement)) == 1
    rest = [f"{indent_of(scene, statement)}pass"] if alone else []
    return joined([*scene.lines[:first], *rest, *scene.lines[last:]])


def exchanged(scene: Scene, one: ast.stmt, other: ast.stmt) -> str | None:
    """The body with two neighbours in the other order."""
    if not (owns_lines(scene, one) and owns_lines(scene, other)):
        return None
    (a, b), (c, d) = span_of(scene, one), span_of(scene, other)
    lines = scene.lines
    return joined([*lines[:a], *lines[c:d], *lines[b:c], *lines[a:b], *lines[d:]])


def moved(scene: Scene, statement: ast.stmt, at: int, indent: str) -> str | None:
    """The body with the statement before line number `at` (from 0), indented so."""
    if not owns_lines(scene, statement) or _holds_lines(statement):
        return None
    first, last = span_of(scene, statement)
    own = indent_of(scene, statement)
    taken = [indent + line[len(own) :] if line.strip() else line for line in scene.lines[first:last]]
    left = [f"{own}pass"] if len(scene.block(statement)) == 1 else []
    before, after = scene.lines[:first], scene.lines[last:]
    if at >= last:
        gap = at - last
        return joined([*before, *left, *after[:gap], *taken, *after[gap:]])
    return joined([*before[:at], *taken, *before[at:], *left, *after])


def unwrapped(scene: Scene, statement: ast.If) -> str | None:
    """The body with only what stands in the `if`, without its condition and its `else`."""
    if not owns_lines(scene, statement) or any(map(_holds_lines, statement.body)):
        return None
    if not all(owns_lines(scene, inner) for inner in statement.body):
        return None
    first, last = span_of(scene, statement)
    start, end = span_of(scene, statement.body[0])[0], span_of(scene, statement.body[-1])[1]
    outer, inner = indent_of(scene, statement), indent_of(scene, statement.body[0])
    if scene.lines[first].lstrip().startswith("elif"):
        return None
    kept = [outer + line[len(inner) :] if line.strip() else line for line in scene.lines[start:end]]
    return joined([*scene.lines[:first], *kept, *scene.lines[last:]])


def joined(lines: Sequence[str]) -> str:
    return "\n".join(lines)


def _holds_lines(statement: ast.stmt) -> bool:
    """Whether a text in it spans lines, so that its indentation may be data."""
    return any(
        isinstance(n, (ast.Constant, ast.JoinedStr)) and n.end_lineno != n.lineno for n in ast.walk(statement)
    )
