"""Writes shapes as JSON for the journal, with the user's secrets taken out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

from flowmill.events import Json
from flowmill.shapes import Prompt, Usage

Redact = Callable[[str], str]


def redacted(value: Json, redact: Redact) -> Json:
    """The same value with every string in it redacted, keys too."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [redacted(item, redact) for item in value]
    if isinstance(value, dict):
        return {redact(key): redacted(item, redact) for key, item in value.items()}
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
