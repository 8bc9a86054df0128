"""What a piece of source refers to, with import aliases resolved to dotted names."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from flowmill.project.pyproject import as_list

BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


@dataclass(frozen=True, slots=True)
class Refs:
    """`names` may be local definitions, `attributes` came after a dot, `dotted` are resolved through imports.

    Of `a.b.c` all of `a`, `a.b` and `a.b.c` are in `dotted`, so that a lookup need not take names apart.
    """

    names: frozenset[str] = frozenset()
    dotted: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()

    @classmethod
    def union(cls, parts: Iterable[Refs]) -> Refs:
        """Everything that any of the parts refers to."""
        each = list(parts)
        return cls(
            frozenset[str]().union(*(part.names for part in each)),
            frozenset[str]().union(*(part.dotted for part in each)),
            frozenset[str]().union(*(part.attributes for part in each)),
        )

    def __or__(self, other: Refs) -> Refs:
        return Refs(self.names | other.names, self.dotted | other.dotted, self.attributes | other.attributes)


@dataclass(frozen=True, slots=True)
class Imports:
    """Local name to what it stands for; `stars` are modules of which every public name is in scope."""

    aliases: dict[str, str] = field(default_factory=dict[str, str])
    modules: frozenset[str] = frozenset()
    """Every module that is imported or imported from, and every `module.name` that might be one."""
    stars: tuple[str, ...] = ()


def read_imports(tree: ast.AST, module: str, *, is_package: bool = False) -> Imports:
    """All imports of a file, wherever they stand; relative ones are resolved against `module`."""
    aliases: dict[str, str] = {}
    modules: set[str] = set()
    stars: list[str] = []
    package = module if is_package else module.rpartition(".")[0]
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                modules.add(item.name)
                head = item.name.partition(".")[0]
                aliases[item.asname or head] = item.name if item.asname else head
        elif isinstance(node, ast.ImportFrom):
            source = _source(node, package)
            modules.add(source)
            for item in node.names:
                if item.name == "*":
                    stars.append(source)
                else:
                    dotted = f"{source}.{item.name}" if source else item.name
                    modules.add(dotted)
                    aliases[item.asname or item.name] = dotted
    return Imports(aliases, frozenset(modules), tuple(stars))


def read_refs(nodes: Iterable[ast.AST], imports: Imports) -> Refs:
    """Everything that the nodes name; arguments count, since pytest fills them with fixtures."""
    names: set[str] = set()
    dotted: set[str] = set()
    attributes: set[str] = set()
    for node in (below for above in nodes for below in walk(above)):
        if isinstance(node, ast.Name):
            names.add(node.id)
            dotted.update(_resolved(node.id, (), imports))
        elif isinstance(node, ast.Attribute):
            attributes.add(node.attr)
            chain = _chain(node)
            if chain:
                dotted.update(_resolved(chain[0], chain[1:], imports))
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Call) and _called(node) in ("usefixtures", "getfixturevalue"):
            names.update(
                arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
            )
    return Refs(frozenset(names), frozenset(dotted), frozenset(attributes))


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """The node and everything below it, in no order that is promised; twice as fast as `ast.walk`."""
    pending = [node]
    while pending:
        node = pending.pop()
        yield node
        values: Iterable[object] = vars(node).values()
        for value in values:
            if isinstance(value, ast.AST):
                pending.append(value)
            elif type(value) is list:
                pending.extend(item for item in as_list(value) if isinstance(item, ast.AST))  # pyright: ignore[reportUnknownArgumentType] -- narrowed by `type() is`, for speed


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Every statement at any depth: imports stand nowhere else, and most nodes are expressions."""
    pending = [tree]
    while pending:
        node = pending.pop()
        yield node
        for name in BLOCKS:
            pending.extend(item for item in as_list(getattr(node, name, None)) if isinstance(item, ast.AST))


def _source(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".") if package else []
    base = parts[: len(parts) - (node.level - 1)] if node.level > 1 else parts
    return ".".join([*base, *([node.module] if node.module else [])])


def _chain(node: ast.Attribute) -> tuple[str, ...]:
    """`a.b.c` as its names, empty if it does not begin with a plain name."""
    names = [node.attr]
    value = node.value
    while isinstance(value, ast.Attribute):
        names.append(value.attr)
        value = value.value
    return (value.id, *reversed(names)) if isinstance(value, ast.Name) else ()


def _resolved(head: str, rest: tuple[str, ...], imports: Imports) -> Iterator[str]:
    if head in imports.aliases:
        yield ".".join((imports.aliases[head], *rest))
    else:
        for source in imports.stars:
            yield ".".join((source, head, *rest))


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""
