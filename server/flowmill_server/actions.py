"""What the menu offers at a function, and what stands above it. Pure: facts in, protocol out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from lsprotocol import types

from flowmill.report.story import BASELINE, Story
from flowmill.report.words import plural
from flowmill_server.preview.edit import Form, workspace_edit
from flowmill_server.runs.job import BUSY, Job
from flowmill_server.text.outline import FunctionSpan

REWRITE = "refactor.rewrite.flow"
QUICKFIX = "quickfix.flow"
KINDS = [
    REWRITE,
    QUICKFIX,
    *(f"{REWRITE}.{name}" for name in ("repair", "accept", "diff", "discard", "cancel")),
]


class Menu(Protocol):
    """What the client can show."""

    @property
    def action_literals(self) -> bool: ...
    @property
    def disabled_actions(self) -> bool: ...
    @property
    def preferred_actions(self) -> bool: ...
    @property
    def llm_tag(self) -> bool: ...
    @property
    def document_changes(self) -> bool: ...


class Change(Protocol):
    """What accepting a run would change now, or why it cannot be accepted now."""

    @property
    def version(self) -> int | None: ...
    @property
    def edits(self) -> Sequence[types.TextEdit]: ...
    @property
    def passed(self) -> int: ...
    @property
    def total(self) -> int: ...
    @property
    def verified(self) -> bool: ...
    @property
    def reason(self) -> str: ...
    @property
    def pending(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Here:
    """What is known where the cursor is.

    `reason` says why no run may begin here, "" if it may. `job` is the run on the function
    that works, waits or has a result. `failing` is our diagnostic, if its tests are known to fail.
    """

    uri: str
    span: FunctionSpan
    reason: str = ""
    job: Job | None = None
    change: Change | None = None
    failing: types.Diagnostic | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """One line of the menu: a command, or an edit for clients that take one."""

    title: str
    kind: str
    command: str
    argument: Mapping[str, object]
    change: Change | None = None
    diagnostic: types.Diagnostic | None = None
    preferred: bool = False
    by_model: bool = field(default=False, kw_only=True)
    disabled: str = field(default="", kw_only=True)


# ------------------------------------------------------------------ what is offered
def offers(here: Here) -> list[Offer]:
    """All that can be done at this function, in the order of the menu."""
    job = here.job
    beginnings = [replace(offer, disabled=here.reason) for offer in _beginnings(here)]
    if job is None:
        return beginnings
    cancel = [_of_run("Flow: cancel", "cancel", "flow.cancel", job)] if job.state in BUSY else []
    diff = _of_run("Flow: show diff", "diff", "flow.showDiff", job)
    discard = _of_run("Flow: discard", "discard", "flow.discard", job)
    return [*cancel, *_accept(job, here.change), diff, discard, *beginnings]


def _beginnings(here: Here) -> list[Offer]:
    span, diagnostic = here.span, here.failing
    argument = {"uri": here.uri, "qualname": span.qualname}
    title = "Generate with flow" if span.is_stub else "Rewrite with flow"
    found = [Offer(title, REWRITE, "flow.generate", argument, by_model=True)]
    if diagnostic is not None or not span.is_stub:
        kind = f"{REWRITE}.repair" if diagnostic is None else QUICKFIX
        repair = Offer(
            "Repair with flow", kind, "flow.repair", argument, diagnostic=diagnostic, by_model=True
        )
        found.append(repair)
    return found


def _accept(job: Job, change: Change | None) -> list[Offer]:
    if change is None or not (change.edits or change.reason):
        return []
    offer = _of_run(f"Flow: accept ({change.passed}/{change.total} tests)", "accept", "flow.accept", job)
    offer = replace(offer, change=change, preferred=change.verified, by_model=True, disabled=change.reason)
    return [offer]


def _of_run(title: str, kind: str, command: str, job: Job) -> Offer:
    return Offer(title, f"{REWRITE}.{kind}", command, {"run": job.run})


def tests_words(change: Change) -> str:
    """`9/9 tests`."""
    return f"{change.passed}/{plural(change.total, 'test')}" if change.total else "no tests"


# ------------------------------------------------------------------ what the client gets
def menu(
    found: Sequence[Offer], only: Sequence[str] | None, uri: str, client: Menu
) -> list[types.CodeAction | types.Command]:
    """The offers that the client asks for, in the form that it takes; `only` names kinds or what is above them."""
    shown = [offer for offer in found if is_wanted(offer.kind, only)]
    if not client.disabled_actions or not client.action_literals:
        shown = [offer for offer in shown if not offer.disabled]
    if not client.action_literals:
        return [_command(offer) for offer in shown]
    return [_action(offer, uri, client) for offer in shown]


def is_wanted(kind: str, only: Sequence[str] | None) -> bool:
    """Whether one of the asked kinds is this one or one that holds it: `refactor` holds `refactor.rewrite`."""
    return not only or any(wish in ("", kind) or kind.startswith(wish + ".") for wish in only)


def _command(offer: Offer) -> types.Command:
    return types.Command(offer.title, offer.command, arguments=[dict(offer.argument)])


def _action(offer: Offer, uri: str, client: Menu) -> types.CodeAction:
    action = types.CodeAction(offer.title, kind=offer.kind)
    if offer.diagnostic is not None:
        action.diagnostics = [offer.diagnostic]
    if offer.preferred and client.preferred_actions:
        action.is_preferred = True
    if offer.by_model and client.llm_tag:
        action.tags = [types.CodeActionTag.LlmGenerated]
    if offer.disabled:
        action.disabled = types.CodeActionDisabled(offer.disabled[:1].upper() + offer.disabled[1:])
    elif offer.change is not None:
        change, form = offer.change, Form(client.document_changes)
        action.edit = workspace_edit(uri, change.version, [*change.edits], form)
    else:
        action.command = _command(offer)
    return action


# ------------------------------------------------------------------ what stands above a function
def lenses(job: Job, line: int, change: Change | None) -> list[types.CodeLens]:
    """What a run that works, waits or lies ready shows above its function, on a 0-based line."""
    if job.state in BUSY:
        shown = [(f"flow: {progress_words(job)}", "flow.showDiff"), ("cancel", "flow.cancel")]
    else:
        # A change that is being worked out is ready by the time that it is clicked.
        can = change is not None and (change.pending or not change.reason)
        accept = [(f"accept ({tests_words(change)})", "flow.accept")] if change is not None and can else []
        shown = [*accept, ("show diff", "flow.showDiff"), ("discard", "flow.discard")]
    place = types.Position(line, 0)
    extent = types.Range(place, place)
    commands = [types.Command(title, name, arguments=[{"run": job.run}]) for title, name in shown]
    return [types.CodeLens(extent, command) for command in commands]


def progress_words(job: Job) -> str:
    """How far a run is, in a few words: `draft 3 · 7/9 tests`."""
    if job.state == "queued":
        return "waiting"
    story = job.story
    number = story.streaming or max(story.drafts, default=BASELINE)
    if number == BASELINE:
        return f"first look{_tests_of(story, number)}" if story.drafts else "starting"
    return f"draft {number}{_tests_of(story, number)}"


def _tests_of(story: Story, number: int) -> str:
    draft = story.drafts[number]
    if not draft.results:
        return ""
    total = max(len(draft.results), len(story.tests))
    return f" · {draft.count('passed')}/{plural(total, 'test')}"
