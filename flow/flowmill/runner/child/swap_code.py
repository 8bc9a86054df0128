"""Compiles one function's text so that its code fits function objects that exist already."""

from __future__ import annotations
import __future__

import ast
import copy
import types
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Union, cast

_FLAGS: set[int] = {getattr(__future__, name).compiler_flag for name in __future__.all_feature_names}
NESTED, ITERABLE_COROUTINE = 0x10, 0x100
FUTURE = sum(_FLAGS) & ~NESTED
"""The flags of code that `from __future__` sets."""
CLASS, SUPER = "flowmill: the class", "flowmill: super"
"""Constants that stand for objects until `bound` puts those in their place."""
Def = Union[ast.FunctionDef, ast.AsyncFunctionDef]  # noqa: UP007 - evaluated by 3.9


class Refusal(Exception):
    """Why the swap cannot be done; the run goes another way."""


@dataclass(frozen=True)
class Scope:
    """A class or function around the target; `names` are what the function binds, None for a class."""

    name: str
    names: tuple[str, ...] | None


@dataclass(frozen=True)
class Place:
    """Where a definition stands: the scopes around it, and the names that its module imports.

    Since 3.11 a call of an imported module's function is compiled unlike that of a method.
    """

    scopes: tuple[Scope, ...]
    imported: frozenset[str] = frozenset()


def parse_function(text: str, at: int) -> Def:
    """The definition that begins on the first line of the text, numbered from `at` on."""
    indented = text[:1].isspace()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree: Any = ast.parse("if True:\n" + text if indented else text)
    ast.increment_lineno(tree, at - 1 - indented)
    return cast(Def, tree.body[0].body[0] if indented else tree.body[0])


def first_line(node: Def) -> int:
    """The first line of the definition's code."""
    return node.decorator_list[0].lineno if node.decorator_list else node.lineno


def compiled(node: Def, place: Place, filename: str, flags: int) -> types.CodeType:
    """The definition's code, compiled as if it stood in that place."""
    text, scopes = "", place.scopes
    for depth, scope in enumerate(scopes):
        head = f"class {scope.name}" if scope.names is None else f"def {scope.name}({', '.join(scope.names)})"
        text += " " * depth + head + ":\n"
    tree: Any = ast.parse(text + " " * len(scopes) + "pass\n")
    inner = tree
    for _ in scopes:
        inner = inner.body[0]
    inner.body = [node]
    if place.imported:
        tree.body[:0] = ast.parse("import " + ", ".join(sorted(place.imported))).body
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module: types.CodeType = compile(tree, filename, "exec", flags=flags & FUTURE, dont_inherit=True)
    first = first_line(node)
    found = [c for c in codes_in(module) if c.co_name == node.name and c.co_firstlineno == first]
    if not found:
        raise Refusal("its code was not found after it was compiled")
    return found[0]


def codes_in(code: types.CodeType) -> Iterator[types.CodeType]:
    """All code that is a constant of this code, at any depth."""
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield const
            yield from codes_in(const)


def fitted(node: Def, old: types.CodeType, place: Place) -> types.CodeType:
    """The definition's code with the old code's free variables, which the closures' cells are for."""
    code = compiled(node, place, old.co_filename, old.co_flags)
    extra = set(code.co_freevars) - set(old.co_freevars)
    if "__class__" in extra:
        node = without_class_cell(node)
    lost = set(old.co_freevars) - set(code.co_freevars)
    if extra - {"__class__"}:
        used = min(extra - {"__class__"})
        raise Refusal(f"it uses {used} of the function around it, which the original does not")
    if lost or extra:
        code = compiled(_padded(node, lost), place, old.co_filename, old.co_flags)
    if code.co_freevars != old.co_freevars:
        raise Refusal("it does not use the same variables of the code around it")
    if old.co_flags & ITERABLE_COROUTINE:
        code = code.replace(co_flags=code.co_flags | ITERABLE_COROUTINE)
    return code


