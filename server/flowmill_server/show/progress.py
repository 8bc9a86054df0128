"""Shows how a run goes: by the progress that came with its request, by one of our own, or as a hint.

No report carries a percentage: nobody knows how many drafts it takes, and a bar that stands
at a tenth when the first draft passes says something untrue. (Some clients drop the messages
of a progress that has a percentage in only some reports.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from lsprotocol import types

from flowmill.events import Record
from flowmill_server.client import Client
from flowmill_server.runs.job import BUSY, Job
from flowmill_server.show.hearer import Hearer
from flowmill_server.show.pace import Clock, Pace, Spawn
from flowmill_server.show.words import end_line, progress_line, title

EVERY = 0.25
HINT_EVERY = 1.0
"""A hint is a diagnostic: editors draw the line anew for each."""
BEAT = 1.0
"""The seconds that are shown go on while nothing else happens."""
CREATE_SECONDS = 30.0

Hint = Callable[[str, str, "str | None"], None]
"""Shows a text at a function, None for nothing any more: `hint(uri, qualname, text)`."""
Token = int | str


@dataclass(eq=False)
class _Shown:
    """One run on the screen; `token` is None where it is shown as a hint, or not yet."""

    job: Job
    since: float
    pace: Pace = field(init=False)
    token: Token | None = None
    channel: str = ""
    at: str = ""
    """The function, by its name then, at which the hint stands."""
    last: str = ""
    over: bool = False


class Progress(Hearer):
    """One line per run, at most four times a second, and in any case the last one."""

    def __init__(
        self, client: Client, spawn: Spawn, hint: Hint, cancel: Callable[[str], object], clock: Clock
    ) -> None:
        self._client = client
        self._spawn = spawn
        self._hint = hint
        self._cancel = cancel
        self._clock = clock
        self._shown: dict[str, _Shown] = {}
        self._tokens: dict[Token, str] = {}

    def cancelled(self, token: Token) -> None:
        """The user cancelled a progress; one that is none of ours is nobody's."""
        run = self._tokens.get(token)
        if run is not None:
            self._cancel(run)

    # ------------------------------------------------------------------ what runs tell
    def began(self, job: Job) -> None:
        shown = _Shown(job, self._clock.now())
        self._shown[job.run] = shown
        shown.pace = Pace(lambda: self._update(shown), EVERY, self._clock, beat=BEAT)
        if job.token is not None:
            self._begin(shown, job.token)
        elif self._client.progress:
            self._spawn(self._create(shown))
        else:
            self._as_hint(shown)

    def told(self, job: Job, record: Record) -> None:
        self._poke(job)

    def changed(self, job: Job) -> None:
        if job.state in BUSY:
            self._poke(job)
        else:
            self.ended(job)

    def ended(self, job: Job) -> None:
        shown = self._shown.pop(job.run, None)
        if shown is None:
            return
        shown.over = True
        shown.pace.stop()
        self._tokens.pop(_token(job), None)
        if shown.token is not None:
            self._end(shown, shown.token)
        elif shown.at:
            self._hint(job.uri, shown.at, None)

    def answered(self, job: Job) -> None:
        """The request that the run's progress came with is cancelled: after its answer nobody knows the token."""
        shown = self._shown.pop(job.run, None)
        if shown is None or shown.token is None:
            return
        shown.over = True
        shown.pace.stop()
        self._tokens.pop(shown.token, None)
        self._send(shown.token, types.WorkDoneProgressEnd(message="cancelled"))

    def close(self) -> None:
        """No line goes on; what the client shows ends with the connection."""
        for shown in self._shown.values():
            shown.pace.stop()

    # ------------------------------------------------------------------ channels
    async def _create(self, shown: _Shown) -> None:
        """Ask for a progress of our own. The run goes on meanwhile, whether or not the client ever answers."""
        token = _token(shown.job)
        # A client that shows it may cancel it before its answer is here.
        self._tokens[token] = shown.job.run
        params = types.WorkDoneProgressCreateParams(token)
        made = await self._client.agrees(
            types.WINDOW_WORK_DONE_PROGRESS_CREATE, params, seconds=CREATE_SECONDS
        )
        if made:
            self._begin(shown, token)
            if shown.over:
                self._end(shown, token)  # what was created and never ends stays with some clients
            return
        self._tokens.pop(token, None)
        if not shown.over:
            self._as_hint(shown)

    def _begin(self, shown: _Shown, token: Token) -> None:
        shown.channel, shown.token = "progress", token
        self._tokens[token] = shown.job.run
        shown.last = self._line(shown)
        self._send(token, types.WorkDoneProgressBegin(title(shown.job), cancellable=True, message=shown.last))
        if not shown.over:
            shown.pace.poke()

    def _end(self, shown: _Shown, token: Token) -> None:
        self._tokens.pop(token, None)
        self._send(token, types.WorkDoneProgressEnd(message=end_line(shown.job)))

    def _as_hint(self, shown: _Shown) -> None:
        shown.pace.stop()
        shown.channel = "hint"
        shown.pace = Pace(lambda: self._update(shown), HINT_EVERY, self._clock, beat=2 * BEAT)
        shown.pace.poke()

    # ------------------------------------------------------------------ updates
    def _poke(self, job: Job) -> None:
        shown = self._shown.get(job.run)
        if shown is not None and shown.channel:
            shown.pace.poke()

    def _update(self, shown: _Shown) -> None:
        line = self._line(shown)
        if line == shown.last or (shown.channel == "hint" and self._gives_way(shown)):
            return
        shown.last = line
        if shown.token is not None:
            self._send(shown.token, types.WorkDoneProgressReport(message=line))
        else:
            if shown.at and shown.at != shown.job.qualname:
                self._hint(shown.job.uri, shown.at, None)
            shown.at = shown.job.qualname
            self._hint(shown.job.uri, shown.at, f"{title(shown.job)}: {line}")

    def _gives_way(self, shown: _Shown) -> bool:
        """There is one hint at a function: a run that waits for another there leaves it to that one."""
        job = shown.job
        return job.state == "queued" and any(
            (other.job.uri, other.job.qualname) == (job.uri, job.qualname) and other.job.state == "working"
            for other in self._shown.values()
        )

    def _line(self, shown: _Shown) -> str:
        return progress_line(shown.job, self._clock.now() - shown.since)

    def _send(
        self,
        token: Token,
        value: types.WorkDoneProgressBegin | types.WorkDoneProgressReport | types.WorkDoneProgressEnd,
    ) -> None:
        self._client.tell(types.PROGRESS, types.ProgressParams(token, value))


def _token(job: Job) -> Token:
    """That of the progress which we create ourselves."""
    return f"flow/{job.run}"
