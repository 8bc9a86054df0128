"""Which functions of the project each test executes."""

from __future__ import annotations

import ast
import os
import sys
import types
from collections.abc import Callable

from .overlay import Overlay
from .watch import text_on_disk

CHUNK, CHUNK_CHARS = 300, 30_000
"""What one line of the report holds at most, in functions and in characters of their names."""
NAME_CHARS = 1_000
MOST = 300_000
"""Functions that one process tells; tests that would go beyond are not told at all."""
OPTIMIZED = 0x1
"""The flag of a function's code, which code of modules and of classes lacks."""
UNNAMED = ("<", "__annotate__")
"""How code is called that nobody wrote as a function: lambdas, comprehensions, lazy annotations."""
FOREIGN = ("site-packages", "dist-packages", "node_modules")

Name = tuple[str, str]


def is_test_file(parts: list[str]) -> bool:
    """By pytest's usual names; `conftest.py` and what lies in `tests` too. Relative to the project."""
    name = parts[-1]
    return name == "conftest.py" or name.startswith("test_") or name.endswith("_test.py") or "tests" in parts


def qualnames(source: str) -> dict[tuple[str, int], str]:
    """The qualified name, without `<locals>`, of each function by its name and first line."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    found: dict[tuple[str, int], str] = {}
    pending: list[tuple[ast.AST, str]] = [(tree, "")]
    while pending:
        node, prefix = pending.pop()
        for child in ast.iter_child_nodes(node):
            inner = prefix
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                inner = f"{prefix}{child.name}."
                first = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
                if not isinstance(child, ast.ClassDef):
                    found[child.name, first] = inner[:-1]
            pending.append((child, inner))
    return found


class Census:
    """Collects the functions of files below `root` that run, and tells them test by test.

    Tests themselves and what is installed are left out. `tell` takes a test's id and the
    names of functions it executed, each a file relative to the root and a qualified name;
    with the id "" those that belong to no test in particular: run at import, in a fixture
    that tests share, or in a thread (which the running test executed as well). A test that
    makes very many calls may be told with too few, never with too many.
    """

    def __init__(self, root: str, tell: Callable[[str, list[Name]], None], overlay: Overlay) -> None:
        self._root = os.path.join(os.path.realpath(root), "")
        self._tell = tell
        self._overlay = overlay
        self._foreign = tuple(
            folder
            for folder in {os.path.join(os.path.realpath(p), "") for p in (sys.prefix, sys.base_prefix)}
            if folder.startswith(self._root)
        )
        self._places: dict[str, str] = {}
        self._of_file: dict[str, dict[tuple[str, int], str]] = {}
        self._names: dict[int, tuple[types.CodeType, Name]] = {}
        self._mine: set[Name] = set()
        self._shared: set[Name] = set()
        self._told_shared: set[Name] = set()
        self._left = MOST

    # ---------------------------------------------------------- as a listener
    def here(self, filename: str) -> bool:
        return bool(self._place(filename))

    def wants(self, code: types.CodeType) -> bool:
        if not code.co_flags & OPTIMIZED or code.co_name.startswith(UNNAMED):
            return False
        qualname = self._qualname(code)
        file = self._place(code.co_filename)
        if not qualname or "<" in qualname or len(file) + len(qualname) > NAME_CHARS:
            return False
        self._names[id(code)] = (code, (file, qualname))
        return True

    def entered(self, frame: types.FrameType, *, own: bool, aside: bool) -> None:
        name = self._names[id(frame.f_code)][1]
        if own:
            self._mine.add(name)
        if aside or not own:
            self._shared.add(name)

    @property
    def content(self) -> bool:
        return self._left <= 0

    # ---------------------------------------------------------- telling
    def begin_test(self) -> None:
        self._mine = set()

    def end_test(self, test: str) -> None:
        """Tell what this test executed, also if that is nothing, and what is newly known to be shared."""
        fresh = self._shared - self._told_shared
        self._told_shared |= fresh
        self._left -= len(fresh) + len(self._mine)
        if self._left > 0:
            if fresh:
                self._send("", fresh)
            self._send(test, self._mine)

    def _send(self, test: str, names: set[Name]) -> None:
        chunk: list[Name] = []
        chars = 0
        for name in sorted(names):
            chars += len(name[0]) + len(name[1])
            if chunk and (len(chunk) == CHUNK or chars > CHUNK_CHARS):
                self._tell(test, chunk)
                chunk, chars = [], len(name[0]) + len(name[1])
            chunk.append(name)
        self._tell(test, chunk)

    # ---------------------------------------------------------- names
    def _place(self, filename: str) -> str:
        """The file relative to the root, with forward slashes; "" if it is none of the project's own."""
        if filename not in self._places:
            self._places[filename] = self._found_place(filename) if filename.endswith(".py") else ""
        return self._places[filename]

    def _found_place(self, filename: str) -> str:
        real = os.path.realpath(filename)
        if not real.startswith(self._root) or real.startswith(self._foreign):
            return ""
        parts = real[len(self._root) :].split(os.sep)
        hidden = any(part in FOREIGN or part.startswith(".") for part in parts)
        return "" if hidden or is_test_file(parts) else "/".join(parts)

    def _qualname(self, code: types.CodeType) -> str:
        told = getattr(code, "co_qualname", None)
        if told is not None:
            return str(told).replace(".<locals>", "")
        file = code.co_filename
        if file not in self._of_file:
            self._of_file[file] = qualnames(self._overlay.source(file) or text_on_disk(file))
        return self._of_file[file].get((code.co_name, code.co_firstlineno), "")
