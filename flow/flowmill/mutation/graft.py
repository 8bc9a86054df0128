"""Puts a changed body into a file without reading the file again, as hundreds are made of one file."""

from __future__ import annotations

import ast

from flowmill.source.function import Function
from flowmill.source.layout import SpliceError, code_lines, indented
from flowmill.source.text import SourceFile, compile_quietly, parse


def graft(file: SourceFile, function: Function, body: str) -> bytes | None:
    """The file with that body, which is what a splice makes of it but for the bytes of untouched lines.

    None if a function cannot have such a body. Not for a body on its header's line.
    """
    if not _compiles(body):
        return None
    try:
        lines = indented(code_lines(body.rstrip("\n")), function.body_indent)
        text = file.text[: function.body_start] + file.newline.join(lines) + file.text[function.end :]
        return file.encode(text)
    except (SpliceError, UnicodeEncodeError):
        return None


def _compiles(body: str) -> bool:
    """Parsing alone lets `break` stand anywhere."""
    try:
        tree = parse("async def _():\n pass")
        holder = tree.body[0]
        assert isinstance(holder, ast.AsyncFunctionDef)
        holder.body = parse(body).body
        if any(isinstance(node, (ast.Nonlocal, ast.YieldFrom)) for node in ast.walk(holder)):
            return True
        compile_quietly(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
