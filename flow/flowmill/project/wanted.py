"""What to look for in tests when one function is under work, and how well a test fits."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from flowmill.project.references import Refs

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Fit(IntEnum):
    """How surely a piece of a test names the function."""

    NONE = 0
    WEAK = 1
    """By a bare attribute, `.name`, on something unknown, or from another module of the package."""
    STRONG = 2
    """Through an import of the module or of a package around it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A function of `module`; a method also has the names of its class and of its subclasses.

    `name` is empty for what is only ever reached through its class: `__init__`, `__eq__` and the like.
    """

    module: str
    name: str
    owners: frozenset[str] = frozenset()

    @property
    def spelled(self) -> frozenset[str]:
        """The words of which at least one stands in a file that names it."""
        return frozenset({self.name}) if self.name else self.owners

    def fit(self, refs: Refs) -> Fit:
        """How surely these references, resolved through the imports of their files, mean this function."""
        if not self.owners:
            return self._fit_function(refs)
        if self.name and self.name not in refs.attributes:
            return Fit.NONE
        if not refs.dotted.isdisjoint(_spellings(self.module, self.owners)):
            return Fit.STRONG
        return Fit.WEAK if self.name else Fit.NONE

    def imported_by(self, modules: frozenset[str]) -> bool:
        """Whether a file with these imports imports anything of the module's package."""
        top = self.module.partition(".")[0]
        return any(module == top or module.startswith(f"{top}.") for module in modules)

    def _fit_function(self, refs: Refs) -> Fit:
        if not refs.dotted.isdisjoint(_spellings(self.module, frozenset({self.name}))):
            return Fit.STRONG
        start, end = self.module.partition(".")[0] + ".", f".{self.name}"
        elsewhere = any(dotted.endswith(end) and dotted.startswith(start) for dotted in refs.dotted)
        return Fit.WEAK if elsewhere or self.name in refs.attributes else Fit.NONE


@lru_cache(maxsize=256)
def _spellings(module: str, names: frozenset[str]) -> frozenset[str]:
    """`pkg.name` and `pkg.mod.name` both mean `name` of `pkg.mod`, for a package re-exports what it holds."""
    parts = module.split(".")
    around = (".".join(parts[: place + 1]) for place in range(len(parts)))
    return frozenset(f"{package}.{name}" for package in around for name in names)


def wanted_for(module: str, tree: ast.Module | None, qualname: str) -> Wanted:
    """What names the function in tests; without a tree (syntax error) the qualified name has to do.

    A nested function is looked for by the outermost function that holds it.
    """
    parts = qualname.split(".")
    if tree is None:
        classes = [part for part in parts[:-1] if part[:1].isupper()]
        return _member(module, classes[-1], parts[-1], frozenset()) if classes else Wanted(module, parts[0])
    scope: ast.AST = tree
    owner: str | None = None
    for place, part in enumerate(parts):
        found = next((node for node in definitions(scope) if node.name == part), None)
        if not isinstance(found, ast.ClassDef) or place == len(parts) - 1:
            return _member(module, owner, part, subclasses(tree, owner)) if owner else Wanted(module, part)
        owner, scope = part, found
    return Wanted(module, parts[-1])


def definitions(scope: ast.AST) -> Iterator[Definition]:
    """The functions and classes of a scope, also those under `if`, `try` and `with`."""
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, Definition):
            yield node
        elif isinstance(node, (ast.stmt, ast.ExceptHandler)):
            yield from definitions(node)


def subclasses(tree: ast.Module, owner: str | None) -> frozenset[str]:
    """The classes of the module that inherit from `owner`, at any distance."""
    bases = {
        node.name: {_base(base) for base in node.bases}
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found = {owner or ""}
    while True:
        more = {name for name, above in bases.items() if above & found} - found
        if not more:
            return frozenset(found - {owner or ""})
        found |= more


def _member(module: str, owner: str, name: str, below: frozenset[str]) -> Wanted:
    special = name.startswith("__") and name.endswith("__")
    return Wanted(module, "" if special else name, below | {owner})


def _base(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
