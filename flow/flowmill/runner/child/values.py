"""What a call was given, in few words and without running any code of the values' own.

An object's `repr` may ask a database, fail, or be the function under work itself.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, cast

CALL_CHARS = 300
TEXT_CHARS = 60
HELD_CHARS, OBJECT_CHARS = 40, 120
"""How much is shown of one attribute of an object, and of all."""
ENTRIES = 6
"""What is shown of a collection, or of an object's attributes."""
DEPTH = 3
MORE = "..."
PLAIN = (int, float, complex, bool, type(None), type(Ellipsis), range)
KNOWN = {
    "datetime": ("date", "datetime", "time", "timedelta"),
    "decimal": ("Decimal",),
    "fractions": ("Fraction",),
    "pathlib": ("PosixPath", "PurePosixPath", "WindowsPath"),
    "re": ("Pattern",),
    "uuid": ("UUID",),
}
"""Other classes whose `repr` is the standard library's."""
FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)
_members = cast("Callable[[Any], Iterator[Any]]", tuple.__iter__)  # pyright: ignore[reportUnknownMemberType]
"""Of a tuple, whatever its class makes of being run through."""
BRACKETS: dict[type, str] = {list: "[]", tuple: "()", set: "{}", frozenset: "{}", dict: "{}"}


def describe_call(name: str, frame: types.FrameType) -> str:
    """`name(a=1, self=<Shop rate=2>)`, from a frame at its beginning; "" if that cannot be told."""
    try:
        return cut(f"{name}({', '.join(_given(frame))})", CALL_CHARS)
    except Exception:  # a class or a dictionary that plays tricks: what it holds is a help, not a need
        return ""


def _given(frame: types.FrameType) -> Iterable[str]:
    code, values = frame.f_code, frame.f_locals
    plain = code.co_argcount + code.co_kwonlyargcount
    stars = [""] * plain
    stars += ["*"] if code.co_flags & inspect.CO_VARARGS else []
    stars += ["**"] if code.co_flags & inspect.CO_VARKEYWORDS else []
    for star, argument in zip(stars, code.co_varnames):  # noqa: B905 - Python 3.9 has no `strict`
        if argument in values:
            yield f"{star}{argument}={describe(values[argument])}"


def describe(value: Any, depth: int = DEPTH) -> str:
    """A value as Python spells it; what is no builtin as `<Class attribute=value>`."""
    # Never `isinstance`: a lazy object that is asked for its class looks it up.
    kind = cast("type[object]", type(value))
    if kind in PLAIN or kind.__name__ in KNOWN.get(kind.__module__, ()):
        return cut(repr(value), TEXT_CHARS)
    if kind in (str, bytes):
        return repr(value[:TEXT_CHARS]) + (MORE if len(value) > TEXT_CHARS else "")
    if kind in BRACKETS:
        return _collection(value, kind, depth)
    if issubclass(kind, tuple):
        return kind.__name__ + _collection(tuple(_members(value)), tuple, depth)
    if issubclass(kind, type) or kind in FUNCTIONS:
        return f"<{'class' if issubclass(kind, type) else 'function'} {value.__name__}>"
    return _object(value, kind.__name__, depth)


def _collection(value: Any, kind: type, depth: int) -> str:
    if not value:
        return f"{kind.__name__}()" if kind in (set, frozenset) else BRACKETS[kind]
    if depth == 0:
        return MORE
    if kind is dict:
        shown = [
            f"{describe(key, depth - 1)}: {describe(value[key], depth - 1)}" for key in islice(value, ENTRIES)
        ]
    else:
        shown = [describe(held, depth - 1) for held in islice(value, ENTRIES)]
    if len(value) > ENTRIES:
        shown.append(MORE)
    first, last = BRACKETS[kind]
    return f"{first}{', '.join(shown)}{',' if kind is tuple and len(shown) == 1 else ''}{last}"


def _object(value: object, name: str, depth: int) -> str:
    """Its class, and what it holds if that lies in a plain dictionary; within others, its class alone."""
    try:
        held = object.__getattribute__(value, "__dict__") if depth == DEPTH else None
    except AttributeError:
        held = None
    if type(held) is not dict:
        return f"<{name}>"
    attributes = cast("dict[str, object]", held)
    shown = [f"{key}={cut(describe(attributes[key], 1), HELD_CHARS)}" for key in islice(attributes, ENTRIES)]
    return f"<{cut(' '.join([name, *shown]), OBJECT_CHARS)}>"


def cut(text: str, size: int) -> str:
    return text if len(text) <= size else text[: size - len(MORE)] + MORE
