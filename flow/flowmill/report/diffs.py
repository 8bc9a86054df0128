"""Reads a unified diff into lines that know their side, so that each side can be coloured as Python."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Side = Literal["head", "hunk", "same", "new", "old"]


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line without its newline; `text` lacks the leading mark on the lines of code."""

    side: Side
    text: str

    @property
    def mark(self) -> str:
        return {"same": " ", "new": "+", "old": "-"}.get(self.side, "")


def diff_lines(diff: str) -> list[DiffLine]:
    """The lines of a unified diff. What comes before the first hunk is its head."""
    lines: list[DiffLine] = []
    inside = False
    for line in diff.split("\n")[: -1 if diff.endswith("\n") else None]:
        if line.startswith("@@"):
            inside = True
            lines.append(DiffLine("hunk", line))
        elif not inside or line.startswith("\\"):
            lines.append(DiffLine("head", line))
        else:
            lines.append(_code(line))
    return lines


def _code(line: str) -> DiffLine:
    if line.startswith("+"):
        return DiffLine("new", line[1:])
    if line.startswith("-"):
        return DiffLine("old", line[1:])
    return DiffLine("same", line[1:])


def side_text(lines: Iterable[DiffLine], side: Literal["new", "old"]) -> str:
    """One side's code, line for line, the rest left out: what a syntax highlighter should see."""
    return "\n".join(line.text for line in lines if line.side in ("same", side))
