"""Syntax trees as text, whatever their depth."""

from __future__ import annotations

import ast
from collections import deque
from typing import cast


def flat(*roots: ast.AST) -> str:
    """What the trees mean, without positions: equal if and only if `ast.dump` of them is.

    Level by level and without recursion: an `elif` is as deep in the tree as there are others before it.
    """
    said: list[str] = []
    pending = deque(roots)
    while pending:
        node = pending.popleft()
        said.append(type(node).__name__)
        for name, value in ast.iter_fields(node):
            items = cast("list[object]", value) if isinstance(value, list) else [value]
            pending += [item for item in items if isinstance(item, ast.AST)]
            said += [name, *("*" if isinstance(item, ast.AST) else repr(item) for item in items)]
    return " ".join(said)
