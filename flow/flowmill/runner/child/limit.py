"""The time limit of a test."""

from __future__ import annotations

import importlib
import signal
import time
from typing import Any

_signal: Any = importlib.import_module("_signal")
"""What `signal` is built on; that wraps every number in an enum, three times in each test."""


class TestTimeout(BaseException):
    """Raised in the test's call; no `except Exception` of a draft swallows it."""

    __test__ = False


class FixtureTimeout(Exception):
    """Raised in setup and teardown, where pytest keeps its books only for an Exception."""


class Stopped(Exception):
    """Stands for a KeyboardInterrupt or `pytest.exit` of the code under test, which would end the run."""


class Limit:
    """Interrupts a phase of a test in the main thread; leaves an earlier alarm of another plugin alone."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._inside = False
        self._earlier: Any = None
        self._left = 0.0
        self._began = 0.0
        self._error: type[BaseException] = TestTimeout
        self.expired = False

    def enter(self, error: type[BaseException]) -> None:
        self._error, self._began = error, time.monotonic()
        self._earlier, self._left = (
            _signal.getsignal(signal.SIGALRM),
            _signal.getitimer(signal.ITIMER_REAL)[0],
        )
        if 0 < self._left <= self._seconds:
            return
        self._inside = True
        _signal.signal(signal.SIGALRM, self._expire)
        # It repeats, since a bare `except:` in a loop can swallow one.
        _signal.setitimer(signal.ITIMER_REAL, self._seconds, 0.25)

    def leave(self) -> None:
        ours = self._inside
        self._inside = False
        if not ours or _signal.getsignal(signal.SIGALRM) != self._expire:
            return
        _signal.setitimer(signal.ITIMER_REAL, 0)
        _signal.signal(signal.SIGALRM, self._earlier or _signal.SIG_DFL)
        if self._left:
            rest = self._left - (time.monotonic() - self._began)
            _signal.setitimer(signal.ITIMER_REAL, max(rest, 0.001))

    def _expire(self, number: int, frame: Any) -> None:
        if self._inside:
            self.expired = True
            raise self._error(f"timed out after {self._seconds:g} s")
