"""Reading JSON of servers that keep to the format more or less: a wrong type counts as absent."""

from __future__ import annotations

from typing import cast


def mapping(value: object) -> dict[str, object]:
    """The object itself, or an empty one."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def entries(value: object) -> list[object]:
    """The array itself, or an empty one."""
    return cast("list[object]", value) if isinstance(value, list) else []


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def whole(value: object) -> int | None:
    """A count: a number that is not negative, or its decimal text."""
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e15:
        return None
    return int(value)


def dollars(value: object) -> float | None:
    """A price that is not negative, as a number or as text (OpenRouter writes text)."""
    try:
        number = float(value) if isinstance(value, (int, float, str)) else -1.0
    except ValueError:
        return None
    return number if 0 <= number < 1e6 else None
