"""Starts the processes of one warm run: the spare that waits for such a draft, else a fork for each."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from flowmill.runner.guard import housed
from flowmill.runner.hearing import Hearing
from flowmill.runner.orders import Errand, Scratches, new_nonce
from flowmill.runner.pool import Pool
from flowmill.runner.spares import Kind, Spare
from flowmill.runner.zygote import ZygoteLost
from flowmill.shapes import TestOrder


@dataclass(frozen=True, slots=True)
class Start:
    """What a run starts from. `file` holds the function under work; `policy` is that of all such runs."""

    order: TestOrder
    pool: Pool
    file: Path
    swap: Mapping[str, object] | None
    policy: Mapping[str, object] | None
    pycache: Path

    def kind(self) -> Kind | None:
        """What a spare has to have in common with it, None where none can serve it."""
        drafted = self.order.untrusted and self.file in self.order.overlay
        return Kind.of(self.order, self.policy, self.file) if drafted else None


@dataclass(frozen=True, slots=True)
class Launch:
    """One run's scratch folder and mark, and the way to a process for it."""

    start: Start
    scratch: Path
    nonce: str
    spare: Spare | None
    processes: list[Hearing] = field(default_factory=list[Hearing])

    async def process(self, only: tuple[str, ...] | None) -> Hearing:
        """A process for the tests that are left, or for all (None). Raises ZygoteLost or StartError."""
        self.processes.append(await self._process(only))
        return self.processes[-1]

    async def _process(self, only: tuple[str, ...] | None) -> Hearing:
        start = self.start
        if self.spare is not None and only is None:
            with suppress(ZygoteLost):
                return await self.spare.take(start.order.overlay[start.file], start.swap)
        policy = housed(start.policy, self.scratch)
        errand = Errand(start.order, self.scratch, start.pycache, self.nonce, policy, only, start.swap)
        zygote = await start.pool.take()
        return await zygote.fork(errand.data(), start.order.limits.output_bytes)


@asynccontextmanager
async def launch(start: Start, scratches: Scratches) -> AsyncGenerator[Launch]:
    """Hold the pool for one run, and have spares made for drafts like it."""
    kind, spares = start.kind(), start.pool.spares
    spare = None if spares is None or kind is None else spares.take(kind)
    scratch, nonce = (spare.scratch, spare.nonce) if spare else (scratches.make(), new_nonce())
    launched = Launch(start, scratch, nonce, spare)
    try:
        with start.pool.held(), nullcontext() if spares is None or kind is None else spares.ahead(kind):
            yield launched
    finally:
        if spare is not None:
            await spare.end()
        for last in launched.processes[-1:]:
            last.when_gone(lambda: scratches.drop_soon(scratch))
        if not launched.processes:
            scratches.drop_soon(scratch)
