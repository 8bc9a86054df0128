"""A run as short plain lines, for pipes, logs and terminals that cannot redraw."""

from __future__ import annotations

from asyncio import CancelledError
from pathlib import Path
from types import TracebackType
from typing import TextIO

from flowmill.cli.pipes import put
from flowmill.events import (
    DraftMade,
    DraftScored,
    Note,
    Record,
    RunFinished,
    RunStarted,
    Stage,
    TestsSelected,
)
from flowmill.report.story import BASELINE, DraftStory, Story
from flowmill.report.words import (
    OUTCOMES,
    Prices,
    clean,
    clock,
    counts,
    draft_words,
    files_words,
    held_back,
    plural,
    score_words,
    seconds_words,
    short_path,
    target_words,
    usage_words,
    verdict,
)


class Plain:
    """Prints a line when something happened, and at the end the diff and the evidence."""

    def __init__(self, stream: TextIO, *, prices: Prices | None = None) -> None:
        self._stream = stream
        self._prices = prices
        self._story = Story()
        self._baseline_told = False
        self._files_told = True

    def __enter__(self) -> Plain:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stopped = kind is None or issubclass(kind, (KeyboardInterrupt, CancelledError))
        started = self._story.started is not None and self._story.finished is None
        if started and (stopped or self._story.best_draft):
            self._tell_end()
        self._tell_files()

    def show(self, record: Record) -> None:
        event = record.event
        if isinstance(event, RunStarted):
            self._tell_files()
            self._story, self._baseline_told = Story(), False
        self._story.add(record)
        if isinstance(event, RunFinished):
            self._tell_baseline()
            self._tell_end()
        elif not isinstance(event, DraftMade):
            self._lines(self._event_lines(event))
        else:
            self._tell_baseline()

    def wrote(self, path: Path) -> None:
        self._files_told = True
        self._lines([f"Written to {short_path(path)}."])

    def _event_lines(self, event: object) -> list[str]:
        if isinstance(event, RunStarted):
            limits = f"at most {clock(event.budget.seconds)}, {plural(event.budget.calls, 'call')}"
            lines = f"lines {event.target.start}-{event.target.end}"
            return [
                f"{event.mode} {target_words(self._story)} ({lines})",
                f"model {event.model}, strategy {event.strategy}, {limits}",
            ]
        if isinstance(event, TestsSelected):
            return [f"{plural(len(event.tests), 'test')} selected ({event.how})"]
        if isinstance(event, Stage) and event.state == "finished":
            self._tell_baseline()
            return [f"{event.name}: done in {clock(event.seconds)}"]
        if isinstance(event, Note):
            return [f"{'warning' if event.level == 'warning' else 'note'}: {clean(event.text)}"]
        if isinstance(event, DraftScored) and event.draft != BASELINE:
            return [draft_line(self._story.drafts[event.draft], self._story.best)]
        return []

    def _tell_baseline(self) -> None:
        row = self._story.drafts.get(BASELINE)
        if row is not None and row.results and not self._baseline_told:
            self._baseline_told = True
            self._lines([draft_line(row, None)])

    def _tell_end(self) -> None:
        self._lines(end_lines(self._story, self._prices, exact=not self._stream.isatty()))
        self._files_told = False

    def _tell_files(self) -> None:
        if not self._files_told:
            self._files_told = True
            self._lines([files_words(self._story)])

    def _lines(self, lines: list[str]) -> None:
        for line in lines:
            put(self._stream, line + "\n")


def draft_line(row: DraftStory, best: int | None) -> str:
    """`draft 2 (model, from 1): 4/12, best so far; first fault: TEST: MESSAGE`."""
    name = f"draft {row.number} ({draft_words(row)})" if row.number else "as it is"
    tally = counts({outcome: row.count(outcome) for outcome in OUTCOMES})
    line = f"{name}: {score_words(row) + ' tests pass' if row.scored and row.number else tally}"
    if row.number and row.number == best:
        line += ", best so far"
    if row.faults:
        line += f"; first fault: {clean(row.faults[0].id)}: {clean(row.faults[0].message)}"
    return line.removesuffix(": ")


def end_lines(story: Story, prices: Prices | None, *, exact: bool) -> list[str]:
    """The diff, the evidence and what it all amounts to; an `exact` diff keeps its line ends and can be applied."""
    lines: list[str] = []
    if story.diff:
        lines += ["", *(_diff_line(line, exact) for line in story.diff.rstrip("\n").split("\n")), ""]
    if (end := story.finished) and end.evidence.before:
        lines.append(f"before: {counts(end.evidence.before)}")
    if end and end.evidence.after:
        lines.append(f"after:  {counts(end.evidence.after)}")
    outcome = verdict(story)
    lines.append(f"{outcome.head}: {clean(outcome.text)}")
    if extra := held_back(story):
        lines.append(f"Held back: {extra}")
    if end:
        lines += [seconds_words(end), usage_words(end.calls, end.tokens, prices)]
    return lines


def _diff_line(line: str, exact: bool) -> str:
    text = line.removesuffix("\r")
    return clean(text) + "\r" * (exact and text != line)
