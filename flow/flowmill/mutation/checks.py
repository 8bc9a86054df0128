"""Operators that add a check: at the entrance, before a use, as similar functions do, one that raises."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import partial

from flowmill.mutation.lines import enclosed, inserted
from flowmill.mutation.scene import BUILTINS, Scene
from flowmill.mutation.shapes import Change, Kind
from flowmill.source.text import parse

_EMPTY_VALUES = ("[]", "None", "0", "False", "True", '""', "{}", "()", "set()")
_TYPES = ("str", "int", "list", "dict", "tuple", "type")
WANTED = 1.5
"""How much likelier a check that raises is where tests wait for just that."""
MOST_NAMES, MOST_BLOCKS = 10, 3


def guards(scene: Scene) -> Iterator[Change]:
    """`if not x: return ...` and its like, at the entrance."""
    first = entrance(scene)
    if first is None or _generates(scene):
        return
    given = [n for n in scene.nearby.params if n not in ("self", "cls")][:4]
    results = dict.fromkeys([*_returned(scene), *_EMPTY_VALUES])
    for param in given:
        for test, likely in (
            (f"not {param}", 1.0),
            (f"{param} is None", 0.7),
            (f"{param} <= 0", 0.4),
            (f"{param} <= 1", 0.4),
        ):
            for result in list(dict.fromkeys([*results, param]))[:9]:
                code = [f"if {test}:", f"    return {result}"]
                yield insert(scene, "guard", first, code, likely)


def entrance(scene: Scene) -> ast.stmt | None:
    """The first statement that is not a docstring or an import."""
    skipped = (ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal)
    return next((n for n in scene.tree.body if not isinstance(n, skipped)), None)


def _generates(scene: Scene) -> bool:
    return any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in scene.nodes)


def _returned(scene: Scene) -> list[str]:
    """Constant results of the function: what it gives back in special cases."""
    values = [
        n.value for n in scene.all(ast.Return) if isinstance(n.value, (ast.Constant, ast.List, ast.Tuple))
    ]
    return [ast.unparse(value) for value in values if len(ast.dump(value)) < 200][:3]


def insert(
    scene: Scene, kind: Kind, at: ast.stmt, code: Sequence[str], likely: float, *, after: bool = False
) -> Change:
    """The change that puts these lines before or after a statement."""
    return Change(kind, at.lineno, likely, lambda: inserted(scene, at, code, after=after), len(code))


def raising(scene: Scene) -> Iterator[Change]:
    """Where tests wait for an exception that does not come: a check that raises it."""
    for error, words in scene.nearby.wanted[:2]:
        if error not in BUILTINS and error not in scene.nearby.bound:
            continue
        for test, likely in _faults(scene):
            code = [f"if {test}:", f"    raise {error}({_words(words or test)})"]
            for at, inner in _places(scene, test):
                yield insert(scene, "raise", at, code, WANTED * likely * inner)
        for at, entry in _overwrites(scene):
            key, holder = ast.unparse(entry.slice), ast.unparse(entry.value)
            code = [f"if {key} in {holder}:", f"    raise {error}({_words(words or f'{key} is there')})"]
            yield insert(scene, "raise", at, code, WANTED * 1.1)


def translating(scene: Scene) -> Iterator[Change]:
    """Where tests wait for one exception and get another: the one is raised for the other."""
    for error, words in scene.nearby.wanted[:2]:
        for got in scene.nearby.instead[:2]:
            if error != got and (error in BUILTINS or error in scene.nearby.bound):
                text = _words(words) if words else "str(error)"
                after = [f"except {got} as error:", f"    raise {error}({text}) from error"]
                write = partial(enclosed, scene, ["try:"], after)
                yield Change("raise", 1, WANTED * 1.2, write, 3)


def _overwrites(scene: Scene) -> Iterator[tuple[ast.stmt, ast.Subscript]]:
    """Entries that are set, whether or not they are there."""
    for node in scene.all(ast.Assign):
        target = node.targets[0]
        if isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Slice):
            yield node, target


def _words(text: str) -> str:
    quote = "'" if '"' in text else '"'
    return f"{quote}{text}{quote}" if quote not in text and "\\" not in text else ""


def _places(scene: Scene, test: str) -> Iterator[tuple[ast.stmt, float]]:
    """The first place where a test can stand, and the beginning of blocks that use what it asks about."""
    asked = _named(test)
    bound = [
        number
        for number, statement in enumerate(scene.tree.body)
        for node in ast.walk(statement)
        if isinstance(node, ast.Name)
        and isinstance(node.ctx, ast.Store)
        and node.id in asked
        and node.id not in scene.nearby.params
    ]
    first = entrance(scene)
    after = max((n for n in {min(bound, default=-1), max(bound, default=-1)} if n >= 0), default=-1) + 1
    if after == 0 and first is not None:
        yield first, 1.0
    elif after < len(scene.tree.body):
        yield scene.tree.body[after], 1.0
    blocks = (n for n in scene.all(ast.If, ast.For, ast.While) if asked & _used(n.body))
    for _, block in zip(range(MOST_BLOCKS), blocks, strict=False):
        yield block.body[0], 0.8


def _used(body: Sequence[ast.stmt]) -> set[str]:
    return {n.id for statement in body for n in ast.walk(statement) if isinstance(n, ast.Name)}


def _faults(scene: Scene) -> Iterator[tuple[str, float]]:
    """Tests that find fault with arguments and locals, as texts."""
    tested = [n for n in scene.names if _is_tested(scene, n)]
    for one in tested:
        for other in tested:
            if other != one:
                yield f"{one} and not {other}", 0.9
    names = scene.names[:MOST_NAMES]
    for place, one in enumerate(names):
        early = 1.0 if place < 4 else 0.7
        yield f"not {one}", early
        yield f"{one} is None", 0.8 * early
        for kind in [*scene.nearby.classes[:2], *_TYPES]:
            yield f"not isinstance({one}, {kind})", (0.9 if kind in scene.nearby.classes[:1] else 0.6) * early
        yield f"{one} < 0", 0.7 * early
        yield f"{one} <= 0", 0.5 * early
        yield one, 0.6 * early
        for other in names:
            if other != one:
                yield from _of_two(scene, one, other, early)


def _is_tested(scene: Scene, name: str) -> bool:
    """Whether it is used as a flag somewhere."""
    return bool(
        scene.uses.get(name, set[str]())
        & {"If.test", "While.test", "IfExp.test", "BoolOp.values", "UnaryOp.operand"}
    )


def _of_two(scene: Scene, one: str, other: str, early: float) -> Iterator[tuple[str, float]]:
    if _indexes(scene, one, other):
        yield f"{one} in {other}", 1.1
        yield f"{one} not in {other}", 1.1
    yield f"{one} and not {other}", 0.55 * early
    if one < other:
        yield f"len({one}) != len({other})", 0.55 * early
        yield f"{one} == {other}", 0.4 * early
    yield f"{one} > {other}", 0.45 * early
    yield f"{one} in {other}", 0.45 * early
    yield f"{one} not in {other}", 0.45 * early


def _indexes(scene: Scene, one: str, other: str) -> bool:
    """Whether `other[one]` stands somewhere."""
    return any(
        isinstance(n.value, ast.Name)
        and n.value.id == other
        and isinstance(n.slice, ast.Name)
        and n.slice.id == one
        for n in scene.all(ast.Subscript)
    )


def donated(scene: Scene) -> Iterator[Change]:
    """Checks of other functions of the module, where all that they name is there."""
    known = {*scene.names, *scene.nearby.params, *scene.nearby.bound, *BUILTINS}
    for place, (test, leaves) in enumerate(scene.nearby.checks):
        if _named(test, leaves) <= known:
            for at, inner in _places(scene, test):
                yield insert(scene, "donor", at, [f"if {test}:", f"    {leaves}"], inner * (1.0 - place / 80))


def _named(*code: str) -> set[str]:
    tree = parse("\n".join(code))
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
