"""Remembers the machinery that judges a draft, and tells at the end what of it is not the same.

Taken before a line of the draft runs. Compared are the names in the modules that make and
report outcomes, the code behind them, the hooks that are registered, and the tests' own
functions: by identity alone, so that no object of a draft is asked anything.
"""

from __future__ import annotations

import builtins
import os
import sys
import types
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from .bindings import Bindings, callables

MODULES = (
    "_pytest.runner",
    "_pytest.reports",
    "_pytest.python",
    "_pytest.unittest",
    "_pytest.doctest",
    "_pytest.nodes",
    "_pytest.main",
    "_pytest.outcomes",
    "_pytest.skipping",
    "_pytest.python_api",
    "_pytest.raises",
    "_pytest._code.code",
    "_pytest._io.saferepr",
    "_pytest.assertion",
    "_pytest.assertion.rewrite",
    "_pytest.assertion.util",
    "unittest.case",
    "doctest",
    "operator",
    "json",
    "json.encoder",
    "numpy.testing._private.utils",
    "pandas._testing.asserters",
)
"""Those of them that are loaded by then are watched, with the classes that they define."""
OURS = ("bindings", "canary", "collect", "limit", "order", "outcomes", "proof", "reporter", "seal", "watch")
ELSEWHERE = {
    "os": ("_exit", "write", "getpid", "fork", "kill"),
    "sys": ("exit", "settrace", "setprofile", "gettrace", "getprofile"),
    "math": ("isclose", "isnan"),
}
HOOKS = (
    "pytest_runtest_protocol",
    "pytest_runtest_setup",
    "pytest_runtest_call",
    "pytest_runtest_teardown",
    "pytest_runtest_makereport",
    "pytest_runtest_logstart",
    "pytest_runtest_logreport",
    "pytest_runtest_logfinish",
    "pytest_pyfunc_call",
    "pytest_fixture_setup",
    "pytest_exception_interact",
    "pytest_sessionfinish",
)
# Bound early: a draft may put its own in place of the builtins.
_get = getattr
_gettrace, _getprofile, _realpath = sys.gettrace, sys.getprofile, os.path.realpath
_HOME = os.path.dirname(__file__)


class Seal:
    """What was there when it was taken."""

    def __init__(self) -> None:
        self._judges = Bindings()
        self._tests: dict[int, Bindings] = {}
        """Of the tests' modules, by their ids."""
        self._hooks: list[tuple[str, Any, tuple[object, ...]]] = []
        self._items: list[tuple[Any, object]] = []
        self._early: list[str] = []
        self._files: frozenset[str] = frozenset()
        self._real: dict[str, str] = {}
        package = __name__.rpartition(".")[0]
        # How its modules are called differs from version to version.
        pluggy = [name for name in sys.modules if name.startswith("pluggy.")]
        for name in (*MODULES, *pluggy, *(f"{package}.{ours}" for ours in OURS)):
            module = sys.modules.get(name)
            if module is not None:
                self._judges.machinery(name, module)
        own = vars(builtins)
        self._judges.bindings("builtins", own, callables(own), own)
        for name, wanted in ELSEWHERE.items():
            space = vars(sys.modules[name])
            self._judges.bindings(name, space, [key for key in wanted if key in space], space)
        self._judges.close()
        self._tracers = (_gettrace(), _getprofile(), _tools())

    # ---------------------------------------------------------- what is there
    def watch_session(self, session: pytest.Session, drafted: Iterable[str]) -> None:
        """Take in the hooks and the tests too, once those are collected.

        `drafted` are the files that a draft is in. Where one is loaded already, a hook that
        comes out of it is none of the project's, unless it is a conftest; the tests of
        such a file are not watched, as they may be the draft's.
        """
        files = frozenset(_realpath(file) for file in drafted)
        self._files = frozenset(file for file in files if not file.endswith("conftest.py"))
        hooks: Any = session.config.pluginmanager.hook
        for name in HOOKS:
            caller = getattr(hooks, name)
            functions = _functions(caller)
            self._hooks.append((name, caller, functions))
            self._early += [f"hook {name}" for function in functions if self._drafted(function)]
        for module in _modules_of(session.items).values():
            if _realpath(str(getattr(module, "__file__", ""))) not in files:
                names = self._tests[id(module)] = Bindings()
                names.tests(module.__name__, module)
                names.close()
        self._items = [(item, vars(item).get("_obj")) for item in session.items]

    def focus(self, items: Sequence[pytest.Item]) -> None:
        """Forget the tests that are not among these, and the modules that hold none of them."""
        chosen, modules = set(map(id, items)), _modules_of(items)
        self._items = [(item, before) for item, before in self._items if id(item) in chosen]
        self._tests = {key: names for key, names in self._tests.items() if key in modules}

    def _drafted(self, function: Any) -> bool:
        code = _get(_get(function, "__func__", function), "__code__", None)
        name = _get(code, "co_filename", "")
        if name not in self._real:
            self._real[name] = _realpath(name)
        return self._real[name] in self._files

    # ---------------------------------------------------------- what is not the same
    def broken(self) -> list[str]:
        """The names of what has changed since."""
        found = self._early + self._judges.changed()
        for names in self._tests.values():
            found += names.changed()
        found += [f"hook {name}" for name, caller, before in self._hooks if _functions(caller) != before]
        found += self._items_changed() + self._traced()
        return list(dict.fromkeys(found))

    def _items_changed(self) -> list[str]:
        return [
            f"test {item.name}"
            for item, before in self._items
            if "runtest" in item.__dict__
            or (item.__dict__.get("_obj") is not before and self._drafted(item.__dict__.get("_obj")))
        ]

    def _traced(self) -> list[str]:
        trace, profile, tools = self._tracers
        found = [] if _ours(_gettrace(), trace) else ["sys.settrace"]
        found += [] if _ours(_getprofile(), profile) else ["sys.setprofile"]
        return found if _tools() <= tools else [*found, "sys.monitoring"]


def _modules_of(items: Iterable[pytest.Item]) -> dict[int, types.ModuleType]:
    """The modules that hold these tests, by their ids."""
    found = [getattr(item, "module", None) for item in items]
    return {id(module): module for module in found if module is not None}


def _ours(now: Any, before: object) -> bool:
    """Whether a tracer is the one that was there, or one of ours, which come and go."""
    if now is None or now is before:
        return True
    code = _get(_get(now, "__func__", now), "__code__", None)
    return _get(code, "co_filename", "").startswith(_HOME)


def _functions(caller: Any) -> tuple[object, ...]:
    # The method behind it: a bound one is made anew every time that it is looked up.
    return tuple(_get(impl.function, "__func__", impl.function) for impl in caller.get_hookimpls())


def _tools() -> frozenset[str]:
    """Who else listens to the interpreter; our own tools come and go."""
    monitoring: Any = getattr(sys, "monitoring", None)
    if monitoring is None:
        return frozenset()
    names = (monitoring.get_tool(tool) for tool in range(6))
    return frozenset(str(name) for name in names if name is not None and not str(name).startswith("flowmill"))
