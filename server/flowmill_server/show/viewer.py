"""Opens one of a run's documents for the user, by the first way that the client has."""

from __future__ import annotations

from lsprotocol import types

from flowmill_server.client import Client
from flowmill_server.runs.job import BUSY, Job
from flowmill_server.show.files import RunFiles
from flowmill_server.show.hearer import Hearer
from flowmill_server.show.pace import Spawn
from flowmill_server.show.virtual import WRITERS, Name, VirtualDocuments, address

SHOW_SECONDS = 10.0


class Viewer(Hearer):
    """A virtual document, else a file of the cache, else the client's log."""

    def __init__(self, client: Client, virtual: VirtualDocuments, files: RunFiles, spawn: Spawn) -> None:
        self._client = client
        self._virtual = virtual
        self._files = files
        self._spawn = spawn

    async def show(self, job: Job, name: Name) -> None:
        """Let the user see the document beside what they do; the cursor stays where it is."""
        if self._virtual.registered and await self._open(address(job.run, name)):
            return
        if self._client.show_document:
            path = await self._files.write(job.run, name, WRITERS[name](job))
            if path is not None and await self._open(path.as_uri()):
                return
        self._client.log(WRITERS[name](job))

    async def _open(self, uri: str) -> bool:
        # A client that takes the selection for granted never answers without one.
        top = types.Range(types.Position(0, 0), types.Position(0, 0))
        params = types.ShowDocumentParams(uri, external=False, take_focus=False, selection=top)
        answer = await self._client.ask(types.WINDOW_SHOW_DOCUMENT, params, seconds=SHOW_SECONDS)
        return bool(getattr(answer, "success", False))

    # ------------------------------------------------------------------ what runs tell
    def ended(self, job: Job) -> None:
        """What the user looks at while the run works must not stay as it was then."""
        if self._files.names(job.run):
            self._spawn(self._rewrite(job))

    def changed(self, job: Job) -> None:
        if job.state not in BUSY and job.state != "ready" and self._files.names(job.run):
            self._spawn(self._files.remove(job.run))

    async def _rewrite(self, job: Job) -> None:
        for name in self._files.names(job.run):
            await self._files.write_again(job.run, name, WRITERS[name](job))
