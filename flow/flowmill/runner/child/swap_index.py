"""Finds the function objects that a draft has to reach."""

from __future__ import annotations

import ast
import functools
import gc
import importlib.machinery
import linecache
import os
import sys
import types
from typing import Any, cast

from .swap_code import codes_in

ACCESSORS = frozenset({"getter", "setter", "deleter"})
COMPILERS = frozenset(
    {"Cython", "cython", "jax", "jaxlib", "numba", "taichi", "tensorflow", "torch", "triton"}
)
_Lru: Any = type(functools.lru_cache(maxsize=None)(len))


class Index:
    """The function objects that run the target's code, and those that make such functions.

    `imported` are the names that imports of the module bind. `spans` are the lines of the definitions in the loaded text. Built once, when all is
    collected, and before `gc.freeze`, which hides objects from it.
    """

    def __init__(self, file: str, qualname: str, spans: list[tuple[int, int]]) -> None:
        outer, name = ["", *qualname.split(".")][-2:]
        self._real = os.path.realpath(file)
        self._basenames = {os.path.basename(file), os.path.basename(self._real)}
        # A property's setter is named C.x.setter, its code x.
        self._names = {name, outer} if name in ACCESSORS else {name}
        self._firsts = {first for first, _ in spans}
        self._same: dict[str, bool] = {}
        self.functions: list[types.FunctionType] = []
        self.around: list[types.FunctionType] = []
        self.imported: frozenset[str] = frozenset()
        self.problem = ""
        """Why no draft of this function can be swapped in, whatever it is."""

    @classmethod
    def build(cls, file: str, qualname: str, spans: list[tuple[int, int]]) -> Index:
        index = cls(file, qualname, spans)
        objects = gc.get_objects()
        for function in [thing for thing in objects if type(thing) is types.FunctionType]:
            if index.here(function.__code__.co_filename):
                if index.is_target(function.__code__):
                    index.functions.append(function)
                elif any(map(index.is_target, codes_in(function.__code__))):
                    index.around.append(function)
        if sys.version_info >= (3, 11):
            for filename in {f.__code__.co_filename for f in (*index.functions, *index.around)}:
                index.imported = imported_names("".join(linecache.getlines(filename)))
        index.problem = index._cached(objects) or index._compiled(objects) or index._transformed()
        return index

    def here(self, filename: str) -> bool:
        if filename not in self._same:
            # Asking the file system about every file of a large library would take longer than all the rest.
            alike = os.path.basename(filename) in self._basenames
            self._same[filename] = alike and os.path.realpath(filename) == self._real
        return self._same[filename]

    def is_target(self, code: types.CodeType) -> bool:
        return code.co_firstlineno in self._firsts and code.co_name in self._names

    def _cached(self, objects: list[Any]) -> str:
        """What a cache remembers was computed by the code before."""
        ours = set(map(id, self.functions))
        for cache in [thing for thing in objects if type(thing) is _Lru]:
            inner, depth = cache, 0
            while inner is not None and depth < 9:
                if id(inner) in ours and cache.cache_info().currsize:
                    return "it ran before the tests did, and a cache remembers what it gave"
                inner, depth = getattr(inner, "__wrapped__", None), depth + 1
        return ""

    def _compiled(self, objects: list[Any]) -> str:
        """What a compiler made of the code does not change with it."""
        if COMPILERS.isdisjoint(sys.modules):
            return ""
        ours = set(map(id, self.functions))
        for thing in objects:
            package = str(getattr(cast(Any, type(thing)), "__module__", "")).partition(".")[0]
            if package in COMPILERS and callable(thing):
                held = [getattr(thing, name, None) for name in ("py_func", "__wrapped__", "fn")]
                if any(id(function) in ours for function in held):
                    return f"{package} compiles the function"
        return ""

    def _transformed(self) -> str:
        """Import hooks that check types or measure change the code of a module as they load it."""
        plain = importlib.machinery.SourceFileLoader.source_to_code
        for function in (*self.functions, *self.around):
            loader: Any = function.__globals__.get("__loader__")
            if isinstance(loader, importlib.machinery.SourceFileLoader):
                kind: type[importlib.machinery.SourceFileLoader] = type(loader)
                if kind.source_to_code is not plain:
                    return f"its module is loaded by {kind.__name__}, which may change the code"
        return ""


def imported_names(text: str) -> frozenset[str]:
    """The names that import statements bind in the module's own scope."""
    try:
        todo: list[ast.AST] = [ast.parse(text)]
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()
    found: set[str] = set()
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.expr)):
            todo.extend(ast.iter_child_nodes(node))
    return frozenset(found) - {"*"}
