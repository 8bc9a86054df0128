"""What a client's columns count: bytes, 16-bit units or code points."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Encoding = Literal["utf-8", "utf-16", "utf-32"]
ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")


def choose_encoding(wishes: Iterable[object]) -> Encoding:
    """The first of the client's wishes that we speak."""
    for wish in wishes:
        for known in ENCODINGS:
            if wish == known:
                return known
    return "utf-16"
