"""Has the client ask for its code lenses again when what they say has changed."""

from __future__ import annotations

from lsprotocol import types

from flowmill.events import DraftDelta, Note, Record
from flowmill_server.client import Client
from flowmill_server.runs.job import Job
from flowmill_server.show.hearer import Hearer
from flowmill_server.show.pace import Clock, Refresher, Spawn

EVERY = 0.5


class LensRefresher(Hearer):
    """At most twice a second, and never a second time while the client has not answered."""

    def __init__(self, client: Client, spawn: Spawn, clock: Clock) -> None:
        self._client = client
        self._refresher = Refresher(
            lambda: client.ask(types.WORKSPACE_CODE_LENS_REFRESH), EVERY, spawn, clock
        )

    def began(self, job: Job) -> None:
        self._poke()

    def told(self, job: Job, record: Record) -> None:
        # Lenses tell of drafts and tests, not of every word that a model writes.
        if not isinstance(record.event, (DraftDelta, Note)):
            self._poke()

    def ended(self, job: Job) -> None:
        self._poke()

    def changed(self, job: Job) -> None:
        self._poke()

    def close(self) -> None:
        """Nothing more is refreshed."""
        self._refresher.stop()

    def _poke(self) -> None:
        if self._client.code_lens_refresh:
            self._refresher.poke()
