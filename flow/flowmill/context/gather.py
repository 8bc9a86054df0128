"""Collects what a prompt needs to know about a function."""

from __future__ import annotations

import ast
import doctest
from collections.abc import Sequence

from flowmill.context.references import referred
from flowmill.context.shapes import Context, Files, TestSource
from flowmill.context.surroundings import class_context, module_context, siblings
from flowmill.context.testing import test_sources
from flowmill.shapes import Overlay, Project, TestRef
from flowmill.source.function import Function
from flowmill.source.layout import normalise
from flowmill.source.splice import draft_of
from flowmill.source.text import SourceFile

__all__ = ["Context", "TestSource", "gather"]


def gather(
    project: Project, file: SourceFile, function: Function, tests: Sequence[TestRef], overlay: Overlay
) -> Context:
    """Everything about the function, uncut. Takes about a second at most and starts no process.

    Test files are read from `overlay` where it has them, and what cannot be read is left out.
    """
    files = Files(overlay)
    return Context(
        header=function.header,
        body="" if function.is_stub else draft_of(function).body,
        module=module_context(file, function),
        klass=class_context(file, function),
        definitions=referred(project, file, function, files),
        tests=test_sources(project.root, function, tests, files),
        doctests=doctests_of(function),
        siblings=siblings(file, function),
    )


def doctests_of(function: Function) -> tuple[str, ...]:
    """The examples of the docstring, those that follow each other without prose as one text."""
    docstring = normalise(ast.get_docstring(function.node) or "")
    try:
        pieces = doctest.DocTestParser().parse(docstring)
    except ValueError:
        # An example that doctest cannot read is one that no run will check.
        return ()
    groups: list[list[str]] = [[]]
    for piece in pieces:
        if isinstance(piece, doctest.Example):
            groups[-1].append(_example(piece))
        elif piece.strip():
            groups.append([])
    return tuple("".join(group) for group in groups if group)


def _example(example: doctest.Example) -> str:
    first, *more = example.source.rstrip("\n").split("\n")
    return "".join([f">>> {first}\n", *(f"... {line}".rstrip() + "\n" for line in more), example.want])
