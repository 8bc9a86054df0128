"""What a draft means by a name that nobody defines: small models take over what stands in a function like it."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flowmill.engine.names import BUILTINS, bound_names, used_names
from flowmill.engine.reply import parse
from flowmill.source.function import Function
from flowmill.source.text import SourceFile

CLOSE = 0.8
"""How alike two names are, by difflib's ratio, to be taken for one that was misspelt."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Where a name may come from.

    `statements` give names their values in other functions of the file or in those that
    the prompt shows, `members` are what the function's class calls its own.
    """

    owner: str = ""
    """`self` or `cls`, "" for a function that has neither."""
    members: frozenset[str] = frozenset()
    statements: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])


NOWHERE = Lookup()


@dataclass(frozen=True, slots=True)
class Meant:
    """Names to be written otherwise, and statements to begin with."""

    renamed: Mapping[str, str]
    first: tuple[str, ...]
    notes: tuple[str, ...]


def meant(body: ast.AST, params: Sequence[str], known: Collection[str], lookup: Lookup) -> Meant:
    """How the names can be had that the body reads and neither it, its parameters nor `known` define."""
    have = BUILTINS | bound_names([body]) | set(params) | set(known)
    renamed: dict[str, str] = {}
    first: dict[str, None] = {}
    notes: list[str] = []
    for name in used_names([body]):
        if name in have:
            continue
        if lookup.owner and name in lookup.members:
            renamed[name] = f"{lookup.owner}.{name}"
        elif close := difflib.get_close_matches(name, [p for p in params if p != lookup.owner], 1, CLOSE):
            renamed[name] = close[0]
        elif (statement := _available(lookup.statements.get(name, ()), have)) is not None:
            first[statement] = None
            notes.append(f"`{statement}` is taken from a function like it")
            continue
        else:
            continue
        notes.append(f"`{name}` is taken to mean `{renamed[name]}`")
    return Meant(renamed, tuple(first), tuple(notes))


def _available(statements: Sequence[str], have: Collection[str]) -> str | None:
    """The first statement whose names can all be had at the beginning of the body."""
    trees = ((text, parse(text)) for text in statements)
    return next((text for text, tree in trees if tree and set(used_names([tree])) <= set(have)), None)


def lookup_of(file: SourceFile, function: Function, shown: Sequence[str]) -> Lookup:
    """What the function's file and the functions that are `shown` in its prompt have to offer.

    Nothing where names may be defined out of sight: by a star import, or in a function around this one.
    """
    if _is_nested(function) or any(_is_star(node) for node in ast.walk(file.tree)):
        return NOWHERE
    owner = function.params[0] if function.params and function.params[0] in ("self", "cls") else ""
    members = frozenset(_members(file, function)) if owner else frozenset[str]()
    trees = [tree for text in shown if (tree := parse(text)) is not None]
    found: dict[str, dict[str, None]] = {}
    for tree in [*trees, file.tree]:
        for name, statement in _statements(tree, function):
            found.setdefault(name, {})[statement] = None
    return Lookup(owner, members, {name: tuple(texts) for name, texts in found.items()})


def _is_nested(function: Function) -> bool:
    return function.qualname.count(".") > len(function.classes)


def _is_star(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)


def _members(file: SourceFile, function: Function) -> Iterator[str]:
    for node in ast.walk(file.tree):
        if isinstance(node, ast.ClassDef) and function.classes[-1:] == (node.name,):
            for inner in ast.walk(node):
                match inner:
                    case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name, ctx=ast.Store()):
                        yield name
                    case ast.AnnAssign(target=ast.Name(id=name)):
                        yield name
                    case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                        yield name
                    case _:
                        pass


def _statements(tree: ast.Module, function: Function) -> Iterator[tuple[str, str]]:
    """What the functions of a tree give their local names, and their parameters by default."""
    for node in ast.walk(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or node is function.node:
            continue
        for inner in node.body:
            match inner:
                case ast.Assign(targets=[ast.Name(id=name)]):
                    yield name, ast.unparse(inner)
                case _:
                    pass
        for argument, default in _defaults(node.args):
            yield argument, f"{argument} = {ast.unparse(default)}"


def _defaults(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    listed = [*arguments.posonlyargs, *arguments.args]
    yield from zip(
        (argument.arg for argument in listed[len(listed) - len(arguments.defaults) :]),
        arguments.defaults,
        strict=True,
    )
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if default is not None:
            yield argument.arg, default
