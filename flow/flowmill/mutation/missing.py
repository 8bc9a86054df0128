"""Operators that add a forgotten statement, or take an expression from elsewhere in the function."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flowmill.mutation.checks import insert
from flowmill.mutation.scene import BUILTINS, Scene
from flowmill.mutation.shapes import Change

_GROWS = frozenset({"append", "add", "extend", "update", "appendleft", "insert", "push"})
MOST_NAMES = 6


def updates(scene: Scene) -> Iterator[Change]:
    """A forgotten `container.add(x)` or `a = b`, where statements stand that use these names."""
    spots = _spots(scene)
    for container, methods in _containers(scene).items():
        for at, after in spots:
            for item in _near(scene, at):
                for method in methods:
                    if item != container:
                        yield insert(scene, "insert", at, [f"{container}.{method}({item})"], 1.0, after=after)
    assigned = [n.id for n in scene.all(ast.Name) if isinstance(n.ctx, ast.Store)]
    for target in dict.fromkeys(assigned):
        for at, after in spots:
            if not scene.loops(at):
                continue
            for item in _near(scene, at):
                if item != target and scene.likeness(item, target) > 0:
                    yield insert(scene, "insert", at, [f"{target} = {item}"], 0.8, after=after)
            if "arithmetic" in scene.uses.get(target, set[str]()):
                for op in ("+=", "-="):
                    yield insert(scene, "insert", at, [f"{target} {op} 1"], 0.6, after=after)


def endings(scene: Scene) -> Iterator[Change]:
    """A result that is made and never given back: `return x` at the end, what was assigned last first."""
    last = scene.tree.body[-1] if scene.tree.body else None
    leaves = isinstance(last, (ast.Return, ast.Raise))
    if last is None or leaves or any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in scene.nodes):
        return
    stored = [n for n in scene.all(ast.Name) if isinstance(n.ctx, ast.Store)]
    assigned = [n.id for n in sorted(stored, key=lambda n: -n.lineno)]
    for place, name in enumerate(list(dict.fromkeys([*assigned, *scene.names]))[:MOST_NAMES]):
        yield insert(scene, "return", last, [f"return {name}"], 1.2 - 0.1 * place, after=True)


def _containers(scene: Scene) -> dict[str, list[str]]:
    """Names that things are put into, with the methods that do it."""
    found: dict[str, list[str]] = {}
    for node in scene.all(ast.Call):
        if (
            isinstance(node.func, ast.Attribute)
            and node.func.attr in _GROWS
            and isinstance(node.func.value, ast.Name)
        ):
            found.setdefault(node.func.value.id, []).append(node.func.attr)
    for node in scene.all(ast.Assign):
        if isinstance(node.targets[0], ast.Name) and _starts_empty(node.value):
            fills = (
                "add"
                if isinstance(node.value, ast.Call) and ast.unparse(node.value).startswith("set")
                else "append"
            )
            found.setdefault(node.targets[0].id, []).append(fills)
    return {name: list(dict.fromkeys(methods)) for name, methods in found.items()}


def _starts_empty(value: ast.expr) -> bool:
    if isinstance(value, ast.List):
        return not value.elts
    return (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id in ("set", "list", "deque")
    )


def _spots(scene: Scene) -> list[tuple[ast.stmt, bool]]:
    """Before each statement of an inner block and after its last one; after the last one of all loops."""
    found: list[tuple[ast.stmt, bool]] = []
    for node in scene.all(ast.stmt):
        if scene.places[id(node)].parent is not scene.tree or isinstance(
            node, (ast.Return, ast.For, ast.While)
        ):
            found.append((node, False))
        block = scene.block(node)
        if node is block[-1] and not isinstance(node, (ast.Return, ast.Break, ast.Continue, ast.Raise)):
            found.append((node, True))
    return found


def _near(scene: Scene, at: ast.stmt) -> list[str]:
    """Names that the statement's surroundings use, the nearest first."""
    distance: dict[str, int] = {}
    for node in scene.all(ast.Name):
        if node.id in scene.names and node.id not in BUILTINS:
            far = abs(node.lineno - at.lineno)
            distance[node.id] = min(far, distance.get(node.id, far))
    return sorted(distance, key=lambda n: distance[n])[:MOST_NAMES]


def expressions(scene: Scene) -> Iterator[Change]:
    """An expression of the same kind that stands elsewhere in the function, assigned to or read."""
    for make in (ast.Subscript, ast.Call, ast.Attribute, ast.BinOp, ast.Compare):
        nodes = [n for n in scene.all(make) if len(ast.dump(n)) < 600]
        texts = {ast.unparse(n): n for n in nodes}
        for node in nodes:
            own = ast.unparse(node)
            if make is ast.Call and isinstance(scene.parent(node), ast.Expr):
                continue
            for text, other in list(texts.items())[:10]:
                if text != own:
                    likely = 0.9 if isinstance(getattr(node, "ctx", None), ast.Store) else 0.7
                    yield Change(
                        "donor expression",
                        node.lineno,
                        likely,
                        lambda node=node, other=other: scene.replaced(node, _in_context(other, node)),
                    )


def _in_context(node: ast.AST, like: ast.AST) -> ast.AST:
    """The node as one that is read or assigned to like another one."""
    context = getattr(like, "ctx", None)
    own = getattr(node, "ctx", None)
    if context is None or own is None or type(context) is type(own):
        return node
    made = type(node)(**dict(ast.iter_fields(node)))
    made.ctx = context  # pyright: ignore[reportAttributeAccessIssue] - it has one
    return made
