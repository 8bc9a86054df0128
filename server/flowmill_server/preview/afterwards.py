"""What follows when a draft was taken: the run is done with, unless the user undoes it."""

from __future__ import annotations

from dataclasses import dataclass

from flowmill_server.preview.parts import Editor, RunTable
from flowmill_server.preview.proposal import Proposals, tally
from flowmill_server.preview.retest import WORDS, Retests
from flowmill_server.preview.taken import Taken
from flowmill_server.runs.job import Job
from flowmill_server.text.document import Document
from flowmill_server.text.positions import split_lines

UNDOABLE = 8
"""Accepted runs whose text before is remembered."""


@dataclass(frozen=True, slots=True)
class _Before:
    job: Job
    text: str
    lines: int


class Afterwards:
    """Moves runs to "accepted", and back to "ready" when the text is again what it was before."""

    def __init__(self, client: Editor, runs: RunTable, proposals: Proposals, retests: Retests) -> None:
        self._client = client
        self._runs = runs
        self._proposals = proposals
        self._retests = retests
        self._accepted: dict[str, _Before] = {}

    def took(self, job: Job, document: Document | None, before: str, taken: Taken) -> None:
        """The text holds the draft, or part of it; what no run has tested yet is tested now."""
        passed, total = tally(job)
        self._proposals.forget(job)
        self._accepted.pop(job.run, None)
        self._accepted[job.run] = _Before(job, before, len(split_lines(before)))
        while len(self._accepted) > UNDOABLE:
            del self._accepted[next(iter(self._accepted))]
        self._runs.move(job, "accepted")
        self._client.log(f"{job.name} {WORDS[taken]} ({passed}/{total} tests passed in its run)")
        if taken != "all" and document is not None:
            self._retests.text(job, document, taken)

    def look_for_undo(self, document: Document) -> None:
        """A run whose edit was undone can be accepted again."""
        for run, known in list(self._accepted.items()):
            same = known.job.uri == document.uri and known.lines == len(document.lines)
            if not same or known.text != document.text:
                continue
            del self._accepted[run]
            newest = self._runs.at(document.uri, known.job.qualname)
            if newest is not None and newest.origin == "check":
                # It tests what has just been taken back.
                self._runs.cancel(newest.run)
                newest = None
            if known.job.state == "accepted" and newest is None:
                self._runs.move(known.job, "ready")

    def closed(self, uri: str) -> None:
        self._accepted = {run: known for run, known in self._accepted.items() if known.job.uri != uri}
