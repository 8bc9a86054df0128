"""The function under work: knows its code, and which tests execute it."""

from __future__ import annotations

import ast
import importlib.util
import os
import pathlib
import types
from collections.abc import Callable

from .order import Goal
from .overlay import Overlay
from .values import describe_call


def find_spans(source: str, qualname: str) -> list[tuple[int, int]]:
    """The lines, from the first decorator on, of every definition that has this qualified name."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return []
    wanted = qualname.replace(".<locals>", "")
    found: list[tuple[int, int]] = []

    def walk(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                walk(child, prefix)
                continue
            name = f"{prefix}{child.name}"
            if name == wanted and not isinstance(child, ast.ClassDef):
                first = min([child.lineno] + [decorator.lineno for decorator in child.decorator_list])
                found.append((first, child.end_lineno or child.lineno))
            walk(child, name + ".")

    walk(tree, "")
    return found


class Watch:
    """Knows the target's code when it sees it, and which tests execute it."""

    def __init__(self, goal: Goal, overlay: Overlay) -> None:
        self.file = os.path.realpath(goal.file)
        self.qualname = goal.qualname
        self.spans = find_spans(overlay.source(goal.file) or text_on_disk(goal.file), goal.qualname)
        self.given = (goal.start, goal.end)
        self._firsts = {start for start, _ in self.spans}
        self._name = goal.qualname.rpartition(".")[2]
        self._same: dict[str, bool] = {}
        self.reached = self.everywhere = False
        self.call = ""
        """What the running test has given to the target in its first call."""
        self.tell: Callable[[], None] = lambda: None
        """Called at a test's first step into the target: a test that then kills its process has reached it."""

    def here(self, filename: str) -> bool:
        if filename not in self._same:
            self._same[filename] = os.path.realpath(filename) == self.file
        return self._same[filename]

    def is_target(self, code: types.CodeType) -> bool:
        return (
            code.co_name == self._name and code.co_firstlineno in self._firsts and self.here(code.co_filename)
        )

    def in_span(self, filename: str, line: int) -> bool:
        return self.here(filename) and any(a <= line <= b for a, b in self.spans or [self.given])

    # ---------------------------------------------------------- as a listener of the tracer
    def wants(self, code: types.CodeType) -> bool:
        return self.is_target(code)

    def entered(self, frame: types.FrameType, *, own: bool, aside: bool) -> None:
        """What runs outside of a test, or in a fixture that tests share, counts for all of them."""
        if not own:
            self.everywhere = True
        elif not self.reached:
            self.reached = True
            self.tell()
            self.call = describe_call(self._name, frame)

    @property
    def content(self) -> bool:
        return self.reached or self.everywhere

    def begin_test(self) -> None:
        self.reached, self.call = False, ""

    def went_through(self, error: BaseException | None) -> bool:
        """Whether the target is in the traceback of this error or of one that caused it."""
        for link in chain(error):
            if (
                isinstance(link, SyntaxError)
                and link.filename
                and self.in_span(link.filename, link.lineno or 0)
            ):
                return True
            trace = link.__traceback__
            while trace is not None:
                if self.in_span(trace.tb_frame.f_code.co_filename, trace.tb_lineno):
                    return True
                trace = trace.tb_next
        return False


def text_on_disk(path: str) -> str:
    try:
        return importlib.util.decode_source(pathlib.Path(path).read_bytes())
    except (OSError, SyntaxError, UnicodeDecodeError):
        return ""


def chain(error: BaseException | None) -> list[BaseException]:
    links: list[BaseException] = []
    while error is not None and error not in links:
        links.append(error)
        error = error.__cause__ or error.__context__
    return links
