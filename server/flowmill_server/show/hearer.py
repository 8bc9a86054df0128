"""What hears of runs and minds only some of what they tell."""

from __future__ import annotations

from typing import Protocol

from flowmill.events import Record
from flowmill_server.runs.job import Job, Listener


class Table(Protocol):
    """The part of the table of runs that showing them takes."""

    def find(self, run: str) -> Job | None: ...

    def cancel(self, run: str) -> Job | None: ...

    def listen(self, listener: Listener) -> None: ...


class Hearer:
    """A listener that does nothing: those below take up what concerns them."""

    def began(self, job: Job) -> None:
        """The run was asked for; it works or waits."""

    def told(self, job: Job, record: Record) -> None:
        """An event, which the job's story holds already."""

    def ended(self, job: Job) -> None:
        """The run is over."""

    def changed(self, job: Job) -> None:
        """Its state is another one."""
