"""Keeps keys out of every message: the user's own, and the pieces of it that servers echo."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from urllib.parse import quote, urlsplit

MASK = "***"
_SHORT, _NO_KEY = 8, 4
"""Keys below these lengths are placeholders: "none" and "EMPTY" are masked as whole words only, "x" not at all."""
_ECHOED = re.compile(
    r"[\w-]*\*{3,}[\w-]*"  # sk-abc****wxyz, the form in which OpenAI repeats a wrong key
    r"|\b(?:sk|pk|rk|gsk|hf|xai|nvapi|AIza)[-_]?[A-Za-z0-9][\w-]{11,}\b"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w\-.~+/]{6,}=*")
_USERINFO = re.compile(r"//[^/\s@]+@")


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that masks these secrets, their beginnings, and whatever looks like a key, in a text."""
    patterns = [_pattern(secret) for secret in secrets if _is_key(secret)]

    def redact(text: str) -> str:
        for pattern in patterns:
            text = pattern.sub(MASK, text)
        text = _BEARER.sub(rf"\1 {MASK}", text)
        return _USERINFO.sub("//", _ECHOED.sub(MASK, text))

    return redact


def masker(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that masks these secrets and nothing that merely looks like one, so that code stays what it is."""
    words = [
        re.escape(s) if len(s) >= _SHORT else rf"(?<!\w){re.escape(s)}(?!\w)" for s in secrets if _is_key(s)
    ]
    pattern = re.compile("|".join(words)) if words else None
    return lambda text: pattern.sub(MASK, text) if pattern else text


def _is_key(secret: str) -> bool:
    return len(secret.strip()) >= _NO_KEY


def _pattern(secret: str) -> re.Pattern[str]:
    if len(secret) < _SHORT:
        return re.compile(rf"(?<!\w){re.escape(secret)}(?!\w)")
    # A server may repeat the beginning, so whatever starts like the key goes as a whole.
    start = re.escape(secret[: max(_SHORT, len(secret) // 3)])
    return re.compile(rf"{re.escape(secret)}|{re.escape(quote(secret, safe=''))}|{start}[\w\-.*…]*")


def shown(url: str) -> str:
    """An endpoint as messages name it: without user, password, query and fragment."""
    parts = urlsplit(url.strip())
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}" if parts.scheme else url.rpartition("@")[2]


def url_secrets(url: str) -> tuple[str, ...]:
    """What of an endpoint is secret: the password, and the values of its query."""
    parts = urlsplit(url.strip())
    user = parts.netloc.rpartition("@")[0]
    values = [pair.partition("=")[2] for pair in parts.query.split("&")]
    return tuple(piece for piece in (user, user.partition(":")[2], *values) if piece)
