"""Waiting until no run works on some files."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Protocol

from flowmill.events import Record
from flowmill_server.runs.job import BUSY, Job


class Runs(Protocol):
    @property
    def jobs(self) -> Mapping[str, Job]: ...


class Quiet:
    """Listens to the runs."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._moved = asyncio.Event()

    async def on(self, files: Collection[Path]) -> None:
        """Return once no run works on a function of these files, or waits for it."""
        while any(job.state in BUSY and job.path in files for job in self._runs.jobs.values()):
            self._moved.clear()
            await self._moved.wait()

    def began(self, job: Job) -> None:
        pass

    def told(self, job: Job, record: Record) -> None:
        pass

    def ended(self, job: Job) -> None:
        self._moved.set()

    def changed(self, job: Job) -> None:
        self._moved.set()
