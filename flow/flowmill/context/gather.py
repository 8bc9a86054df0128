"""Collects what a prompt needs to know about a function."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flowmill.context.neighbours import neighbours
from flowmill.context.references import referred
from flowmill.context.shapes import Context, Files, TestSource
from flowmill.context.surroundings import callers, class_context, module_context
from flowmill.context.testing import test_sources
from flowmill.context.waiting import waiting
from flowmill.project.pytest_config import read_config
from flowmill.shapes import Overlay, Project, TestRef
from flowmill.source.function import Function
from flowmill.source.splice import draft_of
from flowmill.source.text import SourceFile

__all__ = ["Context", "TestSource", "gather"]

WORD = re.compile(r"[A-Za-z_]\w*")
MENTIONING = 3
"""Tests whose words tell what of the module matters."""


def gather(
    project: Project, file: SourceFile, function: Function, tests: Sequence[TestRef], overlay: Overlay
) -> Context:
    """Everything about the function, uncut. Takes about a second at most and starts no process.

    Test files are read from `overlay` where it has them, and what cannot be read is left out.
    """
    files = Files(overlay)
    found = test_sources(project.root, function, tests, files)
    users = callers(file, function)
    idle = waiting(file, function)
    mentions = set(idle) | set(WORD.findall("\n".join([*users, *(test.text for test in found[:MENTIONING])])))
    return Context(
        header=function.header,
        body="" if function.is_stub else draft_of(function).body,
        module=module_context(file, function, mentions),
        klass=class_context(file, function),
        definitions=referred(project, file, function, files, idle),
        tests=found,
        callers=users,
        neighbours=neighbours(file, function, files, read_config(project.root).is_test_file),
        waiting=idle,
    )
