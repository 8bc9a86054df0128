"""The documents of a run: its log as a story, the draft as it is written, the result as a diff."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from flowmill.report.story import BASELINE, DraftStory, Story
from flowmill.report.words import answer_code, clean
from flowmill_server.runs.job import Job
from flowmill_server.show import chapters

_ABOUT_DRAFT = re.compile(r"(?:from )?draft (\d+)\b")
NO_DRAFT = "# There is no draft yet.\n"
NO_DIFF = "# No draft is better than the code as it stands.\n"


@dataclass
class _Written:
    """What was written of a run before; a draft's part is written anew only when it changed."""

    key: tuple[object, ...] = ()
    text: str = ""
    drafts: dict[int, tuple[tuple[object, ...], str]] = field(
        default_factory=dict[int, tuple[tuple[object, ...], str]]
    )


_written: WeakKeyDictionary[Job, _Written] = WeakKeyDictionary()


def log_markdown(job: Job) -> str:
    """The run from its beginning to where it stands, in words that claim no more than was measured."""
    kept = _written.setdefault(job, _Written())
    key = (job.story.changes, job.state, job.problem)
    if kept.key != key:
        kept.text = _write(job, kept)
        kept.key = key
    return kept.text


def draft_text(job: Job) -> str:
    """The draft that is being written, as far as it is; else the best one; else the last one."""
    story = job.story
    writing = story.drafts.get(story.streaming) if story.streaming is not None else None
    if writing is not None:
        return clean(answer_code(writing.streamed)) or NO_DRAFT
    best = story.best_draft or _last_made(story)
    return best.made.code if best and best.made else NO_DRAFT


def result_diff(job: Job) -> str:
    """The run's result as a diff; while it works, of the best draft so far."""
    return job.story.diff or NO_DIFF


def _last_made(story: Story) -> DraftStory | None:
    made = [draft for draft in story.rows if draft.made]
    return made[-1] if made else None


def _write(job: Job, kept: _Written) -> str:
    story = job.story
    notes = _notes_by_draft(story)
    parts = [chapters.head(job), chapters.tests(story)]
    for draft in story.rows:
        about = notes[draft.number] if draft.number != BASELINE else []
        key = (draft.last, len(about), draft.number == story.best, story.finished is None)
        if kept.drafts.get(draft.number, ((), ""))[0] != key:
            kept.drafts[draft.number] = (key, chapters.draft(story, draft, about))
        parts.append(kept.drafts[draft.number][1])
    told = {draft.number for draft in story.rows}
    others = [note for number, found in notes.items() if number not in told or not number for note in found]
    parts += [chapters.now(story), chapters.notes(others), chapters.stages(story), chapters.ending(job)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _notes_by_draft(story: Story) -> defaultdict[int, list[str]]:
    """The run's notes, in their order, by the number of the draft that they begin with; 0 for the others."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    for note in story.notes:
        about = _ABOUT_DRAFT.match(note.text)
        found[int(about[1]) if about else 0].append(note.text)
    return found
