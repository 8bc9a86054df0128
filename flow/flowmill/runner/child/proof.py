"""What a run can show for itself at its end: failing still fails, and what judges is what it was."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from .canary import Canary
from .order import Channel
from .seal import Seal


class Proof:
    """Taken before a line of a draft runs; told when the tests are over."""

    def __init__(self) -> None:
        self._seal = Seal()
        self._canary: Canary | None = None
        self._watched = False

    def prepare(self, session: pytest.Session, scratch: str) -> None:
        """Make the tests that must fail, once the session is collected."""
        if self._canary is None:
            self._canary = Canary(session, scratch)

    def watch(self, session: pytest.Session, drafted: Iterable[str]) -> None:
        """Take in the hooks and the tests, once; `drafted` are the files that a draft is or will be in."""
        if not self._watched:
            self._watched = True
            self._seal.watch_session(session, drafted)

    def tell(self, channel: Channel, *, fine: bool) -> None:
        """`fine`: no test has failed, so that it must be shown that one can."""
        caught = self._canary.caught() if fine and self._canary is not None else []
        channel.send("canary", caught=caught, broken=self._seal.broken())