def _padded(node: Def, names: set[str]) -> Def:
    """The definition with uses of these variables that never run, so that they stay free variables."""
    if not names:
        return node
    last = node.body[-1]
    dead = ast.parse("if 0:\n" + "".join(f" {name}\n" for name in sorted(names))).body[0]
    for inner in ast.walk(dead):
        if isinstance(inner, (ast.stmt, ast.expr)):
            ast.copy_location(inner, last)
    padded = copy.copy(node)
    padded.body = [*node.body, dead]
    return padded


# ------------------------------------------------------------------ super() and __class__
def without_class_cell(node: Def) -> Def:
    """The definition with `super` and `__class__` as constants, for a method that has no cell for its class."""
    return cast(Def, _Explicit(node).visit(copy.deepcopy(node)))


class _Explicit(ast.NodeTransformer):
    """Any use of the name `super` asks for the cell, so the name itself has to go."""

    def __init__(self, outermost: Def) -> None:
        arguments = [*outermost.args.posonlyargs, *outermost.args.args]
        self._first = arguments[0].arg if arguments else ""
        self._depth = 0

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.ClassDef):
            return node  # Its methods have a cell of their own.
        own = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.GeneratorExp))
        own = own or isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp))
        self._depth += own
        visited = super().visit(node)
        self._depth -= own
        return visited

    def visit_Call(self, node: ast.Call) -> ast.AST:
        bare = isinstance(node.func, ast.Name) and node.func.id == "super" and not node.args
        self.generic_visit(node)
        if bare and not node.keywords:
            if self._depth > 1 or not self._first:
                raise Refusal("it uses super() in a way that needs the class to be made anew")
            first = ast.Name(self._first, ast.Load())
            node.args = [ast.copy_location(value, node) for value in (ast.Constant(CLASS), first)]
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        marks = {"super": SUPER, "__class__": CLASS}
        if node.id not in marks:
            return node
        if not isinstance(node.ctx, ast.Load):
            raise Refusal(f"it assigns to {node.id}")
        return ast.copy_location(ast.Constant(marks[node.id]), node)


def needs_class(code: types.CodeType) -> bool:
    """Whether the code has a constant that stands for its class."""
    return any(const in (CLASS, SUPER) for part in (code, *codes_in(code)) for const in _texts(part))


def _texts(code: types.CodeType) -> list[str]:
    return [const for const in code.co_consts if isinstance(const, str)]


def bound(code: types.CodeType, meanings: Mapping[str, object]) -> types.CodeType:
    """The code with the objects that its constants stand for."""

    def meaning(const: object) -> object:
        if isinstance(const, types.CodeType):
            return bound(const, meanings)
        return meanings.get(const, const) if isinstance(const, str) else const

    return code.replace(co_consts=tuple(map(meaning, code.co_consts)))


# ------------------------------------------------------------------ comparing
_COMPARED = (
    "co_argcount", "co_cellvars", "co_code", "co_freevars", "co_kwonlyargcount", "co_name", "co_names",
    "co_posonlyargcount", "co_varnames",
)  # fmt: skip


def same_code(one: types.CodeType, other: types.CodeType) -> bool:
    """Whether both do the same, wherever they stand."""
    if any(getattr(one, name) != getattr(other, name) for name in _COMPARED):
        return False
    # `types.coroutine` sets a flag afterwards; type parameters of a class make its methods nested.
    if (one.co_flags ^ other.co_flags) & ~(NESTED | ITERABLE_COROUTINE) or len(one.co_consts) != len(
        other.co_consts
    ):
        return False
    return all(map(_same_const, one.co_consts, other.co_consts))


def _same_const(one: object, other: object) -> bool:
    if isinstance(one, types.CodeType) and isinstance(other, types.CodeType):
        return same_code(one, other)
    return type(one) is type(other) and one == other
