"""Stamps events and hands them on; the only way out of a run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

from flowmill.events import Event, Note, Stage, TestReported


class Emitter:
    """A queue of events, numbered and timed; texts that come from outside pass through `redact`."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact
        self._started = time.monotonic()
        self._seq = 0
        self.queue: asyncio.Queue[tuple[int, float, Event] | None] = asyncio.Queue()

    def emit(self, event: Event) -> None:
        t = time.monotonic() - self._started
        self.queue.put_nowait((self._seq, t, self._clean(event)))
        self._seq += 1

    def note(self, text: str, level: Literal["info", "warning"] = "info") -> None:
        self.emit(Note(level, text))

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        started = time.monotonic()
        self.emit(Stage(name, "started"))
        try:
            yield
        finally:
            self.emit(Stage(name, "finished", time.monotonic() - started))

    def close(self) -> None:
        self.queue.put_nowait(None)

    def _clean(self, event: Event) -> Event:
        if isinstance(event, TestReported):
            return replace(event, message=self._redact(event.message), details=self._redact(event.details))
        if isinstance(event, Note):
            return replace(event, text=self._redact(event.text))
        return event
