"""One view for runs that go on beside one another: it shows one at a time, whole, in the order they began."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

from flowmill.cli.view import View
from flowmill.engine.run import Run
from flowmill.events import Record


class Lane:
    """What one run has to show. Nothing may be shown after `close`, which gives the view to the next run."""

    def __init__(self, owner: InTurn, run: Run) -> None:
        self._owner = owner
        self.run = run
        self.waiting: deque[Callable[[], None]] = deque()
        self.closed = False

    def show(self, record: Record) -> None:
        self._put(partial(self._owner.view.show, record))

    def wrote(self, path: Path) -> None:
        self._put(partial(self._owner.view.wrote, path))

    def close(self) -> None:
        self.closed = True
        self._owner.advance()

    def _put(self, told: Callable[[], None]) -> None:
        if self._owner.shows(self):
            told()
        else:
            self.waiting.append(told)


class InTurn:
    """Hands out lanes; the one that is shown is shown live."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._lanes: deque[Lane] = deque()

    def lane(self, run: Run) -> Lane:
        self._lanes.append(Lane(self, run))
        return self._lanes[-1]

    @property
    def front(self) -> Run | None:
        """The run that is shown."""
        return self._lanes[0].run if self._lanes else None

    def shows(self, lane: Lane) -> bool:
        return lane is self._lanes[0]

    def advance(self) -> None:
        """Show what the next runs had to say meanwhile, where the one before has ended."""
        while self._lanes and self._lanes[0].closed:
            self._lanes.popleft()
            while self._lanes and self._lanes[0].waiting:
                self._lanes[0].waiting.popleft()()
