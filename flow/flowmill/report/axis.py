"""The time axis of a run, as bars and as a drawing that fits any width."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from flowmill.report.story import BASELINE, DraftStory, Story
from flowmill.report.words import clean

ROW = 34
LATE, LAST = 0.6, 0.93
"""From here on a label ends where its bar does, and a time where its line is, so that they stay on the page."""
LABEL = 40
KINDS = {
    "stage": "stage",
    "model": "written by the model",
    "made": "made without the model",
    "tests": "tests",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One stretch of time."""

    label: str
    kind: str
    start: float
    end: float

    @property
    def words(self) -> str:
        return KINDS[self.kind]


def bars(story: Story) -> list[Bar]:
    """What went on when: stages, each draft as it was written, and its tests; by their beginning."""
    found = [
        Bar(clean(s.name), "stage", s.started, story.now if s.ended is None else s.ended)
        for s in story.stages
    ]
    for draft in story.rows + unfinished(story):
        if draft.number == BASELINE:
            continue
        written = draft.last if draft.made_at is None else draft.made_at
        name = f"draft {draft.number}"
        found.append(Bar(name, "model" if draft.pieces else "made", draft.first, written))
        if draft.results:
            found.append(Bar(f"{name}, tests", "tests", written, draft.last))
    return sorted(found, key=lambda bar: bar.start)


def unfinished(story: Story) -> list[DraftStory]:
    """The drafts that were begun and of which only words are there."""
    return [d for _, d in sorted(story.drafts.items()) if not (d.made or d.results or d.scored)]


def drawing(found: list[Bar], seconds: float) -> Markup:
    """The bars, in shares of the width: letters keep their size, however narrow the page is."""
    whole = max(seconds, 0.001)
    height = len(found) * ROW + 22
    lines = Markup().join(_tick(t, whole, height) for t in _ticks(seconds))
    drawn = Markup().join(_bar(bar, place, whole) for place, bar in enumerate(found))
    label = "What went on when; the table below says the same"
    return Markup("<svg height='{}' role='img' aria-label='{}'>{}{}</svg>").format(
        height, label, lines, drawn
    )


def _bar(bar: Bar, place: int, whole: float) -> Markup:
    late = bar.start / whole > LATE
    x, anchor = (bar.end, "end") if late else (bar.start, "start")
    label = bar.label if len(bar.label) <= LABEL else bar.label[: LABEL - 1] + "…"
    width = max(0.4, 100 * (bar.end - bar.start) / whole)
    return Markup(
        "<text x='{}' y='{}' text-anchor='{}'>{}</text>"
        "<rect class='{}' x='{}' width='{:.2f}%' y='{}' height='10' rx='2'/>"
    ).format(
        _at(x, whole),
        place * ROW + 14,
        anchor,
        label,
        bar.kind,
        _at(bar.start, whole),
        width,
        place * ROW + 19,
    )


def _tick(t: float, whole: float, height: int) -> Markup:
    x = _at(t, whole)
    anchor = "end" if t / whole > LAST else "middle" if t else "start"
    return Markup(
        "<line class='tick' x1='{0}' x2='{0}' y1='0' y2='{1}'/>"
        "<text class='when' x='{0}' y='{2}' text-anchor='{3}'>{4:g} s</text>"
    ).format(x, height - 18, height - 4, anchor, t)


def _at(seconds: float, whole: float) -> str:
    return f"{100 * seconds / whole:.2f}%"


def _ticks(seconds: float) -> list[float]:
    """About six round moments."""
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
    step = next((s for s in steps if seconds / s <= 6), 7200)
    return [round(i * step, 1) for i in range(int(seconds / step) + 1)]
