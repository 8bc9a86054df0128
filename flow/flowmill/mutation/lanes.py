"""Who may run tests now: drafts of the model at once, mutants where a lane is left."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager


class Lanes:
    def __init__(self, count: int) -> None:
        self.count = max(count, 1)
        self._drafts = self._probes = 0
        self._changed = asyncio.Event()

    @property
    def free(self) -> bool:
        """Whether a mutant may start."""
        return self._drafts + self._probes < self.count

    @contextmanager
    def draft(self) -> Generator[None]:
        """A draft takes a lane, whether one is free or not."""
        self._drafts += 1
        try:
            yield
        finally:
            self._drafts -= 1
            self._tell()

    @contextmanager
    def probe(self) -> Generator[None]:
        self._probes += 1
        try:
            yield
        finally:
            self._probes -= 1
            self._tell()

    async def changed(self) -> None:
        """Wait until a lane is given back."""
        await self._changed.wait()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
