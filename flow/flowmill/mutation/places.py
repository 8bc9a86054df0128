"""Operators on indices, bounds and slices: where in a sequence, and how far."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

from flowmill.mutation.scene import BUILTINS, Scene
from flowmill.mutation.shapes import Change
from flowmill.mutation.values import name

_BOUNDS = frozenset({"range", "islice", "randint", "combinations", "permutations"})


def one_off(scene: Scene) -> Iterator[Change]:
    """One more or less where a number is wanted."""
    for node in scene.all(ast.Name, ast.Call, ast.BinOp, ast.Attribute, ast.Subscript):
        likely = _numeric(scene, node)
        if likely and not _already(scene, node):
            for op in (ast.Add(), ast.Sub()):
                yield scene.swap("off by one", node, ast.BinOp(node, op, ast.Constant(1)), likely)


def _numeric(scene: Scene, node: ast.expr) -> float:
    """How much speaks for it that this expression is a number; 0 where it cannot well be one."""
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return 0.0
    if isinstance(node, ast.Name) and (node.id in BUILTINS or node.id in scene.functions):
        return 0.0
    place = scene.places[id(node)]
    match place.parent:
        case ast.Subscript(ctx=context) if place.field == "slice":
            return 0.9 if isinstance(context, ast.Load) else 0.6
        case ast.Slice():
            return 1.0
        case ast.Tuple() as parent if isinstance(owner := scene.parent(parent), ast.Subscript):
            return 0.9 if isinstance(owner.ctx, ast.Load) else 0.6
        case ast.Call(func=ast.Name(id=called)) if place.field == "args":
            return 1.0 if called in _BOUNDS else 0.9 if called == scene.nearby.name else _named(scene, called)
        case ast.Compare(ops=[ast.Lt() | ast.LtE() | ast.Gt() | ast.GtE() | ast.Eq() | ast.NotEq()]):
            return 0.6
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.FloorDiv() | ast.Div() | ast.Mod()):
            return 0.5
        case ast.Return() | ast.Assign() | ast.AugAssign():
            return 0.45 if isinstance(node, (ast.Call, ast.BinOp, ast.Name)) else 0.2
        case _:
            return 0.0


def _named(scene: Scene, called: str) -> float:
    """Functions that the body defines itself are likely to count; others seldom."""
    own = any(isinstance(n, ast.FunctionDef) and n.name == called for n in scene.nodes)
    return 0.9 if own else 0.0 if called in BUILTINS else 0.2


def _already(scene: Scene, node: ast.expr) -> bool:
    """Whether a 1 is added or taken away there, which other operators change."""
    around = scene.parent(node)
    return any(
        isinstance(n, ast.BinOp) and isinstance(n.right, ast.Constant) and n.right.value == 1
        for n in (node, around)
    )


def indices(scene: Scene) -> Iterator[Change]:
    """Another place in the same sequence."""
    for node in scene.all(ast.Subscript):
        if isinstance(node.slice, ast.Slice):
            continue
        for other in (0, -1):
            if not (isinstance(node.slice, ast.Constant) and node.slice.value == other):
                yield scene.swap("index", node, _sub(node, _whole(other)), 0.5)
        if isinstance(node.ctx, ast.Load):
            yield scene.swap("simplify", node, node.value)
            for lower, upper in ((None, node.slice), (node.slice, None)):
                yield scene.swap("slice", node, _sub(node, ast.Slice(lower, upper)), 0.4)
        if isinstance(node.value, ast.Subscript):
            # `a[i][j]` for `a[j][i]`.
            inner = _sub(node.value, node.slice)
            made = _sub(node, node.value.slice)
            made.value = inner
            yield scene.swap("index", node, made)


def _whole(value: int) -> ast.expr:
    return ast.Constant(value) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-value))


def _sub(node: ast.Subscript, part: ast.expr) -> ast.Subscript:
    made = copy.copy(node)
    made.slice = part
    return made


def slices(scene: Scene) -> Iterator[Change]:
    """Bounds that are missing, too many, or exchanged; a slice where there was none."""
    for node in scene.all(ast.Slice):
        lower, upper, step = node.lower, node.upper, node.step
        holder = scene.parent(node)
        assert isinstance(holder, (ast.Subscript, ast.Tuple))
        for parts in _other_bounds(lower, upper, step):
            if parts != (lower, upper, step):
                yield scene.swap("slice", node, ast.Slice(*parts))
        if isinstance(holder, ast.Subscript) and isinstance(holder.ctx, ast.Load):
            yield scene.swap("simplify", holder, holder.value)
        if upper is None:
            for known in scene.names[:6]:
                yield scene.swap("slice", node, ast.Slice(lower, name(known), step), 0.4)
        if lower is None:
            for known in scene.names[:6]:
                yield scene.swap("slice", node, ast.Slice(name(known), upper, step), 0.4)
    for node in scene.all(ast.Name):
        yield from _sliced(scene, node)


def _other_bounds(
    lower: ast.expr | None, upper: ast.expr | None, step: ast.expr | None
) -> Iterator[tuple[ast.expr | None, ast.expr | None, ast.expr | None]]:
    yield None, upper, step
    yield lower, None, step
    yield upper, lower, step
    if step is not None:
        yield lower, upper, None
    if lower is None:
        yield ast.Constant(1), upper, step
    if upper is None:
        yield lower, _whole(-1), step


def _sliced(scene: Scene, node: ast.Name) -> Iterator[Change]:
    place = scene.places[id(node)]
    holder = place.parent
    iterated = isinstance(holder, (ast.For, ast.comprehension)) and place.field == "iter"
    handed = isinstance(holder, (ast.Call, ast.Return)) and place.field in ("args", "value")
    if node.id not in scene.names or not (iterated or handed):
        return
    one, end = ast.Constant(1), _whole(-1)
    for parts in ((one, None, None), (None, end, None), (None, None, end)):
        made = ast.Subscript(node, ast.Slice(*parts), ast.Load())
        yield scene.swap("slice", node, made, 0.7 if _is_sequence(scene, node.id) else 0.4)
    for known in scene.names[:6]:
        if known != node.id:
            made = ast.Subscript(node, ast.Slice(name(known), None, None), ast.Load())
            yield scene.swap("slice", node, made, 0.35)


def _is_sequence(scene: Scene, identifier: str) -> bool:
    used = scene.uses.get(identifier, set[str]())
    return bool(used & {"Subscript.value", "len()", "For.iter", "comprehension.iter", "enumerate()"})
