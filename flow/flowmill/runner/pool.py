"""Zygotes of one kind: the same one for every run where it forks, else a new one for each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress

from flowmill.runner.process import StartError
from flowmill.runner.spares import Spares
from flowmill.runner.zygote import Zygote, ZygoteLost


class Pool:
    """`make` gives the next single-use zygote, ready; None if `first` forks and so serves for ever.

    `spares` are forked from `first`, None where they are not.
    """

    def __init__(
        self, first: Zygote, make: Callable[[], Awaitable[Zygote]] | None, spares: Spares | None = None
    ) -> None:
        self._now = first
        self.spares = spares
        self._make = make
        self._next: asyncio.Task[Zygote] | None = None
        self._users = 0
        self._unused = asyncio.Event()
        self._unused.set()

    @property
    def lost(self) -> bool:
        return self._now.lost and self._next is None

    async def take(self) -> Zygote:
        """One that a run can start from. Raises ZygoteLost or StartError."""
        if self._make is None:
            return self._now
        zygote = self._now if self._next is None else await self._next
        self._next = asyncio.ensure_future(self._make())
        # Where nobody asks for the next one, nobody hears why it could not be made.
        self._next.add_done_callback(lambda task: task.cancelled() or task.exception())
        return zygote

    @contextmanager
    def held(self) -> Generator[None]:
        """Keep the zygotes for a run that may have to take another one."""
        self._users += 1
        self._unused.clear()
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._unused.set()

    async def unused(self) -> None:
        """Wait until no run holds it."""
        await self._unused.wait()

    async def aclose(self) -> list[Zygote]:
        """Make no more; give those that are there, to be ended."""
        if self.spares is not None:
            await self.spares.aclose()
        if self._next is not None:
            self._next.cancel()
            with suppress(asyncio.CancelledError, ZygoteLost, StartError):
                return [self._now, await self._next]
        return [self._now]
