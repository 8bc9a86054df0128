"""Zygotes of one kind: the same one for every run where it forks, else a new one for each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from flowmill.runner.process import StartError
from flowmill.runner.zygote import Zygote, ZygoteLost


class Pool:
    """`make` gives the next single-use zygote, ready; None if `first` forks and so serves for ever."""

    def __init__(self, first: Zygote, make: Callable[[], Awaitable[Zygote]] | None) -> None:
        self._now = first
        self._make = make
        self._next: asyncio.Task[Zygote] | None = None

    @property
    def lost(self) -> bool:
        return self._now.lost and self._next is None

    async def take(self) -> Zygote:
        """One that a run can start from. Raises ZygoteLost or StartError."""
        if self._make is None:
            return self._now
        zygote = self._now if self._next is None else await self._next
        self._next = asyncio.ensure_future(self._make())
        return zygote

    async def aclose(self) -> list[Zygote]:
        """Make no more; give those that are there, to be ended."""
        if self._next is not None:
            self._next.cancel()
            with suppress(asyncio.CancelledError, ZygoteLost, StartError):
                return [self._now, await self._next]
        return [self._now]
