"""Operators on whole statements: left out, moved, nested otherwise, assigned or returned otherwise."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from itertools import pairwise
from typing import cast

from flowmill.mutation.lines import (
    deleted,
    exchanged,
    indent_of,
    inserted,
    moved,
    owns_lines,
    span_of,
    unwrapped,
)
from flowmill.mutation.scene import SIMPLE, Scene
from flowmill.mutation.shapes import Change
from flowmill.mutation.values import name

_JUMPS = (ast.Break, ast.Continue, ast.Return)


def deletions(scene: Scene) -> Iterator[Change]:
    """A statement less, or a check less."""
    for node in scene.all(ast.stmt):
        first, last = span_of(scene, node)
        if isinstance(node, ast.If):
            yield Change("drop guard", node.lineno, 0.7, lambda node=node: deleted(scene, node), last - first)
            if not node.orelse:
                yield Change(
                    "drop guard", node.lineno, 1.0, lambda node=node: unwrapped(scene, node), last - first
                )
        elif isinstance(node, SIMPLE) and not isinstance(node, ast.Pass):
            likely = 0.5 if isinstance(node, ast.Return) else 1.0
            yield Change("delete", node.lineno, likely, lambda node=node: deleted(scene, node), last - first)


def order(scene: Scene) -> Iterator[Change]:
    """Neighbours exchanged, and a statement moved out of its block or into the one before it."""
    for node in scene.nodes:
        for field in ("body", "orelse", "finalbody"):
            yield from _of_block(scene, node, statements_of(node, field))


def statements_of(node: ast.AST, field: str) -> list[ast.stmt]:
    """The block of that name below a node; a lambda's body is none."""
    block: object = getattr(node, field, None)
    return cast("list[ast.stmt]", block) if isinstance(block, list) else []


def _of_block(scene: Scene, holder: ast.AST, block: list[ast.stmt]) -> Iterator[Change]:
    for one, two in pairwise(block):
        likely = 1.0 if isinstance(one, SIMPLE) and isinstance(two, SIMPLE) else 0.6
        yield Change("move", one.lineno, likely, lambda one=one, two=two: exchanged(scene, one, two), 2)
        inner = _last_block(one)
        if inner and isinstance(two, SIMPLE):
            yield Change("nesting", two.lineno, 0.8, lambda two=two, inner=inner: _into(scene, two, inner), 1)
    nests = isinstance(holder, (ast.For, ast.While, ast.If, ast.With, ast.Try))
    if nests and block and isinstance(block[-1], SIMPLE):
        last = block[-1]
        likely = 1.0 if isinstance(holder, (ast.For, ast.While)) else 0.7
        yield Change("nesting", last.lineno, likely, lambda: _out_of(scene, last, holder), 1)
        yield Change("nesting", last.lineno, 0.6, lambda: _duplicated(scene, last, holder), 1)


def _last_block(node: ast.stmt) -> list[ast.stmt]:
    if not isinstance(node, (ast.For, ast.While, ast.If, ast.With)):
        return []
    orelse: list[ast.stmt] = getattr(node, "orelse", [])
    return orelse or node.body


def _into(scene: Scene, node: ast.stmt, block: list[ast.stmt]) -> str | None:
    last = block[-1]
    if not owns_lines(scene, last):
        return None
    return moved(scene, node, span_of(scene, last)[1], indent_of(scene, last))


def _out_of(scene: Scene, node: ast.stmt, holder: ast.stmt) -> str | None:
    if not owns_lines(scene, holder):
        return None
    return moved(scene, node, span_of(scene, holder)[1], indent_of(scene, holder))


def _duplicated(scene: Scene, node: ast.stmt, holder: ast.stmt) -> str | None:
    """What a block ends with, once more after it."""
    if isinstance(node, _JUMPS) or not owns_lines(scene, node) or node.lineno != node.end_lineno:
        return None
    return inserted(scene, holder, [scene.lines[node.lineno - 1].strip()], after=True)


def branches(scene: Scene) -> Iterator[Change]:
    """The bodies of `if` and `else` exchanged; a jump for another one."""
    for node in scene.all(ast.If):
        short = len(node.body) == len(node.orelse) == 1
        if short and isinstance(node.body[0], SIMPLE) and isinstance(node.orelse[0], SIMPLE):
            test = node.test
            made = ast.UnaryOp(ast.Not(), test)
            yield scene.swap("branches", test, made)
    for node in scene.all(ast.Break, ast.Continue):
        other = ast.Continue() if isinstance(node, ast.Break) else ast.Break()
        yield scene.swap("branches", node, other)
        yield scene.swap("branches", node, ast.Return(None), 0.3)


