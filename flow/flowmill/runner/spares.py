"""Processes made ahead of their drafts: each has done all that needs no draft, and waits for one.

Most drafts of a run differ in the text of one file only. A spare is made for the next
draft like the last; one that differs in more is served the usual way. Each spare is
used for one draft, and has a scratch folder and a mark of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from flowmill.errors import ProjectError
from flowmill.runner.hearing import Hearing
from flowmill.runner.orders import Errand, Scratches, new_nonce
from flowmill.runner.process import file_of, pipe
from flowmill.runner.zygote import Forked, Zygote, ZygoteLost
from flowmill.shapes import TestLimits, TestOrder

LANES = max(os.cpu_count() or 1, 1)
"""How many may wait at once."""
IDLE_SECONDS = 30.0
"""How long one waits for a draft before it is let go."""


@dataclass(frozen=True, slots=True)
class Kind:
    """All that drafts have in common which the same spare can serve; `file` is where they differ."""

    order: TestOrder
    policy: Mapping[str, object] | None
    file: Path

    @classmethod
    def of(cls, order: TestOrder, policy: Mapping[str, object] | None, file: Path) -> Kind:
        limits = TestLimits(test_seconds=order.limits.test_seconds, output_bytes=order.limits.output_bytes)
        rest = {path: data for path, data in order.overlay.items() if path != file}
        return cls(replace(order, overlay=rest, limits=limits), policy, file)


class Spare:
    """One such process, from the moment that it is asked for."""

    def __init__(self, kind: Kind, errand: Errand, zygote: Zygote) -> None:
        self.kind = kind
        self.scratch, self.nonce = errand.scratch, errand.nonce
        self._taken = False
        self._content = file_of(b"")
        self._waits, self._wake = pipe()
        self._forked = asyncio.create_task(self._fork(zygote, errand))

    async def _fork(self, zygote: Zygote, errand: Errand) -> Forked:
        with self._waits:
            more = (self._waits.fileno(), self._content.fileno())
            return await zygote.fork(errand.data(), errand.order.limits.output_bytes, more)

    @property
    def over(self) -> bool:
        """Whether it has ended, or never came to be."""
        forked = self._forked
        return forked.done() and (bool(forked.exception()) or forked.result().returncode is not None)

    @property
    def pid(self) -> int:
        """0 until it is there."""
        there = self._forked.done() and not self.over
        return self._forked.result().pid if there else 0

    async def take(self, text: bytes, swap: Mapping[str, object] | None) -> Hearing:
        """Have it judge the draft: its file's text, and what is swapped. Raises ZygoteLost if it cannot."""
        forked = await self._forked
        if self.over:
            raise ZygoteLost("the process that waited for a draft has ended")
        head = {"file": str(self.kind.file), "swap": swap}
        try:
            self._content.write(json.dumps(head).encode() + b"\n" + text)
            self._content.flush()
        except OSError as error:
            raise ZygoteLost(f"the draft cannot be handed over: {error.strerror}") from error
        with suppress(BrokenPipeError):  # It ended just now, which is heard like the end of any other.
            self._wake.write(b"\n")
        self._close()
        self._taken = True
        return forked

    def _close(self) -> None:
        for file in (self._content, self._waits, self._wake):
            file.close()

    async def end(self) -> None:
        """End it, unless a draft has it."""
        if self._taken:
            return
        self._forked.cancel()
        self._close()
        await asyncio.wait([self._forked])
        if not self._forked.cancelled() and not self._forked.exception():
            await self._forked.result().end()


class Spares:
    """The spares of one zygote. `errand` gives what a process of this kind is told, but for its draft.

    `idle` is how many seconds after the last draft they are let go.
    """

    def __init__(
        self,
        zygote: Zygote,
        scratches: Scratches,
        errand: Callable[[Kind, Path, str], Errand],
        idle: float,
    ) -> None:
        self._zygote = zygote
        self._scratches = scratches
        self._errand = errand
        self._waiting: list[Spare] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._idle_seconds = idle
        self._idle: asyncio.TimerHandle | None = None
        self._under_way = 0
        self._closed = False

    def take(self, kind: Kind) -> Spare | None:
        """One that waits for such a draft; whatever waits for another kind is let go."""
        fit = [spare for spare in self._waiting if spare.kind == kind and not spare.over]
        self._drop([spare for spare in self._waiting if spare not in fit])
        self._waiting = fit[1:]
        return fit[0] if fit else None

    def pids(self) -> frozenset[int]:
        """Those that wait now, none of which has seen a draft."""
        return frozenset(spare.pid for spare in self._waiting if spare.pid)

    @contextmanager
    def ahead(self, kind: Kind) -> Generator[None]:
        """While a draft of this kind is judged, have as many wait as are under way."""
        self._under_way += 1
        if self._idle is not None:
            self._idle.cancel()
        loop = asyncio.get_running_loop()
        # The one that is there is handed over first.
        loop.call_soon(self._fill, kind)
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way and not self._closed:
                self._idle = loop.call_later(self._idle_seconds, self._clear)

    def _fill(self, kind: Kind) -> None:
        while len(self._waiting) < min(self._under_way, LANES) and not self._closed:
            try:
                scratch = self._scratches.make()
                self._waiting.append(Spare(kind, self._errand(kind, scratch, new_nonce()), self._zygote))
            except ProjectError:
                return  # The next draft will meet the same, and tell.

    def _clear(self) -> None:
        self._drop(self._waiting)
        self._waiting = []

    def _drop(self, spares: list[Spare]) -> None:
        for spare in spares:
            task = asyncio.create_task(self._end(spare))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _end(self, spare: Spare) -> None:
        await spare.end()
        self._scratches.drop_soon(spare.scratch)

    async def aclose(self) -> None:
        """Let all go, and make no more."""
        self._closed = True
        if self._idle is not None:
            self._idle.cancel()
        self._clear()
        if self._ending:
            await asyncio.wait(self._ending)
