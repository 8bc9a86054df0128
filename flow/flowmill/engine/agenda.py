"""Which suspected function is repaired next, and which may be repaired beside one another.

Two faults are surely apart where no failing test points at both functions: then each can be
verified while the other is still there. Functions that share a failing test take turns, the
likelier one first, since its repair may be all that the other one needs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from flowmill.engine.locate import Suspect

TRIES_A_TEST = 5
"""Functions that are tried for one failing test."""
MOST = 20
"""Functions that are tried in all."""


class Agenda:
    """The suspects, likeliest first, and the tests that still fail."""

    def __init__(self, found: Iterable[Suspect], failing: Collection[str]) -> None:
        self._open = list(found)
        self._failing = frozenset(failing)
        self._tries = Counter[str]()
        self._tried = 0

    def next(self, busy: Iterable[Suspect] = ()) -> Suspect | None:
        """The next to repair beside those that are `busy`; None if there is none now."""
        taken = frozenset[str]().union(*(suspect.failing for suspect in busy))
        for suspect in self._open if self._tried < MOST else ():
            if not suspect.failing & taken and self._is_worth_it(suspect):
                self._open.remove(suspect)
                self._tries.update(suspect.failing & self._failing)
                self._tried += 1
                return suspect
        return None

    def again(self, suspect: Suspect) -> None:
        """It is to be repaired once more, before all others."""
        self._open.insert(0, suspect)

    def still(self, failing: Collection[str]) -> None:
        """After a repair only these tests fail."""
        self._failing = frozenset(failing)

    @property
    def left(self) -> tuple[Suspect, ...]:
        """Those that were not tried though a test that points at them fails."""
        return tuple(suspect for suspect in self._open if suspect.failing & self._failing)

    def _is_worth_it(self, suspect: Suspect) -> bool:
        return any(self._tries[test] < TRIES_A_TEST for test in suspect.failing & self._failing)
