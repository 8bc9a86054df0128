"""Operators on what stands alone: constants, names, attributes, containers."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

from flowmill.mutation.scene import BUILTINS, Scene
from flowmill.mutation.shapes import Change

NEAREST = 12
"""Other names that are tried in place of one."""
MOST_ENTRIES = 8
_EMPTY = (ast.List([], ast.Load()), ast.Tuple([], ast.Load()), ast.Dict([], []))


def name(identifier: str) -> ast.Name:
    return ast.Name(identifier, ast.Load())


def constants(scene: Scene) -> Iterator[Change]:
    """Numbers, texts and flags."""
    for node in scene.all(ast.Constant):
        value = node.value
        if isinstance(scene.parent(node), (ast.JoinedStr, ast.FormattedValue)):
            continue
        if isinstance(value, bool) or value is None:
            others: tuple[object, ...] = (True, False, None)
            for other in others:
                if other is not value:
                    likely = 1.0 if isinstance(value, bool) and isinstance(other, bool) else 0.3
                    yield scene.swap("flag", node, ast.Constant(other), likely)
        elif isinstance(value, int):
            yield from _numbers(scene, node, value)
        elif isinstance(value, (str, float)):
            yield from _same_type(scene, node)
        yield from _named(scene, node)


def _numbers(scene: Scene, node: ast.Constant, value: int) -> Iterator[Change]:
    parent = scene.parent(node)
    if isinstance(parent, ast.BinOp) and isinstance(parent.op, (ast.Add, ast.Sub)) and value == 1:
        yield scene.swap("off by one", parent, parent.left, 0.8)
    for other, likely in ((value + 1, 1.0), (value - 1, 1.0), (-value, 0.4), (0, 0.4), (1, 0.4), (2, 0.2)):
        if other != value:
            yield scene.swap(
                "off by one" if abs(other - value) == 1 else "constant", node, _number(other), likely
            )
    yield from _same_type(scene, node)


def _number(value: int) -> ast.expr:
    return ast.Constant(value) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-value))


def _same_type(scene: Scene, node: ast.Constant) -> Iterator[Change]:
    others = [n.value for n in scene.all(ast.Constant) if type(n.value) is type(node.value)]
    if isinstance(node.value, str):
        others.append("")
    for other in list(dict.fromkeys(others))[:6]:
        if other != node.value:
            yield scene.swap("constant", node, ast.Constant(other), 0.5)


def _named(scene: Scene, node: ast.Constant) -> Iterator[Change]:
    """A constant that should be a name; rarely in a text's place."""
    if isinstance(node.value, str) or isinstance(scene.parent(node), (ast.UnaryOp, ast.Expr)):
        return
    for other in (*scene.names[:NEAREST], *scene.nearby.constants[:4]):
        yield scene.swap("constant", node, name(other), 0.35)


def names(scene: Scene) -> Iterator[Change]:
    """A name for another one, those that are used alike first."""
    for node in scene.all(ast.Name):
        place = scene.places[id(node)]
        if place.field == "func" or node.id in BUILTINS or node.id not in scene.names:
            continue
        others = sorted((n for n in scene.names if n != node.id), key=lambda n: -scene.likeness(n, node.id))
        for other in others[:NEAREST]:
            likely = 0.4 + 0.6 * scene.likeness(other, node.id)
            stored = not isinstance(node.ctx, ast.Load)
            yield scene.swap("variable", node, ast.Name(other, node.ctx), likely * (0.5 if stored else 1.0))
        if isinstance(node.ctx, ast.Load) and isinstance(place.parent, (ast.Call, ast.Return, ast.Compare)):
            for value in (0, 1):
                yield scene.swap("constant", node, ast.Constant(value), 0.2)


def attributes(scene: Scene) -> Iterator[Change]:
    """An attribute for another one that is asked of the same name, or that the class has."""
    asked: dict[str, dict[str, None]] = {}
    for node in scene.all(ast.Attribute):
        asked.setdefault(ast.unparse(node.value), {})[node.attr] = None
    every = dict.fromkeys(attr for attrs in asked.values() for attr in attrs)
    for node in scene.all(ast.Attribute):
        whose = ast.unparse(node.value)
        own = [*asked[whose], *(scene.nearby.attributes if whose in ("self", "cls") else ())]
        called = scene.places[id(node)].field == "func"
        others: list[str] = own[:20] if called else [*own[:20], *every]
        for other in dict.fromkeys(others):
            if other != node.attr:
                made = ast.Attribute(node.value, other, node.ctx)
                yield scene.swap("attribute", node, made, 0.8 if other in asked[whose] else 0.4)
        if isinstance(node.ctx, ast.Load) and not called:
            yield scene.swap("simplify", node, node.value, 0.5)


def containers(scene: Scene) -> Iterator[Change]:
    """Empty and single-element containers."""
    for node in scene.all(ast.List, ast.Tuple, ast.Dict, ast.Set):
        if isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del)):
            continue
        yield from _of_container(scene, node)


def _of_container(scene: Scene, node: ast.List | ast.Tuple | ast.Dict | ast.Set) -> Iterator[Change]:
    if isinstance(node, ast.Dict):
        yield from _entries(scene, node)
    elements = [] if isinstance(node, ast.Dict) else node.elts
    empty = not (node.keys if isinstance(node, ast.Dict) else elements)
    if empty:
        yield scene.swap("container", node, ast.List([_empty(node)], ast.Load()))
        yield scene.swap("container", node, ast.Constant(None), 0.4)
        for other in scene.nearby.params[:4]:
            yield scene.swap("container", node, ast.List([name(other)], ast.Load()), 0.6)
            yield scene.swap("container", node, name(other), 0.4)
        for make in _EMPTY:
            if type(node) is not type(make):
                yield scene.swap("container", node, make, 0.4)
        yield scene.swap("container", node, ast.Call(name("set"), [], []), 0.3)
    elif len(elements) == 1:
        yield scene.swap("container", node, elements[0], 0.5)
        if isinstance(node, (ast.List, ast.Tuple)):
            yield scene.swap("container", node, _empty(node), 0.4)
    if isinstance(node, ast.List) and elements:
        yield scene.swap("container", node, ast.Tuple(elements, ast.Load()), 0.2)
    for place in range(len(elements) if 2 <= len(elements) <= 6 else 0):
        left = [e for n, e in enumerate(elements) if n != place]
        yield scene.swap("simplify", node, _with(node, left), 0.4)
    for place in range(len(elements) - 1 if len(elements) <= 6 else 0):
        turned = list(elements)
        turned[place], turned[place + 1] = turned[place + 1], turned[place]
        yield scene.swap(
            "index" if isinstance(scene.parent(node), ast.Subscript) else "operands",
            node,
            _with(node, turned),
        )


def _entries(scene: Scene, node: ast.Dict) -> Iterator[Change]:
    """One entry less."""
    for place in range(len(node.keys) if 2 <= len(node.keys) <= MOST_ENTRIES else 0):
        keys = [key for n, key in enumerate(node.keys) if n != place]
        values = [value for n, value in enumerate(node.values) if n != place]
        yield scene.swap("simplify", node, ast.Dict(keys, values))


def _empty(like: ast.AST) -> ast.expr:
    if isinstance(like, ast.Dict):
        return ast.Dict([], [])
    return ast.Tuple([], ast.Load()) if isinstance(like, ast.Tuple) else ast.List([], ast.Load())


def _with(node: ast.AST, elements: list[ast.expr]) -> ast.AST:
    made = copy.copy(node)
    made.elts = elements  # pyright: ignore[reportAttributeAccessIssue] - only called for what has them
    return made
