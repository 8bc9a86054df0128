"""Chooses the tests that run."""

from __future__ import annotations

import importlib
import os
import pathlib
import sys
import types
from collections.abc import Callable
from typing import Any, cast

import pytest

from .order import Goal, Order

MADE = "flowmill::made"


def lineage(node_id: str) -> list[str]:
    """The node id and all that it lies below: the test of a parameter, classes, the file, folders."""
    path, _, rest = node_id.partition("::")
    found = [node_id]
    parts = rest.partition("[")[0].split("::") if rest else []
    found += [f"{path}::{'::'.join(parts[:end])}" for end in range(len(parts), 0, -1)]
    while path:
        found.append(path)
        path = path.rpartition("/")[0]
    return found


def names_of(item: pytest.Item, home: str, known: dict[int, frozenset[str]]) -> frozenset[str]:
    """Every entry that stands for this item, by node ids from pytest's root and from the working directory."""
    if id(item) not in known:
        names = (item.nodeid, plain_id(os.path.join(home, item.nodeid)))
        known[id(item)] = frozenset(entry for name in names for entry in lineage(name))
    return known[id(item)]


def plain_id(node_id: str) -> str:
    """The node id with its path relative to the working directory; what follows the path is left alone."""
    path, separator, rest = node_id.partition("::")
    return os.path.relpath(path).replace(os.sep, "/") + separator + rest


def qualname_of(item: Any) -> str:
    """The qualified name that a doctest item belongs to."""
    module = item.dtest.globs.get("__name__") or ""
    return item.name[len(module) + 1 :] if item.name.startswith(f"{module}.") else ""


def import_as_named(file: str) -> types.ModuleType | None:
    """The module of this file under the name that the project's own imports give it, None if there is none."""
    real = os.path.realpath(file)
    for name, module in list(sys.modules.items()):
        origin = str(getattr(module, "__file__", None) or "")
        alike = name != "__main__" and os.path.basename(origin) == os.path.basename(file)
        if alike and os.path.realpath(origin) == real:
            return module
    top = os.path.dirname(real)
    while os.path.exists(os.path.join(top, "__init__.py")):
        top = os.path.dirname(top)
    roots = {os.path.realpath(entry or os.getcwd()) for entry in sys.path}
    for root in sorted(roots, key=len, reverse=True):
        parts = os.path.splitext(os.path.relpath(real, root))[0].split(os.sep)
        if os.path.join(top, "").startswith(os.path.join(root, "")) and all(
            part.isidentifier() for part in parts
        ):
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            return importlib.import_module(name)
    return None


def _named(original: Callable[..., Any]) -> Callable[..., Any]:
    def named(file: Any, *rest: Any, **options: Any) -> Any:
        return import_as_named(str(file)) or original(file, *rest, **options)

    return named


class Collector:
    """Chooses the tests that run and adds the function's doctests and the made tests."""

    def __init__(self, order: Order, session: pytest.Session, known: dict[int, frozenset[str]]) -> None:
        self._order = order
        self._known = known
        self._session = session
        self._home = os.path.relpath(str(session.config.rootpath), os.getcwd())
        self._keep: dict[str, set[str]] = {}
        for entry in order.keep:
            for plain in (entry, plain_id(entry)):
                self._keep.setdefault(plain.rstrip("/"), set()).add(entry)
        self._used: set[str] = set()
        self.ids: dict[str, str] = {}
        self.trust: dict[str, str] = {}
        self.failures: list[tuple[str, Any]] = []

    def choose(self, items: list[pytest.Item]) -> list[pytest.Item]:
        doctests = self._doctests(items, self._order.doctest) if self._order.doctest else []
        chosen = [item for item in items if self._kept(item) and item not in doctests]
        chosen += doctests + self._made()
        if self._order.only is not None:
            left = set(self._order.only)
            chosen = [item for item in chosen if self.id_of(item) in left]
        return chosen

    def id_of(self, item: pytest.Item) -> str:
        return self.ids.get(item.nodeid, item.nodeid)

    def missing(self) -> list[str]:
        return [entry for entry in self._order.keep if entry not in self._used]

    def _kept(self, item: pytest.Item) -> bool:
        if self._order.files == []:
            return False
        names = names_of(item, self._home, self._known)
        if not self._order.keep:
            return True
        hits = names & self._keep.keys()
        for hit in hits:
            self._used |= self._keep[hit]
        return bool(hits)

    def _made(self) -> list[pytest.Item]:
        if self._order.made is None:
            return []
        path = pathlib.Path(self._order.scratch, "made", "test_flowmill_made.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._order.made, encoding="utf-8")
        pytest.register_assert_rewrite(path.stem)
        module: Any = cast(Any, pytest.Module).from_parent(self._session, path=path)
        items = self._collect(module)
        for item in items:
            self.ids[item.nodeid] = MADE + item.nodeid[len(module.nodeid) :]
            self.trust[item.nodeid] = "model"
        return items

    def _doctests(self, items: list[pytest.Item], goal: Goal) -> list[pytest.Item]:
        configured = bool(self._session.config.getoption("doctestmodules", False))
        real = os.path.realpath(goal.file)
        kind: Any = importlib.import_module("_pytest.doctest")
        found = [i for i in items if isinstance(i, kind.DoctestItem) and os.path.realpath(i.path) == real]
        if not found:
            found = self._collect_doctests(kind, pathlib.Path(goal.file))
        found = [item for item in found if qualname_of(item) == goal.qualname]
        self.trust.update({item.nodeid: "project" if configured else "doctest" for item in found})
        return found

    def _collect_doctests(self, kind: Any, path: pathlib.Path) -> list[pytest.Item]:
        # pytest would import the file under a name that it guesses from the path.
        places = [kind, importlib.import_module("_pytest.python")]
        names = [(place, name) for place in places for name in ("importtestmodule", "import_path")]
        originals = [(place, name, getattr(place, name)) for place, name in names if hasattr(place, name)]
        try:
            for place, name, original in originals:
                setattr(place, name, _named(original))
            return self._collect(kind.DoctestModule.from_parent(self._folder(path), path=path))
        finally:
            for place, name, original in originals:
                setattr(place, name, original)

    def _folder(self, path: pathlib.Path) -> Any:
        """The collector of the file's folder, so that its conftests apply (a node of its own since pytest 8)."""
        root = self._session.config.rootpath
        node: Any = self._session
        if not hasattr(pytest, "Directory") or root not in path.parents:
            self._session.gethookproxy(path)
            return node
        runner: Any = importlib.import_module("_pytest.runner")
        for folder in [
            parent for parent in reversed(path.parents) if parent == root or root in parent.parents
        ]:
            known = [
                n
                for item in self._session.items
                for n in item.listchain()
                if getattr(n, "path", None) == folder
            ]
            known = [n for n in known if isinstance(n, cast(Any, pytest).Directory)]
            hooks: Any = self._session.gethookproxy(folder)
            child = known[0] if known else hooks.pytest_collect_directory(path=folder, parent=node)
            if child is not None and not known:
                runner.collect_one_node(child)
            node = node if child is None else child
        return node

    def _collect(self, collector: Any) -> list[pytest.Item]:
        """The collector's items; its failure is kept apart, since pytest would end the whole run for it."""
        runner: Any = importlib.import_module("_pytest.runner")
        report = runner.collect_one_node(collector)
        if report.failed:
            self.failures.append((collector.nodeid, report))
            return []
        return [item for child in report.result for item in self._session.genitems(child)]
