"""Keeps keys out of every message: the user's own, and the pieces of it that servers echo."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from urllib.parse import quote, urlsplit

MASK = "***"
_SHORT, _NO_KEY = 8, 4
"""Keys below these lengths are placeholders: "none" and "EMPTY" are masked as whole words only, "x" not at all."""
_LETTER = "\N{LATIN SMALL LETTER O WITH STROKE}"
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


class Masker:
    """Masks these secrets and nothing that merely looks like one, so that code stays what it is."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = tuple(secret for secret in secrets if _is_key(secret))
        words = (re.escape(s) if len(s) >= _SHORT else rf"(?<!\w){re.escape(s)}(?!\w)" for s in self._secrets)
        self._pattern = re.compile("|".join(words)) if self._secrets else None

    def __call__(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern else text

    def certain(self, text: str) -> int:
        """How much of a text that goes on may be masked and shown: what is left may be the beginning of a secret."""
        longest = max((_begun(secret, text) for secret in self._secrets), default=0)
        cut = len(text) - longest
        inside = (m for m in (self._pattern.finditer(text) if self._pattern else ()) if m.end() > cut)
        return min((match.start() for match in inside), default=cut)


class MaskedStream:
    """Masks a text that comes in pieces, also where a secret is spread over several."""

    def __init__(self, mask: Masker) -> None:
        self._mask = mask
        self._held = ""
        self._in_word = False

    def feed(self, piece: str) -> str:
        """What may be shown by now, perhaps nothing."""
        self._held += piece
        return self._shown(self._mask.certain(self._held))

    def rest(self) -> str:
        """What was held back, once nothing more comes."""
        return self._shown(len(self._held))

    def _shown(self, cut: int) -> str:
        shown, self._held = self._held[:cut], self._held[cut:]
        # The rest of a word is no word of its own; any letter says so that no key begins with.
        before = _LETTER if self._in_word else ""
        if shown:
            self._in_word = re.match(r"\w", shown[-1]) is not None
        return self._mask(before + shown)[len(before) :]


def _begun(secret: str, text: str) -> int:
    """The length of the longest end of the text that the secret begins with."""
    # Of a short one all counts: it is masked as a word, and only what follows says whether it is one.
    most = len(secret) - (len(secret) >= _SHORT)
    return next((n for n in range(min(most, len(text)), 0, -1) if text.endswith(secret[:n])), 0)


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
