"""The live view of a run on a terminal, and the summary that it leaves there."""

from __future__ import annotations

import threading
import time
from asyncio import CancelledError
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from flowmill.cli import paint
from flowmill.cli.frame import FRAMES_A_SECOND, Frame, FramePainter, title
from flowmill.events import Note, Record, RunFinished, RunStarted
from flowmill.report.story import Story
from flowmill.report.words import (
    Prices,
    clean,
    files_words,
    plural,
    short_path,
    usage_words,
)

if TYPE_CHECKING:
    from flowmill.cli.view import Meter


def open_screen(stream: TextIO, *, prices: Prices | None, meter: Meter | None) -> Screen:
    """A screen on a stream that is a terminal."""
    return Screen(Console(file=stream, highlight=False), prices=prices, meter=meter)


class Screen:
    """Redraws a few times a second while a run goes on; prints a lasting summary when it ends."""

    def __init__(
        self,
        console: Console,
        *,
        prices: Prices | None = None,
        meter: Meter | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._prices = prices
        self._meter = meter
        self._now = now
        self._zero = now()
        self._story = Story()
        self._live: Live | None = None
        # The story is told by one thread and drawn by another. No call into rich is made
        # while this is held by `show`: rich holds a lock of its own while it draws.
        self._lock = threading.Lock()
        self._painter = FramePainter(console)
        self._files_told = True

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_live()
        stopped = kind is None or issubclass(kind, (KeyboardInterrupt, CancelledError))
        started = self._story.started is not None and self._story.finished is None
        if started and (stopped or self._story.best_draft):
            self._print_summary()
        self._tell_files()

    def show(self, record: Record) -> None:
        if isinstance(record.event, RunStarted):
            self._close_live()
            self._tell_files()
        with self._lock:
            if isinstance(record.event, RunStarted):
                self._story, self._zero = Story(), self._now()
            # What is shown late began long ago.
            self._zero = min(self._zero, self._now() - record.t)
            self._story.add(record)
        if isinstance(record.event, RunStarted):
            self._open_live()
        elif isinstance(record.event, Note):
            self._print(_note(record.event))
        elif isinstance(record.event, RunFinished):
            self._close_live()
            self._print_summary()

    def wrote(self, path: Path) -> None:
        self._files_told = True
        self._print(Text(f"Written to {short_path(path)}.", "bold green"))

    # -------------------------------------------------------------- the lasting part
    def _print(self, *parts: RenderableType) -> None:
        paint.print_parts(self._console, parts)

    def _print_summary(self) -> None:
        self._print(Text(), title(self._story), Text())
        self._print(*paint.summary(self._story, self._console.width, self._prices))
        self._files_told = False

    def _tell_files(self) -> None:
        if not self._files_told:
            self._files_told = True
            self._print(Text(files_words(self._story)))

    # -------------------------------------------------------------- the live part
    def _open_live(self) -> None:
        self._live = Live(
            console=self._console,
            get_renderable=self.frame,
            refresh_per_second=FRAMES_A_SECOND,
            transient=True,
            vertical_overflow="crop",
        )
        self._live.start(refresh=True)

    def _close_live(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def frame(self) -> Frame:
        """What the terminal shows at this moment, fitted to its width and height."""
        with self._lock:
            return self._painter.frame(self._story, self._now() - self._zero, self._footer())

    def _footer(self) -> str:
        spent = self._meter() if self._meter else None
        if spent is not None:
            return usage_words(spent.calls, spent.usage, self._prices)
        drafts = sum(row.number != 0 for row in self._story.rows)
        return f"{plural(drafts, 'draft')} · Ctrl-C stops and keeps your file as it is"


def _note(note: Note) -> Text:
    if note.level == "warning":
        return Text("! ", "bold magenta").append(clean(note.text), "not bold default")
    return Text(f"  {clean(note.text)}", "dim")
