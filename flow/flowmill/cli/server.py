"""`flowmill server`: the language server, when its package is installed."""

from __future__ import annotations

from collections.abc import Sequence

from flowmill.errors import UsageError


def main(argv: Sequence[str]) -> int:
    """There is none yet: say so, and what works already."""
    del argv
    raise UsageError(
        "this version has no language server yet; flowmill generate and flowmill repair work in the terminal"
    )
