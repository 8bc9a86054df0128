"""Tests after the fact: of what the user made of a draft, and of a draft on what the user made of the function."""

from __future__ import annotations

from dataclasses import dataclass

from flowmill_server.preview.parts import Editor, Level, RunTable
from flowmill_server.preview.proposal import Proposals, tally
from flowmill_server.preview.taken import Taken
from flowmill_server.runs.job import Job
from flowmill_server.text.document import Document

WORDS: dict[Taken, str] = {
    "all": "accepted",
    "part": "accepted in part",
    "edited": "accepted with changes of yours",
}


@dataclass(slots=True)
class _Kept:
    """A draft that is tested on a changed function."""

    job: Job
    digest: str
    asked: bool
    """The user wants to accept it, and waits for the answer."""


class Retests:
    """Starts these runs, which ask no model, and tells their outcome in one line."""

    def __init__(self, client: Editor, runs: RunTable, proposals: Proposals) -> None:
        self._client = client
        self._runs = runs
        self._proposals = proposals
        self._kept: dict[str, _Kept] = {}
        self._taken: dict[str, tuple[Job, Taken]] = {}

    def draft(self, job: Job, document: Document, *, asked: bool = False) -> None:
        """Test the run's draft on the function as it is now, unless that was found out or is being found out."""
        span = job.span_in(document)
        if span is None or document.outline.problem_in(span) or self._proposals.refusal(job, span.digest):
            return
        for kept in self._kept.values():
            if kept.job is job and kept.digest == span.digest:
                kept.asked = kept.asked or asked
                return
        self.drop(job)
        newest = self._runs.at(job.uri, span.qualname)
        if newest is not None and newest is not job and newest.origin != "check":
            return
        check = self._runs.recheck(job, document)
        if check is not None:
            self._kept[check.run] = _Kept(job, span.digest, asked)

    def behind(self, check: Job) -> Job:
        """The run whose draft is being tested by this one, else this one."""
        kept = self._kept.get(check.run)
        return kept.job if kept is not None else check

    def drop(self, job: Job) -> None:
        """The run's draft is not wanted any more, or not on the text that it is being tested on."""
        for run in [run for run, kept in self._kept.items() if kept.job is job]:
            del self._kept[run]
            self._runs.cancel(run)

    def text(self, job: Job, document: Document, taken: Taken) -> None:
        """Test the function as it is now, and say how it fares."""
        span = job.span_in(document)
        if span is None:
            self._client.show_message(
                f"{job.name} {WORDS[taken]}; it cannot be tested as it is now", "warning"
            )
            return
        check = self._runs.request(job.mode, document, span, origin="check")
        self._taken[check.run] = job, taken

    def ended(self, check: Job) -> None:
        """A run is over; nothing happens if it is none of these."""
        kept = self._kept.pop(check.run, None)
        if kept is not None:
            self._judged(kept, check)
        accepted = self._taken.pop(check.run, None)
        if accepted is not None and check.state not in ("cancelled", "replaced"):
            job, taken = accepted
            outcome = check.problem or _tests(*tally(check))
            self._client.show_message(f"{job.name} {WORDS[taken]}: {outcome}", _level(check))

    def _judged(self, kept: _Kept, check: Job) -> None:
        job = kept.job
        if check.state == "ready":
            # The draft is one and the same: the newer run stands for it from here on.
            job.heir = check
            self._runs.move(job, "replaced")
            line = f"{job.name} was changed; with the kept draft on the new text {_tests(*tally(check))}"
            self._tell(f"{line}: accept it again to apply it" if kept.asked else line, kept.asked)
        elif check.state not in ("cancelled", "replaced"):
            reason = check.problem or _refusal(job, check)
            self._proposals.refuse(job, kept.digest, reason)
            self._tell(reason, kept.asked)

    def _tell(self, line: str, asked: bool) -> None:
        if asked:
            self._client.show_message(line)
        else:
            self._client.log(line)


def _refusal(job: Job, check: Job) -> str:
    scored = [draft.scored for draft in check.story.rows if draft.number and draft.scored is not None]
    if not scored:
        return f"{job.name} was changed, and the kept draft does not fit the new text: run flow again"
    last = scored[-1]
    whole = last.passed + last.failed
    return (
        f"{job.name} was changed, and with the kept draft {_tests(last.passed, whole)} there: run flow again"
    )


def _tests(passed: int, total: int) -> str:
    if not total:
        return "no test ran"
    return f"{passed}/{total} tests pass"


def _level(check: Job) -> Level:
    passed, total = tally(check)
    return "info" if passed == total and not check.problem else "warning"
