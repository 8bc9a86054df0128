"""Which runs there are: one works on a function at a time, and of those that wait for it only the newest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from flowmill.events import Evidence, Record, RunFinished, Seconds
from flowmill.journal.ids import new_run_id
from flowmill.machine import machine_cores
from flowmill.shapes import Draft, Mode, Usage
from flowmill_server.engine.host import Hear
from flowmill_server.engine.messages import Ended, Opened, Place, StartRun, Told
from flowmill_server.runs.job import BUSY, OPEN, Job, Listener, Origin, State
from flowmill_server.text.document import Document
from flowmill_server.text.outline import FunctionSpan

logger = logging.getLogger(__name__)

MOST_AT_ONCE = max(4, 2 * machine_cores())
"""Runs that work at once; each holds processes with the project loaded. The others wait in order."""
KEPT = 50
"""Finished runs that `flow.runs` still lists."""


@dataclass(frozen=True, slots=True)
class _Order:
    """What a run that waits was asked for; all else is taken from the editor when it starts.

    `document` counts only while the editor has none of that address open.
    """

    document: Document
    force: bool
    given: tuple[Draft, ...]


class Host(Protocol):
    """The part of the engine that runs take."""

    def start(self, run: StartRun, hear: Hear) -> None: ...

    def cancel(self, run: str) -> None: ...


class Surroundings(Protocol):
    """What a run takes from the editor when it starts."""

    @property
    def settled(self) -> bool:
        """Whether the editor has told its settings, or had its time to."""
        ...

    def open_document(self, uri: str) -> Document | None:
        """The open document of that address."""
        ...

    def place(self, document: Document) -> Place: ...

    def rejected(self, uri: str, qualname: str) -> tuple[str, ...]: ...

    def complain(self, warnings: Sequence[str]) -> None:
        """Name settings that were bad."""
        ...


class Runs:
    """The table of runs. All methods return at once; what happens later is told to the listeners."""

    def __init__(self, engine: Host, surroundings: Surroundings) -> None:
        self.jobs: dict[str, Job] = {}
        self._engine = engine
        self._around = surroundings
        self._listeners: list[Listener] = []
        self._orders: dict[str, _Order] = {}
        """The runs that wait, in the order they were asked for."""

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def request(
        self,
        mode: Mode,
        document: Document,
        span: FunctionSpan,
        *,
        origin: Origin = "user",
        force: bool = False,
        token: int | str | None = None,
        given: tuple[Draft, ...] = (),
    ) -> Job:
        """Begin a run on the function, or have it wait for the one that works there.

        The text of every open document is taken when it begins. Origin "check" asks no model.
        """
        assert document.path is not None
        job = Job(
            self._new_id(), mode, document.uri, document.path, span.qualname, document.version, span.digest
        )
        job.origin, job.token, job.rank = origin, token, document.outline.rank(span.qualname)
        self._orders[job.run] = _Order(document, force, given)
        self._supersede(job)
        self.jobs[job.run] = job
        self._each(lambda listener: listener.began(job))
        self.start_waiting()
        return job

    def recheck(self, job: Job, document: Document) -> Job | None:
        """Judge a kept draft against the function's present text, without the model; None if that cannot be."""
        span = job.span_in(document)
        if job.result is None or span is None or document.path is None:
            return None
        return self.request(job.mode, document, span, origin="check", force=True, given=(job.result.draft,))

    def cancel(self, run: str) -> Job | None:
        """Stop a run that works or waits; None if there is no such run."""
        job = self.jobs.get(run)
        if job is not None and job.state == "queued":
            self._orders.pop(run, None)
            self._over(job, "cancelled")
        elif job is not None and job.state == "working":
            self._engine.cancel(run)
        return job

    def cancel_all(self, uri: str) -> None:
        """Stop every run on a document, first those that wait: the end of another would have them begin."""
        busy = [job for job in self.jobs.values() if job.uri == uri and job.state in BUSY]
        for job in sorted(busy, key=lambda job: job.state != "queued"):
            self.cancel(job.run)

    def find(self, run: str) -> Job | None:
        return self.jobs.get(run)

    def at(self, uri: str, qualname: str) -> Job | None:
        """The newest run on the function of that name now that works, waits, or has a result to accept."""
        return next((job for job in reversed(self.on(uri)) if self._is_on(job, qualname)), None)

    def on(self, uri: str) -> list[Job]:
        """The runs on a document that work, wait, or have a result to accept; oldest first."""
        return [job for job in self.jobs.values() if job.uri == uri and job.state in OPEN]

    def move(self, job: Job, state: State) -> None:
        """Note what became of a run that has ended."""
        if job.state != state:
            job.state = state
            self._each(lambda listener: listener.changed(job))

    # -------------------------------------------------------------- starting
    def _new_id(self) -> str:
        """One that no run here has: of those that begin in one moment, two may be given the same."""
        run = new_run_id()
        while run in self.jobs:
            run = new_run_id()
        return run

    def _supersede(self, new: Job) -> None:
        """The newest request waits; those that waited or lay ready before it give way."""
        for job in self.on(new.uri):
            if job.state == "working" or not self._is_on(job, new.qualname):
                continue
            if job.state == "queued":
                self._orders.pop(job.run, None)
                self._over(job, "replaced")
            elif new.origin != "check":
                self.move(job, "replaced")

    def start_waiting(self) -> None:
        """Begin what may begin now."""
        if not self._around.settled:
            return
        working = [job for job in self.jobs.values() if job.state == "working"]
        taken = {(job.uri, self._now_called(job)) for job in working}
        gone: list[Job] = []
        for run, order in list(self._orders.items()):
            if len(working) >= MOST_AT_ONCE:
                break
            job = self.jobs[run]
            document = self._around.open_document(job.uri) or order.document
            span = job.span_in(document)
            if span is not None and (job.uri, span.qualname) in taken:
                continue
            del self._orders[run]
            if span is None:
                gone.append(job)
                continue
            working.append(job)
            taken.add((job.uri, span.qualname))
            self._start(job, order, document, span)
        for job in gone:
            job.problem = f"{job.path.name} has no function {job.name} any more"
            self._over(job, "done")

    def _start(self, job: Job, order: _Order, document: Document, span: FunctionSpan) -> None:
        """Begin on the text as it is now: the user may have typed while the run waited."""
        job.state = "working"
        job.qualname, job.version, job.digest = span.qualname, document.version, span.digest
        job.rank = document.outline.rank(span.qualname)
        start = StartRun(
            job.run,
            job.mode,
            job.path,
            job.qualname,
            self._around.place(document),
            order.force,
            self._around.rejected(job.uri, job.qualname),
            order.given,
            asks=job.origin != "check",
        )
        self._engine.start(start, self._hear)
        self._each(lambda listener: listener.changed(job))

    def _is_on(self, job: Job, qualname: str) -> bool:
        """Whether the run is on the function that has this name now: of several alike the name tells the line."""
        if "@" not in job.qualname + qualname:
            return job.qualname == qualname
        return job.name == qualname.partition("@")[0].rpartition(".")[2] and self._now_called(job) == qualname

    def _now_called(self, job: Job) -> str:
        """The name of the run's function, which an edit above may have changed if several have it."""
        document = self._around.open_document(job.uri)
        span = job.span_in(document) if document is not None else None
        return span.qualname if span is not None else job.qualname

    # -------------------------------------------------------------- hearing
    def _hear(self, message: Opened | Told | Ended) -> None:
        name = message.record.run if isinstance(message, Told) else message.run
        job = self.jobs.get(name)
        if job is None:
            return
        if isinstance(message, Opened):
            self._around.complain(message.warnings)
        elif isinstance(message, Told):
            record = message.record
            job.story.add(record)
            job.heard = record.seq + 1
            if isinstance(record.event, RunFinished):
                # Told when the result is here too: whoever hears of the end may accept it at once.
                job.last = record
            else:
                self._each(lambda listener: listener.told(job, record))
        else:
            self._ended(job, message)

    def _ended(self, job: Job, end: Ended) -> None:
        job.problem, job.hint = end.problem, end.hint
        job.result = end.result if end.result is not None and end.result.improved else None
        finished = job.story.finished
        cancelled = end.code == 130 or (finished is not None and finished.status == "cancelled")
        state: State = "cancelled" if cancelled else "ready" if job.result else "done"
        if state == "ready" and job.origin != "check":
            self._replace_older(job)
        self._over(job, state)
        self.start_waiting()

    def _replace_older(self, new: Job) -> None:
        """There is one result to accept at a function: what lay ready while this one worked gives way."""
        name = self._now_called(new)
        for job in self.on(new.uri):
            if job.state == "ready" and self._is_on(job, name):
                self.move(job, "replaced")

    def _over(self, job: Job, state: State) -> None:
        began, last = job.state, job.last or _last_word(job, state)
        job.state, job.last = state, last
        self._each(lambda listener: listener.told(job, last))
        if not job.done.done():
            job.done.set_result(last)
        if began == "queued":
            self._each(lambda listener: listener.changed(job))
        self._each(lambda listener: listener.ended(job))
        self._forget_old()

    def _forget_old(self) -> None:
        over = [run for run, job in self.jobs.items() if job.state not in OPEN]
        for run in over[: max(0, len(over) - KEPT)]:
            del self.jobs[run]

    def _each(self, tell: Callable[[Listener], None]) -> None:
        """One listener's fault must not keep the others from hearing."""
        for listener in self._listeners:
            try:
                tell(listener)
            except Exception:  # one listener must not keep the news from the others
                logger.exception("a run's news could not be shown")


def _last_word(job: Job, state: State) -> Record:
    """The end of a run that told none, because it never began or its engine died: every run has one."""
    job.unheard = True
    status, now = "failed" if state == "done" else "cancelled", job.story.now
    spent = Seconds(now, 0.0, 0.0, now)
    last = Record(
        job.run, job.heard, now, RunFinished(status, None, "", Evidence({}, {}, {}), 0, Usage(), spent)
    )
    job.story.add(last)
    return last


def summary(job: Job) -> Mapping[str, object]:
    """What `flow.runs` says of a run."""
    finished: RunFinished | None = job.story.finished
    best = job.story.best_draft
    return {
        "run": job.run,
        "mode": job.mode,
        "uri": job.uri,
        "qualname": job.qualname,
        "state": job.state,
        "origin": job.origin,
        "status": finished.status if finished else None,
        "best": job.story.best,
        "passed": best.scored.passed if best and best.scored else None,
        "failed": best.scored.failed if best and best.scored else None,
        "seconds": round(job.story.now, 3),
        "problem": job.problem or None,
    }
