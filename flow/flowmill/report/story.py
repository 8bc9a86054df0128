"""Folds the events of one run into what a view shows: stages, drafts, outcomes, the best."""

from __future__ import annotations

from dataclasses import dataclass, field

from flowmill.events import (
    DraftDelta,
    DraftMade,
    DraftScored,
    Note,
    Record,
    RunFinished,
    RunStarted,
    Stage,
    TestReported,
    TestsSelected,
)
from flowmill.shapes import FINE, Outcome, SelectedHow, TestRef

BASELINE = 0
"""The number under which the code as it stands is tested."""


@dataclass(slots=True)
class StageSpan:
    """One stretch of work; `ended` is None while it goes on."""

    name: str
    started: float
    ended: float | None = None


@dataclass(slots=True)
class DraftStory:
    """One draft: its text as it streamed, what became of it, and how its tests went."""

    number: int
    first: float
    last: float
    pieces: list[str] = field(default_factory=list[str])
    made: DraftMade | None = None
    made_at: float | None = None
    results: dict[str, TestReported] = field(default_factory=dict[str, TestReported])
    scored: DraftScored | None = None

    @property
    def streamed(self) -> str:
        return "".join(self.pieces)

    @property
    def code(self) -> str:
        """The whole function if it is known, else what has arrived of the answer."""
        return self.made.code if self.made else self.streamed

    def count(self, *outcomes: Outcome) -> int:
        return sum(result.outcome in outcomes for result in self.results.values())

    @property
    def faults(self) -> list[TestReported]:
        """The tests that neither passed nor were skipped, in the order they ran."""
        return [r for r in self.results.values() if r.outcome not in FINE]


class Story:
    """All that one run's records have told so far. Takes records of one run, in order."""

    def __init__(self) -> None:
        self.run = ""
        self.now = 0.0
        self.changes = 0
        """Counts the records other than pieces of a draft: what is drawn of them need not be drawn again."""
        self.started: RunStarted | None = None
        self.tests: tuple[TestRef, ...] = ()
        self.how: SelectedHow | None = None
        self.stages: list[StageSpan] = []
        self.drafts: dict[int, DraftStory] = {}
        self.notes: list[Note] = []
        self.best: int | None = None
        self.streaming: int | None = None
        self.finished: RunFinished | None = None

    def add(self, record: Record) -> None:
        """Take in one record."""
        self.run, self.now = record.run, max(self.now, record.t)
        event = record.event
        self.changes += not isinstance(event, DraftDelta)
        if isinstance(event, RunStarted):
            self.started = event
        elif isinstance(event, TestsSelected):
            self.tests, self.how = event.tests, event.how
        elif isinstance(event, Stage):
            self._stage(event, record.t)
        elif isinstance(event, Note):
            self.notes.append(event)
        elif isinstance(event, RunFinished):
            self.finished, self.best, self.streaming = event, event.best, None
        else:
            self._draft(event, record.t)

    def _stage(self, event: Stage, t: float) -> None:
        if event.state == "started":
            self.stages.append(StageSpan(event.name, t))
            return
        for span in reversed(self.stages):
            if span.name == event.name and span.ended is None:
                span.ended = t
                return
        self.stages.append(StageSpan(event.name, max(0.0, t - event.seconds), t))

    def _draft(self, event: DraftDelta | DraftMade | TestReported | DraftScored, t: float) -> None:
        draft = self.drafts.setdefault(event.draft, DraftStory(event.draft, t, t))
        draft.last = t
        if isinstance(event, DraftDelta):
            draft.pieces.append(event.text)
            self.streaming = event.draft
        elif isinstance(event, DraftMade):
            draft.made, draft.made_at = event, t
            self.streaming = None if self.streaming == event.draft else self.streaming
        elif isinstance(event, TestReported):
            draft.results[event.id] = event
        else:
            draft.scored = event
            self.best = event.draft if event.best else self.best

    @property
    def columns(self) -> list[str]:
        """Every test id of the run: the selected ones in their order, then those that only drafts brought."""
        ids = dict.fromkeys(test.id for test in self.tests)
        for draft in self.drafts.values():
            ids.update(dict.fromkeys(draft.results))
        return list(ids)

    @property
    def rows(self) -> list[DraftStory]:
        """The baseline and every draft that there is something to say about, by number."""
        return [d for _, d in sorted(self.drafts.items()) if d.made or d.results or d.scored]

    @property
    def best_draft(self) -> DraftStory | None:
        """The best draft so far; None while nothing is better than the code as it stands."""
        return self.drafts.get(self.best) if self.best else None

    @property
    def diff(self) -> str:
        """The run's result, or of an unfinished run the best draft's change."""
        if self.finished:
            return self.finished.diff
        best = self.best_draft
        return best.made.diff if best and best.made else ""


def story_of(records: list[Record]) -> Story:
    """The whole story of a recorded run."""
    story = Story()
    for record in records:
        story.add(record)
    return story
