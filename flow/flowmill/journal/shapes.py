"""What the journal holds of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flowmill.errors import FlowmillError, UsageError
from flowmill.events import Json, Record
from flowmill.shapes import FinishReason, Mode, Prompt, Status, StrategyName, Usage


class JournalError(FlowmillError):
    """The journal or an exported run cannot be read."""


class UnknownRun(UsageError):
    """No run, or more than one, goes by that name."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run at a glance. `status` is None while it goes on, and for ever if the program died."""

    id: str
    started: float
    """Seconds since 1970."""
    mode: Mode
    file: str
    qualname: str
    project: str
    model: str
    strategy: StrategyName
    options: Mapping[str, Json]
    version: str
    status: Status | None
    best: int | None
    drafts: int
    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """One call of the model. `complete` is False if the stream was broken off, by us or by the server."""

    call: int
    prompt: Prompt
    text: str
    usage: Usage
    finish: FinishReason
    seconds: float
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run in full, from the journal or from an exported file."""

    run: RunRow
    source: bytes
    """The target file as it was when the run started."""
    records: tuple[Record, ...]
    answers: tuple[Answer, ...]
