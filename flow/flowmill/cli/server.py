"""`flowmill server`: the language server, which is a package of its own and costs nobody else anything."""

from __future__ import annotations

import importlib
from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Serve one editor on stdin and stdout; the result is the exit code. Raises `FlowmillError`."""
    code: int = importlib.import_module("flowmill_server.main").main(argv)
    return code
