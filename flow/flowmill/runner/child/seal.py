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
from collections.abc import Iterable, Mapping
from typing import Any, cast

import pytest

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
OURS = ("canary", "collect", "limit", "order", "outcomes", "proof", "reporter", "seal", "watch")
ELSEWHERE = {
    "os": ("_exit", "write", "getpid", "fork", "kill"),
    "sys": ("exit", "settrace", "setprofile", "gettrace", "getprofile"),
    "math": ("isclose", "isnan"),
}
REPLACED = frozenset(
    {
        "builtins.__import__",
        "builtins.open",
        "builtins.input",
        "builtins._",
        "_pytest.unittest.TestCaseFunction.addSubTest",
        "_pytest.unittest.TestCaseFunction._addSkip",
    }
)
"""What honest tools replace, and what can fake nothing here."""
ADDED = frozenset(
    {
        "__slotnames__",
        "__annotations__",
        "__annotations_cache__",
        "__abstractmethods__",
        "_pytest_diamond_inheritance_warning_shown",
        "addSubTest",
        "_addSkip",
    }
)
"""What Python and pytest add to classes as they are used."""
EXTENDED = ("_pytest.nodes", "_pytest.main", "_pytest.python")
"""Where plugins add to classes: an addition counts if it takes the place of something inherited."""
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
_KINDS = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)
# Bound early: a draft may put its own in place of the builtins.
_get, _len, _any, _vars = getattr, len, any, vars
_set: type[set[str]] = set
_gettrace, _getprofile, _realpath = sys.gettrace, sys.getprofile, os.path.realpath
_BUILTINS = frozenset(f"builtins.{name}" for name in vars(builtins)) - REPLACED
_HOME = os.path.dirname(__file__)


class Seal:
    """What was there when it was taken."""

    def __init__(self) -> None:
        self._names: list[tuple[str, Mapping[str, Any], str, object]] = []
        self._codes: list[tuple[str, Any, object, object]] = []
        self._modules: list[tuple[str, Mapping[str, Any], frozenset[str]]] = []
        self._classes: list[tuple[str, type, frozenset[str], object]] = []
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
                self._module(name, module)
        self._module("builtins", builtins, deep=False)
        for name, wanted in ELSEWHERE.items():
            space = vars(sys.modules[name])
            self._bindings(name, space, [key for key in wanted if key in space], space)
        self._tracers = (_gettrace(), _getprofile(), _tools())

    # ---------------------------------------------------------- what is there
    def _module(self, name: str, module: types.ModuleType, *, deep: bool = True) -> None:
        space = vars(module)
        callables = [key for key, value in space.items() if isinstance(value, _KINDS)]
        self._bindings(name, space, callables, space)
        if not deep:
            return
        self._modules.append((name, space, frozenset(space)))
        for key in callables:
            value: Any = space[key]
            if isinstance(value, type) and value.__module__ == name:
                self._class(f"{name}.{key}", value, space)

    def _class(self, name: str, kind: type, around: Mapping[str, Any]) -> None:
        space: Any = vars(kind)
        methods = [key for key, value in space.items() if _functions_of(value) is not None]
        self._bindings(name, space, methods, around)
        self._classes.append((name, kind, frozenset(space), kind.__mro__))

    def _bindings(
        self, name: str, space: Mapping[str, Any], keys: Iterable[str], around: Mapping[str, Any]
    ) -> None:
        """Take in what these names stand for, and the code of what was defined in the same module."""
        for key in keys:
            full, value = f"{name}.{key}", space[key]
            if full in REPLACED:
                continue
            self._names.append((full, space, key, value))
            for function in _functions_of(value) or ():
                if function.__globals__ is around:
                    self._codes.append((full, function, function.__code__, function.__defaults__))

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
        modules = {id(m): m for item in session.items if (m := getattr(item, "module", None)) is not None}
        for module in modules.values():
            if _realpath(str(getattr(module, "__file__", ""))) not in files:
                self._tests(module)
        for item in session.items:
            self._items.append((item, vars(item).get("_obj")))

    def _tests(self, module: types.ModuleType) -> None:
        # Test classes keep what their set-up makes: only what they had is compared, not what is new.
        known = len(self._classes)
        self._module(module.__name__, module)
        del self._classes[known:]

    def _drafted(self, function: Any) -> bool:
        code = _get(_get(function, "__func__", function), "__code__", None)
        name = _get(code, "co_filename", "")
        if name not in self._real:
            self._real[name] = _realpath(name)
        return self._real[name] in self._files

    # ---------------------------------------------------------- what is not the same
    def broken(self) -> list[str]:
        """The names of what has changed since."""
        found = list(self._early)
        found += [full for full, space, key, value in self._names if space.get(key) is not value]
        found += [
            full
            for full, function, code, defaults in self._codes
            if function.__code__ is not code or function.__defaults__ is not defaults
        ]
        found += [
            f"{name}.{key}"
            for name, space, keys in self._modules
            if _len(space) != _len(keys)
            for key in _fresh(space, keys)
            if f"builtins.{key}" in _BUILTINS
        ]
        found += [
            f"{name}.{key}" for name, kind, keys, mro in self._classes for key in _added(kind, keys, mro)
        ]
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


def _ours(now: Any, before: object) -> bool:
    """Whether a tracer is the one that was there, or one of ours, which come and go."""
    if now is None or now is before:
        return True
    code = _get(_get(now, "__func__", now), "__code__", None)
    return _get(code, "co_filename", "").startswith(_HOME)


def _added(kind: type, keys: frozenset[str], mro: object) -> list[str]:
    """What a class has got since, as far as it can change what the class does."""
    space = _vars(kind)
    if kind.__mro__ is not mro:
        return ["__mro__"]
    if _len(space) == _len(keys):
        return []
    new = _fresh(space, keys) - ADDED
    if kind.__module__ not in EXTENDED:
        return list(new)
    return [key for key in new if key[:2] == "__" or _any(key in _vars(base) for base in kind.__mro__[1:])]


def _fresh(space: Mapping[str, Any], keys: frozenset[str]) -> set[str]:
    names: set[str] = _set(space.keys())
    return names - keys


def _functions_of(value: Any) -> tuple[Any, ...] | None:
    """The functions behind something that a class or a module holds, None for mere data."""
    if isinstance(value, (staticmethod, classmethod)):
        value = cast(Any, value).__func__
    if isinstance(value, property):
        parts = (value.fget, value.fset, value.fdel)
        return tuple(part for part in parts if isinstance(part, types.FunctionType))
    if isinstance(value, types.FunctionType):
        return (value,)
    return () if callable(value) or hasattr(value, "__get__") else None


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