def assignments(scene: Scene) -> Iterator[Change]:
    """`=` for `+=` and back, what a method does for what an assignment does."""
    for node in scene.all(ast.AugAssign):
        yield scene.swap("assignment", node, ast.Assign([node.target], node.value))
    for node in scene.all(ast.Assign):
        target = node.targets[0]
        sums = not isinstance(node.value, (ast.Constant, ast.List, ast.Dict, ast.Set))
        if sums and len(node.targets) == 1 and isinstance(target, (ast.Name, ast.Attribute, ast.Subscript)):
            for op, likely in ((ast.Add(), 0.7), (ast.Sub(), 0.4), (ast.Mult(), 0.2)):
                yield scene.swap("assignment", node, ast.AugAssign(target, op, node.value), likely)
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            made = copy.copy(node)
            made.targets = [ast.Tuple(target.elts[::-1], ast.Store())]
            yield scene.swap("assignment", node, made, 0.6)
    for node in scene.all(ast.Expr):
        match node.value:
            case ast.Call(func=ast.Attribute(value=owner, attr=method), args=[given]) if isinstance(
                owner, (ast.Name, ast.Subscript, ast.Attribute)
            ):
                target = copy.copy(owner)
                target.ctx = ast.Store()
                likely = 0.8 if method != "append" else 0.5
                yield scene.swap("assignment", node, ast.Assign([target], given), likely)
                yield scene.swap("assignment", node, ast.Assign([target], node.value), 0.5)
            case _:
                pass


def returns(scene: Scene) -> Iterator[Change]:
    """Something else is given back, or given back at all."""
    values = [n.value for n in scene.all(ast.Return) if n.value is not None]
    for node in scene.all(ast.Return):
        yield from _other_values(scene, node, values)
    for node in scene.all(ast.Expr):
        if isinstance(node.value, (ast.Call, ast.Compare, ast.BinOp)):
            own = isinstance(node.value, ast.Call) and _calls(node.value, scene.nearby.name)
            yield scene.swap("return", node, ast.Return(node.value), 1.4 if own else 0.5)
        if isinstance(node.value, ast.Yield) and node.value.value is not None:
            yield scene.swap("yield", node.value, ast.YieldFrom(node.value.value))
        if isinstance(node.value, ast.YieldFrom):
            yield scene.swap("yield", node.value, ast.Yield(node.value.value))
    yield from _generated(scene)


def _other_values(scene: Scene, node: ast.Return, values: list[ast.expr]) -> Iterator[Change]:
    for other in scene.names:
        if not (isinstance(node.value, ast.Name) and node.value.id == other):
            yield scene.swap("return", node, ast.Return(name(other)), 0.8)
            yield scene.swap("return", node, ast.Return(ast.List([name(other)], ast.Load())), 0.2)
    for other in values:
        if other is not node.value:
            yield scene.swap("return", node, ast.Return(other), 0.7)
    if isinstance(node.value, ast.Constant) and isinstance(node.value.value, bool):
        for known in scene.names:
            for op in (ast.Eq(), ast.NotEq()):
                test = ast.Compare(name(known), [op], [ast.Constant(0)])
                yield scene.swap("return", node, ast.Return(test), 0.7)
            yield scene.swap("return", node, ast.Return(ast.UnaryOp(ast.Not(), name(known))), 0.6)
    if node.value is not None:
        yield scene.swap("return", node, ast.Return(ast.UnaryOp(ast.Not(), node.value)), 0.3)
        yield scene.swap("operator", node.value, ast.UnaryOp(ast.USub(), node.value), 0.3)


def _calls(node: ast.Call, function: str) -> bool:
    return (isinstance(node.func, ast.Name) and node.func.id == function) or (
        isinstance(node.func, ast.Attribute) and node.func.attr == function
    )


def _generated(scene: Scene) -> Iterator[Change]:
    """A generator that calls itself has to hand on what that yields."""
    if not any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in scene.nodes):
        return
    for node in scene.all(ast.Expr):
        if isinstance(node.value, ast.Call):
            yield scene.swap("yield", node.value, ast.YieldFrom(node.value))
            yield scene.swap("yield", node.value, ast.Yield(node.value), 0.6)
    for node in scene.all(ast.Yield):
        value = node.value
        if isinstance(value, ast.Call) and value.args:
            yield scene.swap("yield", node, ast.Yield(value.args[0]))
        if isinstance(value, ast.Name):
            yield scene.swap("yield", node, ast.Yield(ast.List([value], ast.Load())), 0.4)
