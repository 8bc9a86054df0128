"""What shows a run: a live screen on a terminal, plain lines in a pipe, JSON lines for programs."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, TextIO, cast

from flowmill.cli.jsonl import JsonLines
from flowmill.cli.plain import Plain
from flowmill.events import Record
from flowmill.report.words import prices_of
from flowmill.shapes import ModelProfile, Usage


class Spent(Protocol):
    """What a run has used so far; the engine's meter is one."""

    @property
    def calls(self) -> int: ...
    @property
    def usage(self) -> Usage: ...


Meter = Callable[[], "Spent | None"]


class Shows(Protocol):
    """Takes the records of a run as they come.

    `wrote` is called after `run.finished`, if the result went into the user's file.
    """

    def show(self, record: Record) -> None: ...

    def wrote(self, path: Path) -> None: ...


class View(Shows, Protocol):
    """Shows records of one run after the other.

    Leaving the `with` block before `run.finished` was shown leaves the best draft
    so far on the screen. Without `wrote` inside the block the view says that nothing was written.
    """

    def __enter__(self) -> View: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False] | None: ...


def choose_view(
    json: bool,
    stream: TextIO | None = None,
    *,
    profile: ModelProfile | None = None,
    meter: Meter | None = None,
) -> View:
    """The view that suits the stream; `profile` tells prices, `meter` calls and tokens while it runs."""
    out = sys.stdout if stream is None else stream
    if json:
        return JsonLines(out)
    if not is_capable(out):
        return Plain(out, prices=prices_of(profile))
    # Only a live terminal pays for importing rich.
    screen = importlib.import_module("flowmill.cli.screen")
    return cast(View, screen.open_screen(out, prices=prices_of(profile), meter=meter))


def is_capable(stream: TextIO) -> bool:
    """True for a terminal that moves its cursor and shows more than ASCII."""
    if not stream.isatty() or os.environ.get("TERM", "") in ("dumb", "unknown"):
        return False
    return (getattr(stream, "encoding", None) or "").lower().replace("-", "").startswith("utf")
