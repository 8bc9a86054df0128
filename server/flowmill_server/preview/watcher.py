"""Keeps the proposals right while the user types, and sees when an editor took one by itself."""

from __future__ import annotations

from flowmill_server.preview.accept import Acceptor
from flowmill_server.preview.afterwards import Afterwards
from flowmill_server.preview.parts import Debounce, Delays, News, RunTable, Spawn
from flowmill_server.preview.proposal import Proposals, result_code
from flowmill_server.preview.retest import Retests
from flowmill_server.preview.taken import without_asking
from flowmill_server.runs.job import Job
from flowmill_server.text.document import Document
from flowmill_server.text.documents import Documents


class Watcher:
    """Listens to the documents. What costs more than a comparison waits until the typing rests."""

    def __init__(
        self,
        documents: Documents,
        runs: RunTable,
        proposals: Proposals,
        acceptor: Acceptor,
        afterwards: Afterwards,
        retests: Retests,
        news: News,
        spawn: Spawn,
        delays: Delays,
    ) -> None:
        self._documents = documents
        self._runs = runs
        self._proposals = proposals
        self._acceptor = acceptor
        self._afterwards = afterwards
        self._retests = retests
        self._news = news
        self._spawn = spawn
        self._settling = Debounce(delays.settle, lambda uri: spawn(self._settle(uri)))
        self._retesting = Debounce(delays.retest, lambda uri: spawn(self._retest(uri)))

    # -------------------------------------------------------------- the documents
    def opened(self, document: Document) -> None:
        self._news.tell(document.uri)
        self.look(document.uri)

    def changed(self, document: Document) -> None:
        for job in self._ready(document.uri):
            for offer in self._proposals.offered(job):
                if offer.newlines == len(document.lines) - 1 and offer.after == document.text:
                    self._afterwards.took(job, document, offer.before, "all")
                    break
        self._afterwards.look_for_undo(document)
        self._news.tell(document.uri)
        self.look(document.uri)

    def saved(self, document: Document) -> None:
        pass

    def closed(self, document: Document) -> None:
        self._settling.drop(document.uri)
        self._retesting.drop(document.uri)
        self._afterwards.closed(document.uri)
        self._news.tell(document.uri)

    # -------------------------------------------------------------- what waits
    def look(self, uri: str) -> None:
        """See to the document once it has been left alone for a while."""
        self._retesting.drop(uri)
        if self._waiting(uri):
            self._settling.again(uri)

    def prepare(self, job: Job) -> None:
        """Work the edits out at once, for a run that has just ended."""
        document = self._documents.get(job.uri)
        if document is not None:
            self._spawn(self._prepare(job, document))

    async def _prepare(self, job: Job, document: Document) -> None:
        proposal = await self._proposals.ready(job, document)
        if proposal is not None and proposal.stale:
            self._retesting.again(document.uri)

    def _ready(self, uri: str) -> list[Job]:
        """The runs on the document that can be accepted."""
        return [job for job in self._runs.jobs.values() if job.uri == uri and job.state == "ready"]

    def _waiting(self, uri: str) -> list[Job]:
        """The same without those that are being accepted: what an accept made is looked at there."""
        return [job for job in self._ready(uri) if not self._acceptor.busy(job)]

    async def _settle(self, uri: str) -> None:
        document = self._documents.get(uri)
        for job in self._waiting(uri) if document is not None else ():
            assert document is not None
            offers = self._proposals.offered(job)
            span = job.span_in(document)
            taken = without_asking(offers, document, span, job.digest, result_code(job))
            if taken is not None:
                self._afterwards.took(job, document, taken.before, taken.what)
            else:
                await self._prepare(job, document)

    async def _retest(self, uri: str) -> None:
        document = self._documents.get(uri)
        for job in self._waiting(uri) if document is not None else ():
            assert document is not None
            proposal = await self._proposals.ready(job, document)
            if proposal is not None and proposal.stale:
                self._retests.draft(job, document)
