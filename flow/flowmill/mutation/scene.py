"""A body that is to be changed: its tree, the names in it, and how a change is written with the text kept."""

from __future__ import annotations

import ast
import builtins
import copy
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from flowmill.mutation.nearby import Nearby
from flowmill.mutation.shapes import Change, Kind
from flowmill.source.text import SourceFile, parse

Node = TypeVar("Node", bound=ast.AST)
BUILTINS = frozenset(dir(builtins))
SIMPLE = (
    ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return, ast.Raise, ast.Delete, ast.Break, ast.Continue,
    ast.Pass, ast.Assert,
)  # fmt: skip
_TOKENS = (ast.expr_context, ast.operator, ast.cmpop, ast.boolop, ast.unaryop)
"""Nodes that a tree shares, so that they have no place."""
_HOLE = "_hole_{}_"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node hangs; `index` is None where the field holds no list."""

    parent: ast.AST
    field: str
    index: int | None


class Scene:
    """One body at column 0. Raises `TargetError` if it is not Python."""

    def __init__(self, body: str, nearby: Nearby) -> None:
        self.file = SourceFile.from_bytes(Path("body.py"), body.encode())
        self.nearby = nearby
        self.tree = self.file.tree
        self.lines = body.split("\n")
        self.places: dict[int, Place] = {}
        self.nodes: list[ast.AST] = []
        self._register(self.tree)
        self.uses = self._uses()
        bound = [n for n in self.uses if n not in nearby.bound and n not in BUILTINS]
        self.names = tuple(dict.fromkeys([*(p for p in nearby.params if p not in ("self", "cls")), *bound]))
        self.functions = self._called()

    def _register(self, node: ast.AST) -> None:
        self.nodes.append(node)
        for field, value in ast.iter_fields(node):
            if isinstance(value, _TOKENS):
                continue
            if isinstance(value, ast.AST):
                self.places[id(value)] = Place(node, field, None)
                self._register(value)
            elif isinstance(value, list):
                for index, item in enumerate(cast("list[object]", value)):
                    if isinstance(item, ast.AST) and not isinstance(item, _TOKENS):
                        self.places[id(item)] = Place(node, field, index)
                        self._register(item)

    def _uses(self) -> dict[str, set[str]]:
        """For each name what is done with it: names that are used alike can be mistaken for each other."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for node in self.nodes:
            if isinstance(node, ast.Name):
                found[node.id].add(self._use(node))
            elif isinstance(node, ast.arg):
                found[node.arg].add("parameter")
        return {name: uses for name, uses in found.items() if uses != {"called"}}

    def _use(self, node: ast.Name) -> str:
        place = self.places[id(node)]
        match place.parent:
            case ast.Attribute(attr=attr):
                return f".{attr}"
            case ast.Call(func=ast.Name(id=name)) if place.field == "args":
                return f"{name}()"
            case ast.BinOp() | ast.AugAssign():
                return "arithmetic"
            case parent:
                return "called" if place.field == "func" else f"{type(parent).__name__}.{place.field}"

    def _called(self) -> tuple[str, ...]:
        """Functions that are called with one argument, by name."""
        found = [
            n.func.id
            for n in self.nodes
            if isinstance(n, ast.Call)
            and isinstance(n.func, ast.Name)
            and len(n.args) == 1
            and not n.keywords
        ]
        return tuple(dict.fromkeys(found))

    # -------------------------------------------------------------- looking
    def all(self, *kinds: type[Node]) -> Iterator[Node]:
        return (node for node in self.nodes if isinstance(node, kinds))

    def parent(self, node: ast.AST) -> ast.AST:
        return self.places[id(node)].parent

    def statement(self, node: ast.AST) -> ast.stmt | None:
        """The innermost statement that the node is part of."""
        while not isinstance(node, ast.stmt):
            if id(node) not in self.places:
                return None
            node = self.parent(node)
        return node

    def line(self, node: ast.AST) -> int:
        own = getattr(node, "lineno", None)
        if isinstance(own, int):
            return own
        statement = self.statement(node)
        return statement.lineno if statement else 1

    def block(self, statement: ast.stmt) -> list[ast.stmt]:
        """The statements among which this one stands."""
        place = self.places[id(statement)]
        block: list[ast.stmt] = getattr(place.parent, place.field)
        return block

    def loops(self, node: ast.AST) -> bool:
        """Whether a loop of the same function is around it."""
        while id(node) in self.places:
            node = self.parent(node)
            if isinstance(node, (ast.For, ast.While, ast.AsyncFor)):
                return True
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                return False
        return False

    def likeness(self, one: str, other: str) -> float:
        """How alike two names are used, from 0 to 1."""
        a, b = self.uses.get(one, set[str]()), self.uses.get(other, set[str]())
        return len(a & b) / len(a | b) if a | b else 0.0

    # -------------------------------------------------------------- expressions
    def swap(
        self, kind: Kind, old: ast.AST, new: Callable[[], ast.AST] | ast.AST, weight: float = 1.0
    ) -> Change:
        """The change that puts another node, whose parts may be nodes of this body, in a node's place."""
        make = new if callable(new) else lambda: new
        return Change(kind, self.line(old), weight, lambda: self.replaced(old, make()))

    def replaced(self, old: ast.AST, new: ast.AST) -> str | None:
        """The body with `new` in the place of `old`, all other text as it is; None if that cannot be."""
        outer = self._outermost_fstring(old)
        if outer is not None and outer is not old:
            new, old = self._along(outer, old, new), outer
        if not isinstance(old, (ast.expr, ast.stmt)):
            return None
        start, end = self.file.span(old)
        text = self.file.text
        expected = self._dump_with(old, new)
        for written in self._ways(new):
            body = text[:start] + written + text[end:]
            if _dumped(body) == expected:
                return body
        return None

    def _ways(self, new: ast.AST) -> Iterator[str]:
        """Ways to write a node, the one with the fewest parentheses first."""
        for careful in (False, True):
            try:
                written = self._written(new, careful)
            except (ValueError, AttributeError, TypeError, RecursionError):
                return
            if isinstance(new, (ast.Tuple, ast.Yield, ast.YieldFrom)) and written.startswith("("):
                yield written[1:-1]
            yield written
            if isinstance(new, ast.expr):
                yield f"({written})"

    def _written(self, new: ast.AST, careful: bool) -> str:
        holes: list[ast.expr] = []
        text = ast.unparse(self._holed(new, holes, top=True))
        for number, hole in enumerate(holes):
            own = self.file.segment(hole)
            compound = careful and not isinstance(hole, (ast.Name, ast.Constant, ast.Call, ast.Attribute))
            text = text.replace(_HOLE.format(number), f"({own})" if compound else own)
        return text

    def _holed(self, node: ast.AST, holes: list[ast.expr], top: bool = False) -> ast.AST:
        """A copy in which every node of this body is a hole, to be filled with its own text."""
        if self._has_text(node) and isinstance(node, ast.expr):
            holes.append(node)
            return ast.Name(_HOLE.format(len(holes) - 1), ast.Load())
        made = copy.copy(node)
        for field, value in ast.iter_fields(node):
            if isinstance(node, ast.JoinedStr):
                break
            if isinstance(value, ast.AST):
                setattr(made, field, self._holed(value, holes))
            elif isinstance(value, list):
                items: list[object] = [
                    self._holed(item, holes) if isinstance(item, ast.AST) else item
                    for item in cast("list[object]", value)
                ]
                setattr(made, field, items)
        return ast.fix_missing_locations(made) if top else made

    def _has_text(self, node: ast.AST) -> bool:
        """Whether the node is of this body and can stand anywhere as it is written there."""
        known = id(node) in self.places and not isinstance(node, (ast.Starred, ast.Slice, ast.Tuple))
        return known and self._outermost_fstring(node) in (None, node)

    def _outermost_fstring(self, node: ast.AST) -> ast.JoinedStr | None:
        """What lies in a text has no place of its own before Python 3.12."""
        found: ast.JoinedStr | None = None
        while id(node) in self.places:
            if isinstance(node, ast.JoinedStr):
                found = node
            node = self.parent(node)
        return found

    def _along(self, outer: ast.AST, old: ast.AST, new: ast.AST) -> ast.AST:
        """A copy of `outer` with `new` in the place of `old` below it."""
        while old is not outer:
            place = self.places[id(old)]
            made = copy.copy(place.parent)
            if place.index is None:
                setattr(made, place.field, new)
            else:
                items: list[ast.AST] = list(getattr(made, place.field))
                items[place.index] = new
                setattr(made, place.field, items)
            old, new = place.parent, made
        return new

    def _dump_with(self, old: ast.AST, new: ast.AST) -> str:
        place = self.places[id(old)]
        holder: list[ast.AST] | None = None if place.index is None else getattr(place.parent, place.field)
        # A copy, since it may hold what it is put into.
        new = copy.deepcopy(new)
        try:
            if holder is None:
                setattr(place.parent, place.field, new)
            else:
                holder[place.index or 0] = new
            return ast.dump(self.tree)
        finally:
            if holder is None:
                setattr(place.parent, place.field, old)
            else:
                holder[place.index or 0] = old


def _dumped(body: str) -> str | None:
    try:
        return ast.dump(parse(body))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
