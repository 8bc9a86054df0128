"""One quiet line when a run has ended that the user asked for, with the next steps where a client has buttons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lsprotocol import types

from flowmill.report.story import BASELINE
from flowmill.report.words import clean, verdict
from flowmill_server.client import MESSAGE_TYPES, Client, Level
from flowmill_server.runs.job import Job
from flowmill_server.show.hearer import Hearer
from flowmill_server.show.pace import Spawn
from flowmill_server.show.viewer import Viewer
from flowmill_server.show.words import end_line, for_editor, tally

ANSWER_SECONDS = 300.0
"""After this nobody looks at the message any more; what it offers stays among the code actions."""
BLOCKING = frozenset({"Neovim"})
"""Clients that ask in a prompt which takes the keys that the user is typing: they get the line alone."""

STOPPED = "stopped"
"""How a run's note begins that names the limit which ended it."""
NAMED = 2
"""Failing tests that the line names."""

ACCEPT, SHOW_DIFF, SHOW_LOG, DISCARD = "Accept", "Show diff", "Show log", "Discard"


class Deeds(Protocol):
    """What the user may do with a result."""

    async def accept(self, job: Job, hunks: Sequence[int] | None) -> None: ...

    def discard(self, job: Job) -> None: ...


@dataclass(frozen=True, slots=True)
class Line:
    """What is said, and which buttons go with it."""

    text: str
    level: Level
    buttons: tuple[str, ...]


class Messages(Hearer):
    """Speaks once per run. Runs that the user did not start, and cancelled ones, are not spoken of."""

    def __init__(self, client: Client, viewer: Viewer, deeds: Deeds, spawn: Spawn) -> None:
        self._client = client
        self._viewer = viewer
        self._deeds = deeds
        self._spawn = spawn

    def ended(self, job: Job) -> None:
        muted = self._client.flow.get("messages") is False
        if muted or job.origin != "user" or job.state not in ("ready", "done"):
            return
        line = ending(job)
        if self._client.message_actions and self._client.name not in BLOCKING:
            self._spawn(self._offer(job, line))
        else:
            self._client.show_message(line.text, line.level)

    async def _offer(self, job: Job, line: Line) -> None:
        state = job.state
        can = self._client.apply_edit
        actions = [types.MessageActionItem(button) for button in line.buttons if can or button != ACCEPT]
        params = types.ShowMessageRequestParams(MESSAGE_TYPES[line.level], line.text, actions)
        answer = await self._client.ask(types.WINDOW_SHOW_MESSAGE_REQUEST, params, seconds=ANSWER_SECONDS)
        chosen = getattr(answer, "title", None)
        job = job.latest
        if chosen not in line.buttons or (chosen in (ACCEPT, DISCARD) and job.state != state):
            return  # accepted, discarded or replaced by another way meanwhile
        if chosen == ACCEPT:
            await self._deeds.accept(job, None)
        elif chosen == DISCARD:
            self._deeds.discard(job)
        elif chosen == SHOW_DIFF:
            await self._viewer.show(job, "result.diff")
        else:
            await self._viewer.show(job, "log.md")


def ending(job: Job) -> Line:
    """How the run came out: the evidence, or what is missing and what to do about it."""
    if job.problem:
        hint = f" ({clean(job.hint)})" if job.hint else ""
        return Line(f"flow: {job.name}: {for_editor(clean(job.problem))}{hint}", "error", (SHOW_LOG,))
    end = job.story.finished
    after = end.evidence.after if end is not None else {}
    passing = f"{tally(after)} tests pass" if after else "no test was run"
    if job.verified:
        return Line(f"flow: {job.name} is verified: {passing}", "info", (ACCEPT, SHOW_DIFF, DISCARD))
    if job.state == "ready":
        return Line(
            f"flow: {job.name} is not verified: {_doubt(job, passing)}", "warning", (SHOW_DIFF, SHOW_LOG)
        )
    if end is None or end.status == "unchanged":
        return Line(
            f"flow: {job.name}: {end_line(job)}; nothing was changed{_limit(job)}", "info", (SHOW_LOG,)
        )
    text = (
        f"flow: {job.name} is not solved: at best {passing}{_missing(job)}; nothing was changed{_limit(job)}"
    )
    return Line(text, "warning", (SHOW_LOG,))


def _limit(job: Job) -> str:
    """The limit that ended the run, and the setting that moves it."""
    ends = [note.text for note in job.story.notes if note.text.startswith(STOPPED)]
    return f": {for_editor(clean(ends[-1].partition(': ')[2]))}" if ends else ""


def _doubt(job: Job, passing: str) -> str:
    """What speaks against a result that can be accepted all the same."""
    if _missing(job):
        return f"{passing}{_missing(job)}; read the result before you accept it"
    about = f"draft {job.story.best} "
    doubts = [n.text for n in job.story.notes if n.level == "warning" and n.text.startswith(about)]
    return for_editor(clean(doubts[-1] if doubts else verdict(job.story).text))


def _missing(job: Job) -> str:
    """The tests that the best draft does not pass; of the code as it stands if no draft is better."""
    end = job.story.finished
    draft = job.story.drafts.get((end.best if end else None) or BASELINE)
    names = [clean(fault.id.rpartition("::")[2]) for fault in draft.faults] if draft else []
    if not names:
        return ""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f", not {', '.join(names[:NAMED])}{more}"
