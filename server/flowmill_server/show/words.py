"""What is said of a run in one line, while it works and when it is over. Pure functions of the job."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flowmill.options import BY_NAME, snake
from flowmill.report.story import BASELINE, DraftStory, Story
from flowmill.report.words import clean, clock
from flowmill_server.runs.job import Job

DOING = {
    "tests": "running the tests",
    "model": "waiting for the model",
    "context": "reading the code around it",
    "mutations": "trying small changes",
    "reflect": "model thinking",
    "ideas": "model thinking",
    "made tests": "model writing tests",
    "confirm": "confirming",
}
SOON = 0.2
_FLAG = re.compile(r"(?<![\w-])--([a-z][a-z-]*)\b")
_FINE = ("passed", "skipped")


def title(job: Job) -> str:
    """What the progress of a run is headed with."""
    return f"flow: {job.name}"


def progress_line(job: Job, seconds: float) -> str:
    """`draft 3 · 7/9 tests · best 8/9 · 12 s · model writing`, as far as there is something to say."""
    if job.state == "queued":
        # Every run begins in the queue; most leave it at once.
        return f"{clock(seconds)} · {'starting' if seconds < SOON else 'waiting for another run'}"
    story = job.story
    draft = current_draft(story)
    best = story.best_draft
    parts = [f"draft {draft.number}"] if draft and draft.number != BASELINE else []
    if draft and draft.results:
        tests = f"{score(story, draft)} tests"
        parts.append(f"{tests} before" if draft.number == BASELINE else tests)
    if best and best is not draft:
        parts.append(f"best {score(story, best)}")
    return " · ".join([*parts, clock(seconds), doing(story)])


def current_draft(story: Story) -> DraftStory | None:
    """The newest draft that is written, else the one that is being written, else the code as it stands.

    While a draft is confirmed, that one.
    """
    if story.best_draft is not None and _stage(story) == "confirm":
        return story.best_draft
    drafts = [draft for number, draft in story.drafts.items() if number != BASELINE]
    made = [draft for draft in drafts if draft.made is not None]
    return max(made or drafts, key=lambda draft: draft.number, default=story.drafts.get(BASELINE))


def _stage(story: Story) -> str:
    """The innermost stage that goes on, "" for none."""
    return next((span.name for span in reversed(story.stages) if span.ended is None), "")


def score(story: Story, draft: DraftStory) -> str:
    """`7/9`: passed of those that count; of a draft that is still tested, of those that it will be run on."""
    if draft.scored is not None:
        return f"{draft.scored.passed}/{draft.scored.passed + draft.scored.failed}"
    scores = [d.scored.passed + d.scored.failed for d in story.drafts.values() if d.scored]
    whole = scores[-1] if scores else len(story.tests)
    return f"{draft.count('passed')}/{max(whole, len(draft.results))}"


def doing(story: Story) -> str:
    """What the run is at, in a word or two."""
    stage = _stage(story)
    if not stage:
        return "working" if story.stages else "starting"
    if stage != "drafts":
        return DOING.get(stage, stage)
    shown = current_draft(story)
    if story.streaming is not None:
        other = shown is None or shown.number != story.streaming
        return f"model writing draft {story.streaming}" if other else "model writing"
    drafts = [draft for number, draft in story.drafts.items() if number != BASELINE]
    testing = any(draft.made is not None and draft.scored is None for draft in drafts)
    return "testing" if testing else "model reading"


def end_line(job: Job) -> str:
    """`verified: 9/9 tests`, `not verified: 7/9 tests`, `cancelled`, or what broke the run off."""
    if job.state == "replaced":
        return "replaced by a newer run"
    if job.state == "cancelled":
        return "cancelled"
    if job.problem:
        return clean(job.problem)
    return _ending(job.story)


def _ending(story: Story) -> str:
    end = story.finished
    if end is None:
        return "ended without a result"
    before, after = tally(end.evidence.before), tally(end.evidence.after)
    if end.status == "verified":
        return f"verified: {after} tests"
    if end.status == "unchanged":
        fine = not any(n for outcome, n in end.evidence.before.items() if outcome not in _FINE)
        if fine and not story.drafts.keys() - {BASELINE}:
            return f"nothing fails: {before} tests" if end.evidence.before else "nothing to mend was found"
        return f"nothing better was found: {before} tests"
    if not end.evidence.after:
        return "not verified: no test was run"
    return f"not verified: {after} tests"


def tally(outcomes: Mapping[str, int]) -> str:
    """`7/9`: passed of those that were not skipped."""
    return f"{outcomes.get('passed', 0)}/{sum(outcomes.values()) - outcomes.get('skipped', 0)}"


def for_editor(text: str) -> str:
    """The same in an editor's words: settings instead of the flags of the command line."""
    if "flowmill " in text:
        return text  # a command to type is typed with its flags
    text = text.replace("--force rewrites it all the same", '"Rewrite with flow" does it all the same')
    return _FLAG.sub(_setting, text)


def _setting(match: re.Match[str]) -> str:
    option = BY_NAME.get(snake(match[1]))
    return option.camel if option is not None else match[0]
