"""Tables as text: aligned for a terminal, or as Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def grid(head: Sequence[str], body: Sequence[Sequence[str]], *, markdown: bool = False) -> str:
    """The first column to the left, the others to the right."""
    lines = [list(head), *[list(row) for row in body]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    rows = [_cells(line, widths) for line in lines]
    if not markdown:
        return "\n".join("  ".join(row).rstrip() for row in rows)
    rule = [("-" * width if not column else "-" * (width - 1) + ":") for column, width in enumerate(widths)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [rows[0], rule, *rows[1:]])


def _cells(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        text.ljust(width) if not column else text.rjust(width)
        for column, (text, width) in enumerate(zip(line, widths, strict=True))
    ]
