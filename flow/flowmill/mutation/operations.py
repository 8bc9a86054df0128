"""Operators on arithmetic, comparisons and conditions."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

from flowmill.mutation.scene import Scene
from flowmill.mutation.shapes import Change, Kind
from flowmill.mutation.values import name

_ARITHMETIC: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub, ast.Mult, ast.Mod),
    ast.Sub: (ast.Add, ast.Mod, ast.Mult, ast.FloorDiv),
    ast.Mult: (ast.Add, ast.Pow, ast.FloorDiv, ast.Div, ast.Mod),
    ast.Div: (ast.FloorDiv, ast.Mult, ast.Mod),
    ast.FloorDiv: (ast.Div, ast.Mod, ast.Mult),
    ast.Mod: (ast.FloorDiv, ast.Div, ast.Mult, ast.Add),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr, ast.BitXor),
    ast.BitOr: (ast.BitAnd, ast.BitXor, ast.Add),
    ast.BitXor: (ast.BitAnd, ast.BitOr),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
    ast.MatMult: (ast.Mult,),
}
_COMMUTES = (ast.BitAnd, ast.BitOr, ast.BitXor)
_BOUNDARY: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
}  # fmt: skip
_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_FLIPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt,
    ast.LtE: ast.GtE,
    ast.Gt: ast.Lt,
    ast.GtE: ast.LtE,
}
MOST_CONDITIONS = 8


def arithmetic(scene: Scene) -> Iterator[Change]:
    for node in scene.all(ast.BinOp):
        formats = isinstance(node.left, ast.Constant) and isinstance(node.left.value, str)
        for other in _ARITHMETIC[type(node.op)]:
            if not (formats and isinstance(node.op, ast.Mod)):
                yield scene.swap("operator", node, ast.BinOp(node.left, other(), node.right))
        if not isinstance(node.op, _COMMUTES) and not formats:
            likely = 0.5 if isinstance(node.op, ast.Mult) else 1.0
            yield scene.swap("operands", node, ast.BinOp(node.right, node.op, node.left), likely)
        yield scene.swap("simplify", node, node.left)
        yield scene.swap("simplify", node, node.right)
        yield from _joined(scene, node)
    for node in scene.all(ast.AugAssign):
        for other in _ARITHMETIC[type(node.op)]:
            made = copy.copy(node)
            made.op = other()
            yield scene.swap("operator", node, made)
    for node in scene.all(ast.UnaryOp):
        if isinstance(node.op, (ast.USub, ast.Invert)):
            yield scene.swap("operator", node, node.operand, 0.7)


def _joined(scene: Scene, node: ast.BinOp) -> Iterator[Change]:
    """`s + s.join(parts)` puts one `s` too many where there are no parts."""
    match node:
        case ast.BinOp(
            left=ast.Constant(value=str(mark)),
            op=ast.Add(),
            right=ast.Call(
                func=ast.Attribute(value=ast.Constant(value=str(between)), attr="join"), args=[parts]
            ),
        ) if mark == between:
            pass
        case _:
            return
    if isinstance(parts, (ast.GeneratorExp, ast.ListComp)):
        each = ast.ListComp(ast.BinOp(node.left, ast.Add(), parts.elt), parts.generators)
    else:
        part = ast.comprehension(ast.Name("part", ast.Store()), parts, [], 0)
        each = ast.ListComp(ast.BinOp(node.left, ast.Add(), name("part")), [part])
    empty = ast.Attribute(ast.Constant(""), "join", ast.Load())
    yield scene.swap("operands", node, ast.Call(empty, [each], []))


def comparisons(scene: Scene) -> Iterator[Change]:
    for node in scene.all(ast.Compare):
        for place, op in enumerate(node.ops):
            for other, kind, likely in _others(op):
                yield scene.swap(kind, node, _compare(node, place, other()), likely)
        if len(node.ops) == 1:
            yield from _single(scene, node)
        else:
            yield scene.swap("simplify", node, ast.Compare(node.left, node.ops[:-1], node.comparators[:-1]))
            yield scene.swap(
                "simplify", node, ast.Compare(node.comparators[0], node.ops[1:], node.comparators[1:])
            )


def _others(op: ast.cmpop) -> Iterator[tuple[type[ast.cmpop], Kind, float]]:
    kind = type(op)
    if kind in _BOUNDARY:
        yield _BOUNDARY[kind], "comparison", 1.0
        yield _FLIPPED[kind], "comparison", 0.9
    yield _OPPOSITE[kind], "negation", 1.0
    if kind in _ORDER:
        for other in _ORDER:
            if other not in (kind, _OPPOSITE[kind], _BOUNDARY.get(kind), _FLIPPED.get(kind)):
                yield other, "comparison", 0.5
    for one, two in ((ast.Is, ast.Eq), (ast.IsNot, ast.NotEq), (ast.In, ast.Eq), (ast.NotIn, ast.NotEq)):
        if kind in (one, two):
            yield (two if kind is one else one), "comparison", 0.3


def _compare(node: ast.Compare, place: int, op: ast.cmpop) -> ast.Compare:
    return ast.Compare(node.left, [*node.ops[:place], op, *node.ops[place + 1 :]], node.comparators)


def _single(scene: Scene, node: ast.Compare) -> Iterator[Change]:
    op, right = node.ops[0], node.comparators[0]
    if isinstance(op, (ast.In, ast.NotIn)):
        yield scene.swap("operands", node, ast.Compare(right, [op], [node.left]), 0.5)
    for owner in _owners(node.left):
        # `a.b is None` asks too much of an `a` that may be None itself.
        if isinstance(op, ast.Is):
            yield scene.swap("condition", node, ast.BoolOp(ast.Or(), [_is_none(owner), node]), 1.4)
        elif isinstance(op, (ast.IsNot, ast.NotEq, ast.Eq, ast.In)):
            yield scene.swap("condition", node, ast.BoolOp(ast.And(), [_is_none(owner, no=True), node]), 1.2)
            yield scene.swap("condition", node, ast.BoolOp(ast.And(), [owner, node]), 1.0)


def _owners(node: ast.expr) -> Iterator[ast.expr]:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        if isinstance(node, ast.Call):
            node = node.func
            continue
        node = node.value
        if not (isinstance(node, ast.Name) and node.id in ("self", "cls")) and not isinstance(node, ast.Call):
            yield node


def _is_none(value: ast.expr, *, no: bool = False) -> ast.Compare:
    return ast.Compare(value, [ast.IsNot() if no else ast.Is()], [ast.Constant(None)])


def logic(scene: Scene) -> Iterator[Change]:
    for node in scene.all(ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield scene.swap("logic", node, ast.BoolOp(other, node.values))
        for place, value in enumerate(node.values):
            left = [v for n, v in enumerate(node.values) if n != place]
            yield scene.swap("simplify", node, left[0] if len(left) == 1 else ast.BoolOp(node.op, left), 1.2)
            yield from _negated(scene, value, 0.9)
        if len(node.values) == 2:
            yield scene.swap("operands", node, ast.BoolOp(node.op, node.values[::-1]), 0.5)
    for node in scene.all(ast.UnaryOp):
        if isinstance(node.op, ast.Not):
            yield scene.swap("negation", node, node.operand)


def conditions(scene: Scene) -> Iterator[Change]:
    """What decides is turned round, or widened and narrowed by what is asked elsewhere and of the names."""
    asked = [test for test in tests(scene) if not isinstance(test, ast.Constant)][:MOST_CONDITIONS]
    for test in tests(scene):
        yield from _negated(scene, test, 1.0)
        for value in (True, False):
            if not isinstance(test, ast.Constant):
                yield scene.swap("simplify", test, ast.Constant(value), 0.3)
        extra = [*asked, *(name(n) for n in scene.names[:MOST_CONDITIONS])]
        if isinstance(test, ast.Constant):
            for other in extra:
                yield scene.swap("condition", test, other, 0.9)
            continue
        for other in extra:
            if other is not test and not _holds(test, other):
                likely = 0.9 if isinstance(other, ast.Name) else 0.6
                yield scene.swap("condition", test, ast.BoolOp(ast.Or(), [test, _not(other)]), likely)
                yield scene.swap("condition", test, ast.BoolOp(ast.And(), [test, other]), likely)
                yield scene.swap("condition", test, ast.BoolOp(ast.Or(), [test, other]), 0.5)
                yield scene.swap("condition", test, ast.BoolOp(ast.And(), [test, _not(other)]), 0.5)


def tests(scene: Scene) -> Iterator[ast.expr]:
    """What decides something: conditions, and comparisons that are returned."""
    for node in scene.all(ast.If, ast.While, ast.IfExp, ast.Assert):
        yield node.test
    for node in scene.all(ast.comprehension):
        yield from node.ifs
    for node in scene.all(ast.Return):
        if isinstance(node.value, (ast.Compare, ast.BoolOp)) or _is_not(node.value):
            assert node.value is not None
            yield node.value


def _negated(scene: Scene, test: ast.expr, likely: float) -> Iterator[Change]:
    """Comparisons have opposites of their own, and a `not` is taken away elsewhere."""
    if not isinstance(test, (ast.Compare, ast.Constant)) and not _is_not(test):
        yield scene.swap("negation", test, _not(test), likely)


def _is_not(node: ast.expr | None) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _not(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return node.operand
    return ast.UnaryOp(ast.Not(), node)


def _holds(test: ast.expr, other: ast.expr) -> bool:
    said = ast.dump(other)
    return any(ast.dump(n) == said for n in ast.walk(test) if isinstance(n, ast.expr))


def flattened(scene: Scene) -> Iterator[Change]:
    """`[f(x) for x in xs]`, where the function calls itself: what it gives back may be parts of one list."""
    for node in scene.all(ast.ListComp, ast.SetComp, ast.GeneratorExp):
        match node.elt:
            case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)) if (
                called == scene.nearby.name
            ):
                made = copy.copy(node)
                made.elt = name("part")
                inner = ast.comprehension(ast.Name("part", ast.Store()), node.elt, [], 0)
                made.generators = [*node.generators, inner]
                yield scene.swap("container", node, made, 1.2)
            case _:
                pass


def choices(scene: Scene) -> Iterator[Change]:
    """Conditional expressions and comprehensions."""
    for node in scene.all(ast.IfExp):
        yield scene.swap("branches", node, ast.IfExp(node.test, node.orelse, node.body))
        yield scene.swap("simplify", node, node.body, 0.6)
        yield scene.swap("simplify", node, node.orelse, 0.6)
    for node in scene.all(ast.DictComp):
        made = copy.copy(node)
        made.key, made.value = node.value, node.key
        yield scene.swap("operands", node, made)
    for node in scene.all(ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp):
        for place, part in enumerate(node.generators):
            if part.ifs:
                bare = copy.copy(part)
                bare.ifs = part.ifs[:-1]
                made = copy.copy(node)
                made.generators = [*node.generators[:place], bare, *node.generators[place + 1 :]]
                yield scene.swap("simplify", node, made, 0.8)
