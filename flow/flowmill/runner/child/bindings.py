"""What names of modules and classes stand for, and whether they still do.

By identity alone, so that no object of a draft is asked anything; see seal.py.
"""

from __future__ import annotations

import builtins
import gc
import operator
import types
from collections.abc import Iterable, Mapping
from typing import Any, cast

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
_KINDS = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)
# Bound early: a draft may put its own in place of the builtins.
_len, _any, _vars = len, any, vars
_set: type[set[str]] = set
_referents, _same, _every = gc.get_referents, operator.is_, all
_BUILTINS = frozenset(f"builtins.{name}" for name in vars(builtins)) - REPLACED


class Bindings:
    """What modules and their classes stood for when they were taken in."""

    def __init__(self) -> None:
        self._names: list[tuple[str, Mapping[str, Any], str, object]] = []
        self._codes: list[tuple[str, Any, object, object]] = []
        self._modules: list[tuple[str, Mapping[str, Any], frozenset[str]]] = []
        self._classes: list[tuple[str, type, frozenset[str], object]] = []
        self._held: list[object] = []
        """What all the functions refer to, their code and defaults among it."""

    def machinery(self, name: str, module: types.ModuleType) -> None:
        """Take in the module, its classes, and which names either has."""
        space = vars(module)
        for key, value in self._module(name, space):
            self._classes.append((f"{name}.{key}", value, frozenset(vars(value)), value.__mro__))

    def tests(self, name: str, module: types.ModuleType) -> None:
        """The same, but that what is new in a class is not looked at: test classes keep what their set-up makes."""
        self._module(name, vars(module))

    def bindings(
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

    def _module(self, name: str, space: Mapping[str, Any]) -> list[tuple[str, type]]:
        """Gives the classes that were defined there."""
        named = callables(space)
        self.bindings(name, space, named, space)
        self._modules.append((name, space, frozenset(space)))
        classes = [(key, kind) for key in named if isinstance(kind := space[key], type)]
        own = [(key, kind) for key, kind in classes if kind.__module__ == name]
        for key, kind in own:
            inner: Any = vars(kind)
            methods = [method for method, value in inner.items() if _functions_of(value) is not None]
            self.bindings(f"{name}.{key}", inner, methods, space)
        return own

    def changed(self) -> list[str]:
        """The names of what is not the same any more."""
        found = [full for full, space, key, value in self._names if space.get(key) is not value]
        found += self._replaced()
        found += [
            f"{name}.{key}"
            for name, space, keys in self._modules
            if _len(space) != _len(keys)
            for key in _fresh(space, keys)
            if f"builtins.{key}" in _BUILTINS
        ]
        return found + [
            f"{name}.{key}" for name, kind, keys, mro in self._classes for key in _added(kind, keys, mro)
        ]

    def close(self) -> None:
        """Call it when all has been taken in."""
        self._held = _referents(*(function for _, function, _, _ in self._codes))

    def _replaced(self) -> list[str]:
        # Each look at a function's code is an audit event, and each of those costs a call.
        held = _referents(*[function for _, function, _, _ in self._codes])
        if _len(held) == _len(self._held) and _every(map(_same, held, self._held)):
            return []
        return [
            full
            for full, function, code, defaults in self._codes
            if function.__code__ is not code or function.__defaults__ is not defaults
        ]


def callables(space: Mapping[str, Any]) -> list[str]:
    return [key for key, value in space.items() if isinstance(value, _KINDS)]


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
