"""The events as JSON lines, one object a line, and nothing else: for programs."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import TextIO

from flowmill.cli.pipes import put
from flowmill.events import Record


class JsonLines:
    """Writes each record as it comes and flushes it. ASCII only, so that any pipe carries it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def show(self, record: Record) -> None:
        put(self._stream, json.dumps(record.to_json(), separators=(",", ":")) + "\n")

    def wrote(self, path: Path) -> None:
        """Say nothing: standard output holds events only."""
