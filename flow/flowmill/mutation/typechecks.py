"""Operators on what is asked of a value's type: `isinstance` with other classes, None, what has no length."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flowmill.mutation.operations import tests
from flowmill.mutation.scene import BUILTINS, Scene
from flowmill.mutation.shapes import Change
from flowmill.mutation.values import name

_KIN = ("list tuple set frozenset dict", "str bytes bytearray", "int float complex bool")
KIN = {word: line.split() for line in _KIN for word in line.split()}
FAR = ("str", "list", "tuple", "dict", "set", "int", "bytes", "type", "float")
"""Classes that are asked for together though they are not of one kind."""
MOST_NAMES = 6


def classes(scene: Scene) -> Iterator[Change]:
    """`isinstance` with one class more, first those of the kind of the others, or with another one."""
    for node in scene.all(ast.Call):
        match node:
            case ast.Call(func=ast.Name(id="isinstance"), args=[_, ast.Tuple(elts=asked) as given]):
                whole: ast.expr = given
            case ast.Call(func=ast.Name(id="isinstance"), args=[_, ast.Name() | ast.Attribute() as given]):
                whole, asked = given, [given]
            case _:
                continue
        there = [n.id for n in asked if isinstance(n, ast.Name)]
        kin = [other for one in there for other in KIN.get(one, ())]
        for other in dict.fromkeys([*kin, *FAR]):
            if other not in there:
                wider = ast.Tuple([*asked, name(other)], ast.Load())
                yield scene.swap("type", whole, wider, 1.0 if other in kin else 0.5)
        if len(asked) == 1:
            for other in dict.fromkeys([*kin, *FAR[:5]]):
                if other not in there:
                    yield scene.swap("type", whole, name(other), 0.7 if other in kin else 0.3)


def nothing(scene: Scene) -> Iterator[Change]:
    """A condition that asks of a name what None does not have, or treats None otherwise."""
    for test in tests(scene):
        named = [n.id for n in ast.walk(test) if isinstance(n, ast.Name) and n.id not in BUILTINS]
        for asked in [n for n in dict.fromkeys(named) if n in scene.names][:MOST_NAMES]:
            none = ast.Compare(name(asked), [ast.Is()], [ast.Constant(None)])
            some = ast.Compare(name(asked), [ast.IsNot()], [ast.Constant(None)])
            if ast.unparse(none) not in ast.unparse(test) and ast.unparse(some) not in ast.unparse(test):
                yield scene.swap("condition", test, ast.BoolOp(ast.Or(), [none, test]), 0.8)
                yield scene.swap("condition", test, ast.BoolOp(ast.And(), [some, test]), 0.8)


def lengths(scene: Scene) -> Iterator[Change]:
    """`len(x)` in a condition, where some `x` has none."""
    for node in scene.all(ast.Compare, ast.Call):
        match node:
            case ast.Compare(left=ast.Call(func=ast.Name(id="len"), args=[measured])):
                pass
            case ast.Call(func=ast.Name(id="len"), args=[measured]) if isinstance(
                scene.parent(node), (ast.BoolOp, ast.If, ast.UnaryOp)
            ):
                pass
            case _:
                continue
        has = ast.Call(name("hasattr"), [measured, ast.Constant("__len__")], [])
        yield scene.swap("condition", node, ast.BoolOp(ast.And(), [has, node]), 1.0)
