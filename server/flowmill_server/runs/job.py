"""One run as the server sees it: where it stands, what it has told, and what came of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from flowmill.engine.request import Result
from flowmill.events import Record
from flowmill.report.story import Story
from flowmill.shapes import Mode
from flowmill_server.text.document import Document
from flowmill_server.text.outline import ONLY, FunctionSpan, Rank

State = Literal["queued", "working", "ready", "done", "cancelled", "accepted", "discarded", "replaced"]
"""`ready`: finished with a result that can be accepted; `done`: finished with nothing to accept."""
Origin = Literal["user", "request", "auto", "check"]
"""Who asked: a command, the request `flow/run`, the server by itself, or for the tests alone."""
OPEN: frozenset[State] = frozenset({"queued", "working", "ready"})
BUSY: frozenset[State] = frozenset({"queued", "working"})


@dataclass(eq=False)
class Job:
    """One run on one function of one document. `version` and `digest` are the function's when it began."""

    run: str
    mode: Mode
    uri: str
    path: Path
    qualname: str
    version: int
    digest: str
    rank: Rank = ONLY
    """Among the functions of its name when it began: an edit above moves their lines."""
    origin: Origin = "user"
    token: int | str | None = None
    state: State = "queued"
    story: Story = field(default_factory=Story)
    result: Result | None = None
    problem: str = ""
    hint: str = ""
    last: Record | None = None
    """The run's `run.finished`."""
    heard: int = 0
    """How many records it has told."""
    unheard: bool = False
    """It broke off before it could tell its end: `last` is the server's own word."""
    heir: Job | None = None
    """The run that stands for it since it was replaced: on the same draft, tested on a newer text."""
    done: asyncio.Future[Record] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """Set when the run has ended, with its last record."""

    @property
    def name(self) -> str:
        """The function's own name."""
        return self.qualname.partition("@")[0].rpartition(".")[2]

    def span_in(self, document: Document) -> FunctionSpan | None:
        """Its function in the document as it is now; None if it is gone."""
        return document.outline.follow(self.qualname, self.digest, self.rank)

    @property
    def latest(self) -> Job:
        """The run that stands for it now, itself if none does: whoever knows an old id means the draft."""
        return self if self.heir is None else self.heir.latest

    @property
    def verified(self) -> bool:
        return self.story.finished is not None and self.story.finished.status == "verified"


class Listener(Protocol):
    """Hears of every run. A job's story holds a record before it is told."""

    def began(self, job: Job) -> None: ...

    def told(self, job: Job, record: Record) -> None: ...

    def ended(self, job: Job) -> None: ...

    def changed(self, job: Job) -> None:
        """Its state moved on after the end, or while it waited: accepted, discarded, replaced, cancelled."""
        ...
