"""What accepting a run's result would change in the text as it is now, kept ready for whoever asks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from lsprotocol import types

from flowmill.engine.request import Result
from flowmill_server.preview.carry import Carried, Local, carry, learn, moved
from flowmill_server.preview.hunks import text_edits
from flowmill_server.runs.job import Job
from flowmill_server.text.document import Document

KEPT = 3
"""Texts per run whose edits are remembered, the run's own among them: an undo brings them back."""
SHORT = 40_000
"""Characters of a text that is compared with another in a few milliseconds."""
TRIES = 3
"""How often a text that changes all the time is tried anew while someone waits."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """The edits against one version of a document, or the reason why there are none.

    `pending`: they are being worked out, and a moment later may be there. `stale`: the
    function itself changed, so that the draft has to be tested again before it may be offered.
    """

    version: int | None
    carried: Carried
    passed: int
    total: int
    verified: bool
    edits: list[types.TextEdit] = field(default_factory=list[types.TextEdit])
    reason: str = ""
    pending: bool = False

    @property
    def stale(self) -> bool:
        return self.carried.kind == "changed"


def tally(job: Job) -> tuple[int, int]:
    """How many tests pass with what a run ended with, and how many there are that were not skipped."""
    end = job.story.finished
    after = end.evidence.after if end is not None else {}
    return after.get("passed", 0), sum(after.values()) - after.get("skipped", 0)


def result_code(job: Job) -> str:
    """The whole function as the run would leave it, "" if that is not known."""
    end = job.story.finished
    draft = job.story.drafts.get(end.best) if end is not None and end.best else None
    return draft.made.code if draft is not None and draft.made is not None else ""


@dataclass(slots=True)
class _Slot:
    """What is known of one run."""

    carried: list[Carried] = field(default_factory=list[Carried])
    local: Local | None = None
    refusals: dict[str, str] = field(default_factory=dict[str, str])
    """By the function's digest, why the draft does not suit it."""
    work: dict[str, asyncio.Task[None]] = field(default_factory=dict[str, "asyncio.Task[None]"])
    """By the text, what is being worked out; whoever waits for it may give up, the work goes on."""

    def keep(self, carried: Carried) -> Carried:
        """The first stays: it is the run's own text, or the one nearest to it."""
        self.carried = [*self.carried[:1], *self.carried[1:][-(KEPT - 2) :], carried]
        return carried


class Proposals:
    """The proposals of all runs that wait to be accepted."""

    def __init__(self) -> None:
        self._slots: dict[str, _Slot] = {}

    def edits(self, job: Job, document: Document) -> Proposal | None:
        """What can be said at once; None if the run has nothing to accept."""
        if job.state != "ready" or job.result is None:
            return None
        slot, text = self._slots.setdefault(job.run, _Slot()), document.text
        if slot.local is None and len(job.result.original) <= SHORT:
            slot.local = learn(job.result)
        carried = next((known for known in slot.carried if known.before == text), None)
        carried = carried or _at_once(slot, job.qualname, job.result, document)
        if carried is not None:
            return self._proposal(job, document, carried)
        reason = f"the edit of {job.name} is being worked out: ask again in a moment"
        return Proposal(
            document.version, Carried(text, text), *tally(job), job.verified, reason=reason, pending=True
        )

    async def ready(self, job: Job, document: Document) -> Proposal | None:
        """The same, worked out if it has to be."""
        for _ in range(TRIES):
            proposal = self.edits(job, document)
            if proposal is None or not proposal.pending:
                return proposal
            await self._work_out(job, document)
        return self.edits(job, document)

    async def _work_out(self, job: Job, document: Document) -> None:
        """Who asks for the same meanwhile waits for the one answer."""
        slot, text, result = self._slots.setdefault(job.run, _Slot()), document.text, job.result
        assert result is not None
        work = slot.work.get(text)
        if work is None:
            work = slot.work[text] = asyncio.create_task(_worked_out(slot, job.qualname, result, document))
            work.add_done_callback(lambda _: slot.work.pop(text, None))
        await asyncio.shield(work)

    def offered(self, job: Job) -> list[Carried]:
        """What was worked out for the run and can be accepted, the newest first."""
        slot = self._slots.get(job.run)
        return [known for known in reversed(slot.carried) if known.kind is None] if slot else []

    def refuse(self, job: Job, digest: str, reason: str) -> None:
        """The kept draft does not suit the function of that digest."""
        slot = self._slots.setdefault(job.run, _Slot())
        slot.refusals = {digest: reason}

    def refusal(self, job: Job, digest: str) -> str:
        slot = self._slots.get(job.run)
        return slot.refusals.get(digest, "") if slot else ""

    def forget(self, job: Job) -> None:
        self._slots.pop(job.run, None)

    def _proposal(self, job: Job, document: Document, carried: Carried) -> Proposal:
        edits = text_edits(document, carried.changes)
        reason = ""
        if carried.kind is not None:
            reason = why_not(job, carried)
            span = job.span_in(document) if carried.kind == "changed" else None
            reason = (span and self.refusal(job, span.digest)) or reason
        return Proposal(document.version, carried, *tally(job), job.verified, edits, reason)


async def _worked_out(slot: _Slot, qualname: str, result: Result, document: Document) -> None:
    """Put what takes a thread into the slot."""
    if slot.local is None:
        slot.local = await asyncio.to_thread(learn, result)
    if _at_once(slot, qualname, result, document) is None:
        slot.keep(await asyncio.to_thread(carry, result, document.text, document.encoded()))


def _at_once(slot: _Slot, qualname: str, result: Result, document: Document) -> Carried | None:
    """What the function's own lines tell, or what a short text that is the run's own does."""
    # The line after "@" is where the function was: only the whole text tells where it went.
    span = document.outline.find(qualname) if slot.local is not None and "@" not in qualname else None
    carried = moved(slot.local, document, span) if slot.local is not None and span is not None else None
    if carried is None and len(document.text) <= SHORT and document.encoded() == result.original:
        carried = carry(result, document.text, result.original)
    return slot.keep(carried) if carried is not None else None


def why_not(job: Job, carried: Carried) -> str:
    """What stands in the way, in the user's words."""
    if carried.kind == "changed":
        return f"{job.name} changed since the run started: the draft is tested on the new text before it is offered"
    if carried.kind == "gone":
        return f"{job.name} is not in this file any more: it was renamed or removed"
    if carried.kind == "conflict":
        return f"the draft does not fit into the changed file: {carried.detail}"
    return carried.detail
