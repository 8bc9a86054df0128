"""A run's documents under `flow:` addresses, for clients that ask the server for a document's content."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from lsprotocol import types

from flowmill.errors import UsageError
from flowmill.events import DraftDelta, Record
from flowmill_server.client import Client
from flowmill_server.runs.job import Job
from flowmill_server.show.hearer import Hearer, Table
from flowmill_server.show.pace import Clock, Refresher, Spawn
from flowmill_server.show.story import draft_text, log_markdown, result_diff

Name = Literal["draft.py", "log.md", "result.diff"]
WRITERS = {"draft.py": draft_text, "log.md": log_markdown, "result.diff": result_diff}
SCHEME = "flow"
EVERY = 0.5
MOST_WATCHED = 64
REFRESH_SECONDS = 10.0
# Some clients write the address back with an empty authority, or with its letters escaped.
_ADDRESS = re.compile(r"flow:(?://)?/?run/([\w.-]+)/(draft\.py|log\.md|result\.diff)")


def address(run: str, name: Name) -> str:
    return f"{SCHEME}:/run/{run}/{name}"


@dataclass(frozen=True, slots=True)
class _Watched:
    """A document that the client holds; one that `streams` changes with every word of a draft."""

    run: str
    streams: bool
    refresher: Refresher


class VirtualDocuments(Hearer):
    """Answers for the documents' content, and says when one that was asked for has changed."""

    def __init__(self, client: Client, runs: Table, spawn: Spawn, clock: Clock) -> None:
        self._client = client
        self._runs = runs
        self._spawn = spawn
        self._clock = clock
        self._watched: dict[str, _Watched] = {}
        """By address, as the client spells it."""
        self.registered = False

    async def register(self) -> None:
        """Offer the documents to a client that takes such offers."""
        if self._client.virtual_documents:
            options = types.TextDocumentContentRegistrationOptions([SCHEME])
            self.registered = await self._client.register(types.WORKSPACE_TEXT_DOCUMENT_CONTENT, options)

    def text(self, uri: str) -> str:
        """The document's content now. Raises `UsageError` for an address that is none of ours."""
        found = _ADDRESS.fullmatch(unquote(uri).partition("?")[0])
        if found is None:
            raise UsageError(
                f"{uri} is no document of flow: they are flow:/run/RUN/draft.py, log.md, result.diff"
            )
        run, name = found[1], found[2]
        job = self._runs.find(run)
        if job is None:
            return f"Run {run} is not kept any more.\n"
        self._watch(run, uri, streams=name == "draft.py")
        return WRITERS[name](job)

    # ------------------------------------------------------------------ what runs tell
    def told(self, job: Job, record: Record) -> None:
        streams_only = isinstance(record.event, DraftDelta)
        for watched in self._of(job.run):
            if watched.streams or not streams_only:
                watched.refresher.poke()

    def ended(self, job: Job) -> None:
        for watched in self._of(job.run):
            watched.refresher.poke()

    def changed(self, job: Job) -> None:
        self.ended(job)

    def close(self) -> None:
        """Nothing more is refreshed."""
        for watched in self._watched.values():
            watched.refresher.stop()
        self._watched.clear()

    # ------------------------------------------------------------------ refreshing
    def _of(self, run: str) -> list[_Watched]:
        return [watched for watched in self._watched.values() if watched.run == run]

    def _watch(self, run: str, uri: str, *, streams: bool) -> None:
        if uri in self._watched or not self._client.virtual_documents_refresh:
            return
        while len(self._watched) >= MOST_WATCHED:
            # That a client let go of a document is never told, so the oldest is taken for closed.
            self._watched.pop(next(iter(self._watched))).refresher.stop()
        refresher = Refresher(lambda: self._refresh(uri), EVERY, self._spawn, self._clock)
        self._watched[uri] = _Watched(run, streams, refresher)

    async def _refresh(self, uri: str) -> None:
        params = types.TextDocumentContentRefreshParams(uri)
        method = types.WORKSPACE_TEXT_DOCUMENT_CONTENT_REFRESH
        await self._client.ask(method, params, seconds=REFRESH_SECONDS)
