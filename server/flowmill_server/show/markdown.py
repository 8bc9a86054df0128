"""Text from models, tests and projects inside of Markdown: shown as it is, and never obeyed."""

from __future__ import annotations

import re

from flowmill.report.words import clean

_TICKS = re.compile(r"`+")
_FENCES = re.compile(r"(?:`{3,})")
# A viewer would fetch the image of a link in brackets, and render what stands in angles; brackets
# alone are left as they are, since test ids are full of them.
_ACTIVE = re.compile(r"(?<=\])\(|^\[|[<`]")


def code(text: str) -> str:
    """A code span, on one line."""
    text = " ".join(clean(text).split("\n")).strip()
    if not text:
        return ""
    ticks = "`" * (1 + max((len(run) for run in _TICKS.findall(text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def prose(text: str) -> str:
    """A sentence on one line."""
    return _ACTIVE.sub(r"\\\g<0>", " ".join(clean(text).split()))


def fenced(text: str, language: str) -> str:
    """A block between fences that no line of the text can close."""
    text = clean(text)
    fence = "`" * (1 + max((len(run) for run in _FENCES.findall(text)), default=2))
    return f"{fence}{language}\n{text}{'' if text.endswith(chr(10)) or not text else chr(10)}{fence}"
