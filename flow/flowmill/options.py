"""Every setting by name: what it may be, and how one value is read from an editor, a table or a flag."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import urlsplit

from flowmill.project.pyproject import as_list
from flowmill.shapes import StrategyName

Sandbox = Literal["strict", "auto", "off"]
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*[*?]?[A-Za-z0-9_*?]*")
EMBEDDED = "embedded"
"""As a base URL: the model that flowmill runs itself, whatever the environment says."""


class BadValue(ValueError):
    """`str(error)` says what is allowed."""


@dataclass(frozen=True, slots=True)
class Option:
    """One setting. `in_project` says whether a `[tool.flowmill]` table may have it, and how freely."""

    name: str
    read: Callable[[object], object]
    in_project: Literal["free", "trusted", "never"] = "free"

    @property
    def kebab(self) -> str:
        return self.name.replace("_", "-")

    @property
    def camel(self) -> str:
        head, *rest = self.name.split("_")
        return head + "".join(word.capitalize() for word in rest)


def snake(key: str) -> str:
    """`maxSeconds`, `max-seconds` and `max_seconds` are one setting."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", key).replace("-", "_").lower()


def _text(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise BadValue("a text that is not empty")


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise BadValue("true or false")


def _seconds(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value > 0:
        return float(value)
    raise BadValue("a number of seconds above 0")


def _at_least(least: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        raise BadValue(f"a whole number, {least} or more")

    return read


def _tests(value: object) -> tuple[str, ...]:
    items: list[object] = [value] if isinstance(value, str) else as_list(value)
    names = tuple(item for item in items if isinstance(item, str) and item)
    if len(names) < len(items) or not (items or isinstance(value, list)):
        raise BadValue("a list of pytest node ids")
    return names


def _variables(value: object) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(as_list(value))
    good = tuple(name for name in names if isinstance(name, str) and VARIABLE.fullmatch(name))
    if len(good) < len(names) or not (names or isinstance(value, list)):
        raise BadValue("a list of names of environment variables, such as MYAPP_MODE or MYAPP_*")
    return good


def _one_of(allowed: tuple[str, ...]) -> Callable[[object], str]:
    def read(value: object) -> str:
        if isinstance(value, str) and value in allowed:
            return value
        raise BadValue(f"one of {', '.join(allowed)}")

    return read


def _address(value: object) -> str:
    text = _text(value).rstrip("/")
    if text == EMBEDDED:
        return text
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket or a port that is none
        good = False
    if not good or any(mark.isspace() for mark in text):
        raise BadValue(f'an http:// or https:// address such as http://127.0.0.1:11434/v1, or "{EMBEDDED}"')
    return text


OPTIONS = (
    Option("python", _text),
    Option("project", _text, "never"),
    Option("model", _text),
    Option("base_url", _address, "trusted"),
    Option("strategy", _one_of(get_args(StrategyName))),
    Option("max_seconds", _seconds),
    Option("max_calls", _at_least(1)),
    Option("max_tokens", _at_least(1)),
    Option("tests", _tests),
    Option("allow_unverified", _flag),
    Option("sandbox", _one_of(get_args(Sandbox)), "trusted"),
    Option("pass_env", _variables),
    Option("watch", _flag),
    Option("auto_repair", _flag),
    Option("log_file", _text, "trusted"),
    Option("test_seconds", _seconds),
    Option("seed", _at_least(0)),
    Option("force", _flag, "never"),
)
BY_NAME = {option.name: option for option in OPTIONS}
