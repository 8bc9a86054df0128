"""Accepting a draft: one versioned edit through the editor, and a look at what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lsprotocol import types

from flowmill.engine.locate import is_test_file
from flowmill.errors import FlowmillError
from flowmill_server.preview.afterwards import Afterwards
from flowmill_server.preview.edit import Form, apply_params
from flowmill_server.preview.hunks import Change, applied, choose, text_edits
from flowmill_server.preview.parts import Delays, Editor, News
from flowmill_server.preview.proposal import Proposal, Proposals
from flowmill_server.preview.retest import Retests
from flowmill_server.preview.taken import after_accept
from flowmill_server.runs.job import Job, State
from flowmill_server.text.document import Document
from flowmill_server.text.documents import Documents

WHY_NOT: dict[State, str] = {
    "queued": "has not begun yet",
    "working": "is still working",
    "done": "found nothing that could be accepted",
    "cancelled": "was cancelled",
    "accepted": "was accepted already",
    "discarded": "was discarded",
    "replaced": "was replaced by a newer one",
}
KEPT = "the draft is kept"


class Refused(FlowmillError):
    """The edit was not made; the message says why."""


class Acceptor:
    """Accepts one run's draft at a time per run."""

    def __init__(
        self,
        client: Editor,
        documents: Documents,
        proposals: Proposals,
        retests: Retests,
        afterwards: Afterwards,
        news: News,
        delays: Delays,
    ) -> None:
        self._client = client
        self._documents = documents
        self._proposals = proposals
        self._retests = retests
        self._afterwards = afterwards
        self._news = news
        self._delays = delays
        self._busy: set[str] = set()

    def busy(self, job: Job) -> bool:
        """Whether the run is being accepted right now."""
        return job.run in self._busy

    def refusal(self, job: Job) -> str:
        """Why the run cannot be accepted, whatever the text is; "" if it can."""
        if job.state != "ready" or job.result is None:
            return f"the run on {job.name} {WHY_NOT.get(job.state, 'found nothing that could be accepted')}"
        if is_test_file(Path(job.path.name)):
            return f"{job.path.name} is a test file, and flow never edits those"
        if self.busy(job):
            return f"{job.name} is being accepted already"
        return ""

    async def accept(self, job: Job, hunks: Sequence[int] | None, *, seen: bool) -> None:
        """Make the edit, or tell the user why not: then nothing is lost, and the run stays as it is."""
        refusal = self.refusal(job)
        if refusal:
            self._client.show_message(refusal, "warning")
            return
        self._busy.add(job.run)
        try:
            await self._accept(job, hunks, seen)
        except FlowmillError as error:
            self._client.show_message(str(error), "warning")
        finally:
            self._busy.discard(job.run)

    async def _accept(self, job: Job, hunks: Sequence[int] | None, seen: bool) -> None:
        document = await self._document(job)
        proposal = await self._proposals.ready(job, document)
        if proposal is None:
            raise Refused(self.refusal(job))
        if proposal.reason:
            raise Refused(self._stale(job, document) if proposal.stale else proposal.reason)
        chosen = choose(proposal.carried.hunks, hunks)
        problem = await self._ask(job, document, proposal, chosen, confirm=not seen and hunks is None)
        wanted = applied(proposal.carried.before, chosen)
        now = await self._arrived(job, wanted, wait=not problem)
        if job.state == "accepted":  # The whole change was seen as it came, and something came after it.
            if now.text != wanted and self._is_open(now):
                self._retests.text(job, now, "edited")
            return
        taken = after_accept(proposal.carried, chosen, now.text, said_so=not problem)
        if taken is not None:
            self._afterwards.took(job, now if self._is_open(now) else None, proposal.carried.before, taken)
        elif problem:
            raise Refused(problem)
        else:
            raise Refused(f"the editor said it made the change, but the text is as before: {KEPT}")

    def _stale(self, job: Job, document: Document) -> str:
        """The reason, after seeing to it that the draft is tested on the changed function."""
        if not self._is_open(document):
            return f"{job.name} changed since the run started: open {job.path.name} and run flow again"
        self._retests.draft(job, document, asked=True)
        proposal = self._proposals.edits(job, document)
        return proposal.reason if proposal is not None else self.refusal(job)

    async def _document(self, job: Job) -> Document:
        """The document as the editor has it, or else the file. Raises `TargetError`."""
        document = self._documents.get(job.uri)
        return document or await asyncio.to_thread(self._documents.load, job.uri)

    def _is_open(self, document: Document) -> bool:
        return self._documents.get(document.uri) is document

    async def _ask(
        self, job: Job, document: Document, proposal: Proposal, chosen: Sequence[Change], *, confirm: bool
    ) -> str:
        """Why the editor did not make the edit; "" if it says that it did."""
        client = self._client
        if not client.apply_edit:
            raise Refused('this editor takes no edits from a command: use the code action "Flow: accept"')
        # The editor asks only where that is the only diff that the user gets to see before a byte changes.
        form = Form(
            client.document_changes, client.document_changes and client.change_annotations and confirm
        )
        version = document.version if self._is_open(document) else None
        edits = text_edits(document, chosen)
        evidence = f"{proposal.passed}/{proposal.total} tests pass" if proposal.total else "no test ran"
        params = apply_params(job.name, document.uri, version, edits, form, evidence)
        seconds = self._delays.confirm if form.confirm else self._delays.answer
        answer = await client.ask(types.WORKSPACE_APPLY_EDIT, params, seconds=seconds)
        return _problem(answer)

    async def _arrived(self, job: Job, wanted: str, *, wait: bool) -> Document:
        """The document once it holds the wanted text, or once nothing more comes of the edit."""
        loop = asyncio.get_running_loop()
        deadline, told = loop.time() + self._delays.arrive, job.state == "accepted"
        document = await self._document(job)
        while wait and document.text != wanted:
            left = deadline - loop.time()
            patience = min(self._delays.settle, left) if told else left
            if patience <= 0 or not await self._news.wait(job.uri, patience):
                break
            told, document = True, await self._document(job)
        return await self._document(job)


def _problem(answer: Any) -> str:
    if answer is None:
        return f"the editor did not make the change: {KEPT}"
    if not getattr(answer, "applied", False):
        reason = str(getattr(answer, "failure_reason", None) or "it gave no reason")
        return f"the editor did not make the change: {reason}; {KEPT}"
    return ""
