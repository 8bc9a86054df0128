"""Writes shapes as JSON for the journal, with the user's secrets taken out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

from flowmill.events import Json
from flowmill.shapes import Prompt, Usage

Redact = Callable[[str], str]


OURS = frozenset(
    {
        "type",
        "outcome",
        "status",
        "mode",
        "origin",
        "trust",
        "how",
        "state",
        "level",
        "strategy",
        "role",
        "finish",
    }
)
"""Fields whose values are words of ours: a key as short as one of them must not make a record unreadable."""


def redacted(value: Json, redact: Redact) -> Json:
    """The same value with every text in it redacted; names of fields and the words of `OURS` are ours."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [redacted(item, redact) for item in value]
    if isinstance(value, dict):
        return {key: item if key in OURS else redacted(item, redact) for key, item in value.items()}
    return value


def redacted_bytes(data: bytes, redact: Redact) -> bytes:
    """A file's bytes, redacted; they stay as they are, whatever their encoding, if there is no secret."""
    return redact(data.decode("latin-1")).encode("latin-1", "replace")


def storable(text: str) -> str:
    """The text without lone surrogates, which stand for undecodable bytes in a path and no database takes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def dumps(value: Json, redact: Redact) -> str:
    return json.dumps(redacted(value, redact), separators=(",", ":"))


def prompt_json(prompt: Prompt) -> dict[str, Json]:
    """The prompt as plain JSON, lists in the place of tuples."""
    plain: dict[str, Json] = asdict(prompt)
    plain["messages"] = [asdict(message) for message in prompt.messages]
    plain["stop"] = list(prompt.stop)
    return plain


def usage_json(usage: Usage) -> dict[str, Json]:
    return {"prompt": usage.prompt, "cached": usage.cached, "completion": usage.completion}
