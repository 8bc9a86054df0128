"""What a draft may not change if it is to be put into code that is loaded already.

A function object keeps its signature, its decorators' work and its place when its code
is replaced, so whatever those depend on must be the same in both texts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from flowmill.source.function import Def, last_name, own_nodes
from flowmill.source.imports import module_names

OUTSIDE = "it changes code outside of the function"
_COMPILING_ROOTS = frozenset(
    {"cython", "nb", "numba", "pythran", "taichi", "tensorflow", "tf", "ti", "tl", "transonic", "triton"}
)
_COMPILING = frozenset({"cfunc", "guvectorize", "kernel", "pmap", "script", "stencil", "vectorize"})
_BLIND_TO_KIND = frozenset(
    {
        "abstractmethod", "asynccontextmanager", "cache", "classmethod", "contextmanager", "deleter", "final",
        "fixture", "getter", "lru_cache", "override", "property", "register", "setter", "singledispatch",
        "singledispatchmethod", "staticmethod", "wraps",
    }
)  # fmt: skip
"""Decorators that do not ask at import whether a function is a generator."""


def refusal(before: Def, after: Def) -> str:
    """Why the one definition's code cannot stand in for the other's, "" if it can."""
    if after.name != before.name:
        return f"its name differs: {after.name} instead of {before.name}"
    if type(after) is not type(before):
        return "one is a def, the other an async def"
    if _dumps(after.decorator_list) != _dumps(before.decorator_list):
        return "its decorators differ"
    if _signature(after) != _signature(before):
        return "its signature differs"
    compiling = next((name for node in before.decorator_list if (name := _compiles(node))), "")
    if compiling:
        return f"@{compiling} compiles the function"
    return _docstring_refusal(before, after) or _kind_refusal(before, after)


def sort_added(added: Iterable[ast.stmt]) -> tuple[list[str], list[ast.stmt]] | str:
    """New statements of the module as import statements and helpers, or why one is neither."""
    imports: list[str] = []
    helpers: list[ast.stmt] = []
    for node in added:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            return "it adds a __future__ import"
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            if any(alias.name == "*" for alias in node.names):
                return "it adds a star import"
            imports.append(ast.unparse(node))
        elif _is_helper(node):
            helpers.append(node)
        else:
            return OUTSIDE
    return imports, helpers


def too_early(helpers: Iterable[ast.stmt], module: ast.Module, line: int) -> str:
    """Why a helper above `line` could not be executed where it stands, as one of a loaded module can."""
    above = [node for node in module.body if (node.end_lineno or 0) < line]
    below = module.body[len(above) :]
    later = module_names(ast.Module(below, [])) - module_names(ast.Module(above, []))
    used = {name for node in helpers for name in _names_at_import([node])} & later
    return f"its helper uses {min(used)}, which the module defines further down" if used else ""


def _signature(node: Def) -> list[str]:
    parts = [ast.dump(node.args), "" if node.returns is None else ast.dump(node.returns)]
    return parts + _dumps(getattr(node, "type_params", []))


def _dumps(nodes: Iterable[ast.AST]) -> list[str]:
    return [ast.dump(node) for node in nodes]


def _compiles(decorator: ast.expr) -> str:
    """The name of a decorator that makes something else of the code than the interpreter runs."""
    node = decorator.func if isinstance(decorator, ast.Call) else decorator
    if isinstance(decorator, ast.Call) and last_name(decorator) == "partial" and decorator.args:
        return _compiles(decorator.args[0])
    name, last = ast.unparse(node), last_name(node)
    root = name.partition(".")[0]
    if root in {"np", "numpy"}:
        return ""
    compiling = root in _COMPILING_ROOTS or last in _COMPILING or "jit" in name or "compile" in last
    return name if compiling else ""


def _docstring_refusal(before: Def, after: Def) -> str:
    old, new = ast.get_docstring(before, clean=False) or "", ast.get_docstring(after, clean=False) or ""
    if old == new:
        return ""
    if ">>>" in old or ">>>" in new:
        return "the examples in its docstring may differ"
    return "its docstring differs, which its decorators may have copied" if before.decorator_list else ""


def _kind_refusal(before: Def, after: Def) -> str:
    if _is_generator(before) == _is_generator(after):
        return ""
    for decorator in before.decorator_list:
        if last_name(decorator) not in _BLIND_TO_KIND:
            what = "becomes a generator" if _is_generator(after) else "is no generator any more"
            return f"it {what}, which @{ast.unparse(decorator)} may have asked about"
    return ""


def _is_generator(node: Def) -> bool:
    return any(isinstance(inner, (ast.Yield, ast.YieldFrom)) for inner in own_nodes(node))


def _is_helper(node: ast.stmt) -> bool:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return True
    if isinstance(node, ast.Assign):
        return all(isinstance(target, ast.Name) for target in node.targets)
    return isinstance(node, ast.AnnAssign) and node.value is not None and isinstance(node.target, ast.Name)


def _names_at_import(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The names that are looked up when these nodes are executed, as far as they say it themselves."""
    todo = list(nodes)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        children = list(ast.iter_child_nodes(node))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            # Annotations may never be evaluated; a body runs later.
            arguments = node.args
            children = [*node.decorator_list, *arguments.defaults, *filter(None, arguments.kw_defaults)]
        elif isinstance(node, ast.Lambda):
            children = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
        todo.extend(children)
