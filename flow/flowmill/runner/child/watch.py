"""The function under work: knows its code, and which tests execute it."""

from __future__ import annotations

import ast
import importlib.util
import os
import pathlib
import sys
import threading
import types
from collections.abc import Callable
from typing import Any, cast

from .order import Goal
from .overlay import Overlay

PROFILED_CALLS = 1_000_000


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
        self.spans = find_spans(overlay.source(goal.file) or _text_on_disk(goal.file), goal.qualname)
        self._given = (goal.start, goal.end)
        self._firsts = {start for start, _ in self.spans}
        self._name = goal.qualname.rpartition(".")[2]
        self._same: dict[str, bool] = {}
        self.reached = self.everywhere = self.shared = False
        self.test_runs = False
        self._calls = 0
        self.tell: Callable[[], None] = lambda: None
        """Called at a test's first step into the target: a test that then kills its process has reached it."""

    def _here(self, filename: str) -> bool:
        if filename not in self._same:
            self._same[filename] = os.path.realpath(filename) == self.file
        return self._same[filename]

    def is_target(self, code: types.CodeType) -> bool:
        return (
            code.co_name == self._name
            and code.co_firstlineno in self._firsts
            and self._here(code.co_filename)
        )

    def in_span(self, filename: str, line: int) -> bool:
        return self._here(filename) and any(a <= line <= b for a, b in self.spans or [self._given])

    def hit(self) -> None:
        """What runs outside of a test, or in a fixture that tests share, counts for all of them."""
        if self.test_runs and not self.shared:
            if not self.reached:
                self.reached = True
                self.tell()
        else:
            self.everywhere = True

    def start(self) -> bool:
        """Begin to trace; False if the function is not there or the interpreter is traced already."""
        if not self.spans:
            return False
        monitoring: Any = getattr(sys, "monitoring", None)
        if monitoring is None:
            threading.setprofile(self._called)
            self.resume()
            return True
        free = [tool for tool in (4, 3) if monitoring.get_tool(tool) is None]
        if free:
            monitoring.use_tool_id(free[0], "flowmill")
            monitoring.register_callback(free[0], monitoring.events.PY_START, self._entered)
            monitoring.set_events(free[0], monitoring.events.PY_START)
        return bool(free)

    def _entered(self, code: types.CodeType, offset: int) -> Any:
        if self.is_target(code):
            self.hit()
            return None
        return cast(Any, sys).monitoring.DISABLE

    def _called(self, frame: types.FrameType, event: str, arg: object) -> None:
        if event != "call":
            return
        self._calls += 1
        code = frame.f_code
        if code.co_name == self._name and self.is_target(code):
            self.hit()
            sys.setprofile(None)
        elif self._calls > PROFILED_CALLS:
            sys.setprofile(None)

    def begin_test(self) -> None:
        self.reached, self.test_runs, self._calls = False, True, 0

    def resume(self) -> None:
        """Profile on, unless there is nothing more to learn in this test; below 3.12 it costs time."""
        known = self.reached or self.everywhere or self._calls > PROFILED_CALLS
        if not hasattr(sys, "monitoring") and not known and sys.getprofile() is None:
            sys.setprofile(self._called)

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


def _text_on_disk(path: str) -> str:
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
