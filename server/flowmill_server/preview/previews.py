"""The preview of every run: what may be accepted, and accepting and discarding it."""

from __future__ import annotations

from collections.abc import Sequence

from flowmill.events import Record
from flowmill_server.preview.accept import WHY_NOT, Acceptor
from flowmill_server.preview.afterwards import Afterwards
from flowmill_server.preview.parts import Delays, Editor, News, RunTable, Spawn
from flowmill_server.preview.proposal import Proposal, Proposals
from flowmill_server.preview.rejected import Rejected
from flowmill_server.preview.retest import Retests
from flowmill_server.preview.watcher import Watcher
from flowmill_server.runs.job import BUSY, Job
from flowmill_server.text.document import Document
from flowmill_server.text.documents import Documents

SEEN = 200


class Previews:
    """A listener of the runs; of the documents it listens by itself from the beginning."""

    def __init__(
        self,
        client: Editor,
        documents: Documents,
        runs: RunTable,
        spawn: Spawn,
        delays: Delays | None = None,
    ) -> None:
        delays, news = delays or Delays(), News()
        self._client = client
        self._runs = runs
        self._rejected = Rejected()
        self._seen: dict[str, None] = {}
        self._proposals = Proposals()
        self._retests = Retests(client, runs, self._proposals)
        afterwards = Afterwards(client, runs, self._proposals, self._retests)
        self._acceptor = Acceptor(client, documents, self._proposals, self._retests, afterwards, news, delays)
        self._watcher = Watcher(
            documents, runs, self._proposals, self._acceptor, afterwards, self._retests, news, spawn, delays
        )
        documents.listen(self._watcher)

    # -------------------------------------------------------------- questions
    def edits(self, job: Job, document: Document) -> Proposal | None:
        """What accepting would change in the document as it is, as far as it is known; None if there is nothing to accept.

        Right after a change the proposal may be `pending`; `ready` waits for it.
        """
        return self._proposals.edits(job, document)

    async def ready(self, job: Job, document: Document) -> Proposal | None:
        """The same, worked out if it has to be: in a thread, and some 100 ms for a very long file."""
        return await self._proposals.ready(job, document)

    def rejected(self, uri: str, qualname: str) -> tuple[str, ...]:
        """The last bodies that the user discarded for that function, the newest last."""
        return self._rejected.of(uri, qualname)

    # -------------------------------------------------------------- what the user does
    def shown(self, run: str) -> None:
        """The user has been shown the run's diff, and need not be asked again before it is applied."""
        self._seen[run] = None
        while len(self._seen) > SEEN:
            del self._seen[next(iter(self._seen))]

    def refusal(self, job: Job) -> str:
        """Why the run cannot be accepted, whatever the text is; "" if it can."""
        return self._acceptor.refusal(job)

    async def accept(self, job: Job, hunks: Sequence[int] | None = None) -> None:
        """Apply the change, or the hunks of it, counted from 0; the user is told if that cannot be."""
        await self._acceptor.accept(job, hunks, seen=job.run in self._seen)
        # What the user typed in the meantime was left to the accept.
        self._watcher.look(job.uri)

    def keeps(self, job: Job) -> str:
        """Why the run cannot be discarded; "" if it can."""
        job = self._retests.behind(job)
        if self._acceptor.busy(job):
            return f"{job.name} is being accepted"
        if job.state in ("accepted", "discarded", "replaced"):
            return f"the run on {job.name} {WHY_NOT[job.state]}"
        return ""

    def discard(self, job: Job) -> None:
        """Drop the draft, and remember its body for the next run; a run that still works is stopped.

        While a kept draft is tested on a changed function, that draft is meant.
        """
        job = self._retests.behind(job)
        reason = self.keeps(job)
        if reason:
            self._client.show_message(reason, "warning")
            return
        if job.state in BUSY:
            self._runs.cancel(job.run)
            return
        if job.result is not None:
            self._rejected.add(job.uri, job.qualname, job.result.draft.body)
        self._runs.move(job, "discarded")

    # -------------------------------------------------------------- the runs
    def began(self, job: Job) -> None:
        pass

    def told(self, job: Job, record: Record) -> None:
        pass

    def ended(self, job: Job) -> None:
        self._retests.ended(job)
        if job.state == "ready":
            self._watcher.prepare(job)

    def changed(self, job: Job) -> None:
        if job.state == "ready":
            self._watcher.prepare(job)
        elif job.state in ("discarded", "replaced", "cancelled"):
            self._proposals.forget(job)
            self._retests.drop(job)
            self._seen.pop(job.run, None)
        elif job.state == "accepted":
            self._retests.drop(job)
