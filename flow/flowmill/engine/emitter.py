"""Stamps events and hands them on; the only way out of a run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

from flowmill.events import (
    DraftDelta,
    DraftMade,
    Event,
    Note,
    RunFinished,
    Stage,
    TestReported,
    TestsSelected,
)
from flowmill.model.redact import MaskedStream, Masker


class Emitter:
    """A queue of events, numbered and timed.

    Notes pass through `redact`, which knows how servers tell keys; code and what tests say through
    `mask`, which leaves everything but the keys as it is.
    """

    def __init__(self, redact: Callable[[str], str], mask: Masker) -> None:
        self._redact = redact
        self._mask = mask
        self._streams: dict[int, MaskedStream] = {}
        self._started = time.monotonic()
        self._seq = 0
        self.queue: asyncio.Queue[tuple[int, float, Event] | None] = asyncio.Queue()

    def emit(self, event: Event) -> None:
        if isinstance(event, DraftDelta):
            stream = self._streams.setdefault(event.draft, MaskedStream(self._mask))
            self._delta(event.draft, stream.feed(event.text))
        else:
            self._put(self._clean(event))

    def end_of_stream(self, draft: int) -> None:
        """No more deltas of this draft: what was held back, since it could have begun a key, goes out."""
        stream = self._streams.pop(draft, None)
        if stream is not None:
            self._delta(draft, stream.rest())

    def _delta(self, draft: int, text: str) -> None:
        if text:
            self._put(DraftDelta(draft, text))

    def _put(self, event: Event) -> None:
        t = time.monotonic() - self._started
        self.queue.put_nowait((self._seq, t, event))
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
        mask = self._mask
        match event:
            case Note():
                return replace(event, text=self._redact(event.text))
            case TestReported():
                return replace(
                    event, id=mask(event.id), message=mask(event.message), details=mask(event.details)
                )
            case TestsSelected():
                return replace(event, tests=tuple(replace(test, id=mask(test.id)) for test in event.tests))
            case DraftMade():
                return replace(event, code=mask(event.code), diff=mask(event.diff))
            case RunFinished():
                return replace(event, diff=mask(event.diff))
            case _:
                return event
