"""What a run can show for itself at its end: failing still fails, and what judges is what it was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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

    def focus(self, items: Sequence[pytest.Item]) -> None:
        """Of the tests only these will run."""
        if self._watched:
            self._seal.focus(items)

    def rehearse(self, channel: Channel) -> None:
        """Do ahead what is done at the end: memory that is shared with a zygote is copied when it is first used."""
        self._caught(channel)
        self._seal.broken()

    def tell(self, channel: Channel, *, fine: bool) -> None:
        """`fine`: no test has failed, so that it must be shown that one can."""
        caught = self._caught(channel) if fine else []
        channel.send("canary", caught=caught, broken=self._seal.broken())

    def _caught(self, channel: Channel) -> list[str]:
        channel.mute = True  # They are no tests of anybody's.
        caught = [] if self._canary is None else self._canary.caught()
        channel.mute = False
        return caught
