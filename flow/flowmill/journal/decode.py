"""Reads back what was written as JSON: records, prompts, usages."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from flowmill.events import (
    DraftDelta,
    DraftMade,
    DraftScored,
    Event,
    Json,
    Note,
    Record,
    RunFinished,
    RunStarted,
    Stage,
    TestReported,
    TestsSelected,
)
from flowmill.journal.shapes import JournalError

T = TypeVar("T")
EVENTS: dict[str, type[Event]] = {
    kind.type: kind
    for kind in (
        RunStarted,
        TestsSelected,
        Stage,
        DraftDelta,
        DraftMade,
        TestReported,
        DraftScored,
        Note,
        RunFinished,
    )
}


def record_from_json(value: Mapping[str, Json]) -> Record | None:
    """The record behind one JSON line; None for a type of event that this version does not know."""
    event = EVENTS.get(str(value.get("type")))
    if event is None:
        return None
    head = {"run": (str, value.get("run")), "seq": (int, value.get("seq")), "t": (float, value.get("t"))}
    run, seq, t = (decode(kind, item) for kind, item in head.values())
    return Record(cast(str, run), cast(int, seq), cast(float, t), decode(event, dict(value)))


def decode(kind: type[T], value: Json) -> T:
    """The value as a frozen shape of ours. Raises `JournalError` where it is not one."""
    return cast(T, _decode(kind, value))


def _decode(kind: Any, value: Json) -> object:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _decode_union(get_args(kind), value)
    if origin is Literal:
        return _checked(value, lambda v: v in get_args(kind))
    if origin is tuple:
        items = cast("list[Json]", _checked(value, lambda v: isinstance(v, list)))
        return tuple(_decode(get_args(kind)[0], item) for item in items)
    if origin is dict:
        pairs = cast("dict[str, Json]", _checked(value, lambda v: isinstance(v, dict)))
        return {key: _decode(get_args(kind)[1], item) for key, item in pairs.items()}
    if kind is Path:
        return Path(cast(str, _checked(value, lambda v: isinstance(v, str))))
    if kind is float:
        return float(cast(float, _checked(value, lambda v: isinstance(v, (int, float)))))
    if is_dataclass(kind):
        return _decode_shape(cast("type[object]", kind), value)
    return _checked(value, lambda v: isinstance(v, kind))


def _decode_union(kinds: tuple[Any, ...], value: Json) -> object:
    if value is None and type(None) in kinds:
        return None
    return _decode(next(kind for kind in kinds if kind is not type(None)), value)


def _decode_shape(kind: type[object], value: Json) -> object:
    held = cast("dict[str, Json]", _checked(value, lambda v: isinstance(v, dict)))
    # A field that an older version did not write takes its default.
    given = {name: _decode(of, held[name]) for name, of in _hints(kind).items() if name in held}
    try:
        return kind(**given)
    except TypeError as error:
        raise JournalError(f"a recorded {kind.__name__} is incomplete: {error}") from None


@lru_cache(maxsize=64)
def _hints(kind: type[object]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(cast(Any, kind))}


def _checked(value: Json, fits: Callable[[Json], bool]) -> Json:
    if not fits(value):
        raise JournalError(f"a recorded value is not what it should be: {str(value)[:60]!r}")
    return value
