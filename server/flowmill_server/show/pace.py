"""Keeps what is shown to a bearable pace: so many times a second, and always the last state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

Spawn = Callable[[Coroutine[Any, Any, None]], object]
"""Lets a coroutine run beside the caller."""


class Timer(Protocol):
    def cancel(self) -> None: ...


class Clock:
    """The time that passes, and calls at a later time of it."""

    def now(self) -> float:
        return time.monotonic()

    def later(self, seconds: float, act: Callable[[], None]) -> Timer:
        return asyncio.get_running_loop().call_later(seconds, act)


class Pace:
    """Calls `act` at the first `poke`, then at most once every `every` seconds.

    Pokes in between become one call when it is due, so that the last state is always shown.
    With `beat`, `act` is also called after so many seconds without a poke, until `stop`.
    """

    def __init__(
        self, act: Callable[[], None], every: float, clock: Clock, *, beat: float | None = None
    ) -> None:
        self._act = act
        self._every = every
        self._beat = beat
        self._clock = clock
        self._last: float | None = None
        self._timer: Timer | None = None
        self._waiting = False
        self._stopped = False

    def poke(self) -> None:
        """There is something new to show."""
        if self._stopped or self._waiting:
            return
        due = self._clock.now() if self._last is None else self._last + self._every
        if due <= self._clock.now():
            self._fire()
        else:
            self._waiting = True
            self._set(due - self._clock.now())

    def stop(self) -> None:
        """Nothing more is called."""
        self._stopped = True
        self._cancel()

    def _fire(self) -> None:
        self._cancel()
        self._waiting = False
        self._last = self._clock.now()
        if self._beat is not None:
            self._set(self._beat)
        self._act()

    def _set(self, seconds: float) -> None:
        self._cancel()
        self._timer = self._clock.later(seconds, self._fire)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Refresher:
    """A request to the client that something be fetched anew: paced, and never two at a time.

    What changes while the client has not answered is asked for once more afterwards.
    """

    def __init__(
        self, ask: Callable[[], Awaitable[object]], every: float, spawn: Spawn, clock: Clock
    ) -> None:
        self._ask = ask
        self._spawn = spawn
        self._pace = Pace(self._refresh, every, clock)
        self._asking = False
        self._again = False

    def poke(self) -> None:
        """There is something new to fetch."""
        self._pace.poke()

    def stop(self) -> None:
        """Nothing more is asked."""
        self._pace.stop()

    def _refresh(self) -> None:
        if self._asking:
            self._again = True
            return
        self._asking = True
        self._spawn(self._asked())

    async def _asked(self) -> None:
        try:
            await self._ask()
        finally:
            self._asking = False
        if self._again:
            self._again = False
            self._pace.poke()
