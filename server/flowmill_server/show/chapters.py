"""The chapters of a run's log: each a pure function of the story to a piece of Markdown, "" for none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flowmill.events import TestReported
from flowmill.report.story import BASELINE, DraftStory, Story
from flowmill.report.words import (
    OUTCOME_WORDS,
    clock,
    counts,
    held_back,
    plural,
    score_words,
    seconds_words,
    target_words,
    usage_words,
    verdict,
)
from flowmill.shapes import Origin
from flowmill_server.runs.job import Job
from flowmill_server.show.markdown import code, fenced, prose
from flowmill_server.show.words import doing, for_editor

MOST = 40
"""Tests that are named one by one in a list; of longer lists the rest is counted."""
CHOSEN = {
    "given": "those that the settings name",
    "coverage": "those that were seen to run this function",
    "static": "those whose text leads to this function",
    "all": "all tests of the project, since none is known to run this function",
}
ORIGINS: dict[Origin, str] = {
    "model": "from the model",
    "mutation": "a small change of the code, made without the model",
    "donor": "made of lines from elsewhere in the code, without the model",
}


def head(job: Job) -> str:
    """Which function, by which model, within which limits."""
    started = job.story.started
    deed = "Check" if job.origin == "check" else job.mode.capitalize()
    heading = f"# {deed} {code(job.name)}"
    if started is None:
        return f"{heading}\n\nRun {job.run} has not begun yet."
    limits = started.budget
    return "\n\n".join(
        (
            heading,
            f"{code(target_words(job.story))}, lines {started.target.start} to {started.target.end}",
            f"Run {job.run}, model {prose(started.model) or 'not known'}, strategy {started.strategy}. Limits: "
            f"{limits.seconds:g} s, {plural(limits.calls, 'call')}, {limits.tokens:,} tokens.",
        )
    )


def tests(story: Story) -> str:
    """Which tests were chosen, and how."""
    if story.how is None:
        return ""
    lead = f"## Tests\n\n{plural(len(story.tests), 'test')}: {CHOSEN[story.how]}."
    named = [
        f"- {code(test.id)}{'' if test.trust == 'project' else f' ({test.trust})'}"
        for test in story.tests[:MOST]
    ]
    if len(story.tests) > MOST:
        named.append(f"- … and {len(story.tests) - MOST} more")
    return "\n\n".join([lead, "\n".join(named)] if named else [lead])


def draft(story: Story, told: DraftStory, notes: Sequence[str]) -> str:
    """Where a draft came from, what it changes, how its tests went; the same of the code as it stands."""
    parts = ["## As it stands"] if told.number == BASELINE else _origin(story, told)
    if told.made is not None and told.made.diff:
        parts.append(fenced(told.made.diff, "diff"))
    parts += [f"- {prose(for_editor(note))}" for note in notes]
    if told.results:
        parts.append(_results(told))
    parts += _standing(story, told)
    return "\n\n".join(parts)


def _standing(story: Story, told: DraftStory) -> list[str]:
    """How many of the tests that count pass, if any did run."""
    if told.scored is not None and not told.results:
        return ["No test was run with it."]
    if score_words(told) in ("", "-"):
        return []
    is_best = told.number != BASELINE and told.number == story.best
    best = "" if not is_best else ", the best" if story.finished else ", the best so far"
    return [f"**{score_words(told)} tests pass{best}.**"]


def _origin(story: Story, told: DraftStory) -> list[str]:
    made = told.made
    origin = ORIGINS[made.origin] if made is not None else "from the model"
    heading = f"## Draft {told.number}, {origin}"
    parent = story.drafts.get(made.parent) if made is not None and made.parent else None
    if parent is None:
        return [heading]
    why = ""
    if parent.faults:
        why = f", where {_name(parent.faults[0].id)} {OUTCOME_WORDS[parent.faults[0].outcome]}"
    return [heading, f"Goes on from draft {parent.number} ({score_words(parent) or 'not tested'}){why}."]


def _results(told: DraftStory) -> str:
    """The tests one by one, those that did not pass first; of very many only the first are named."""
    bad = told.faults
    good = [result for result in told.results.values() if result.outcome in ("passed", "skipped")]
    room = max(0, MOST - len(bad))
    lines = [_result(result) for result in bad[:MOST] + good[:room]]
    if len(bad) > MOST:
        lines.append(f"- … and {len(bad) - MOST} more of those that did not pass")
    if len(good) > room:
        lines.append(f"- … and {len(good) - room} more of those that passed or were skipped")
    return "\n".join(lines)


def _result(result: TestReported) -> str:
    if result.outcome == "passed":
        return f"- ✓ {_name(result.id)}"
    if result.outcome == "skipped":
        return f"- s {_name(result.id)} skipped"
    word = "" if result.outcome == "failed" else f" {OUTCOME_WORDS[result.outcome]}"
    message = code(result.message)
    return f"- ✗ {_name(result.id)}{word}{': ' if message else ''}{message}"


def _name(test: str) -> str:
    """A node id without its folders: the whole of it stands in the list of tests."""
    return code(test.partition("::")[0].rpartition("/")[2] + test[len(test.partition("::")[0]) :])


def now(story: Story) -> str:
    """What goes on at the moment, without the seconds: the text changes only when the story does."""
    if story.finished is not None or story.started is None:
        return ""
    return f"## Now\n\n{doing(story).capitalize()} …"


def notes(texts: Iterable[str]) -> str:
    """What the run noted that is about no draft in particular."""
    lines = [f"- {prose(for_editor(text))}" for text in texts]
    return "## Notes\n\n" + "\n".join(lines) if lines else ""


def stages(story: Story) -> str:
    """What took how long."""
    lines = [
        f"- {prose(span.name)}: {clock(span.ended - span.started)}"
        for span in story.stages
        if span.ended is not None
    ]
    return "## Stages\n\n" + "\n".join(lines) if lines else ""


def ending(job: Job) -> str:
    """How the run came out, and on what evidence."""
    story, end = job.story, job.story.finished
    if job.state in ("queued", "working") and end is None:
        return ""
    parts = ["## Result"]
    if job.problem:
        parts.append(f"Broken off: {prose(for_editor(job.problem))}")
        parts += [prose(job.hint)] if job.hint else []
    if end is None or job.unheard:
        return "\n\n".join(parts if job.problem else [*parts, _without_end(job)])
    found = verdict(story)
    parts.append(f"**{found.head}**: {for_editor(found.text)}")
    if end.evidence.before or end.evidence.after:
        parts.append(f"Before: {counts(end.evidence.before)}. After: {counts(end.evidence.after)}.")
    if held_back(story):
        parts.append(f"{held_back(story).capitalize()}.")
    parts.append(_file_words(job))
    parts.append(f"{seconds_words(end)} · {usage_words(end.calls, end.tokens, None)}")
    return "\n\n".join(parts)


def _without_end(job: Job) -> str:
    return {"cancelled": "Cancelled.", "replaced": "Replaced by a newer run."}.get(job.state, "Ended.")


def _file_words(job: Job) -> str:
    """What happened to the user's text."""
    said = {
        "ready": "Nothing is changed until you accept it.",
        "accepted": "Accepted.",
        "discarded": "Discarded; nothing was changed.",
    }
    return said.get(job.state, "Nothing was changed.")
