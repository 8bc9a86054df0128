"""A recorded run told again on a terminal or into a pipe."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from flowmill.cli import paint
from flowmill.cli.runs import cells
from flowmill.journal import Recorded, RunRow
from flowmill.report.story import BASELINE, DraftStory, StageSpan, Story, story_of
from flowmill.report.words import clean, clock, draft_words, prices_from, score_words, target_words

PIPE_WIDTH = 120
HEADS = ("run", "when", "mode", "target", "model", "status", "best", "drafts", "calls", "time")
STATUS_STYLES = {"verified": "green", "improved": "magenta", "failed": "red", "unfinished": "dim"}


def print_rows(stream: TextIO, rows: list[RunRow]) -> None:
    """The runs as a table that fits the terminal; the less telling columns go first where it is narrow."""
    console = _console(stream)
    dropped: set[str] = set()
    if console.width < 120:
        dropped |= {"model", "best"}
    if console.width < 90:
        dropped |= {"drafts", "calls"}
    if console.width < 60:
        dropped |= {"when", "mode", "time"}
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for head in HEADS:
        if head not in dropped:
            right = head in ("best", "drafts", "calls", "time")
            table.add_column(
                head, justify="right" if right else "left", overflow="fold", no_wrap=head in ("run", "when")
            )
    for row in rows:
        shown = [(h, clean(cell)) for h, cell in zip(HEADS, cells(row), strict=True) if h not in dropped]
        table.add_row(
            *(Text(cell, STATUS_STYLES.get(cell, "") if h == "status" else "") for h, cell in shown)
        )
    paint.print_parts(console, [table])


def print_run(stream: TextIO, recorded: Recorded) -> None:
    """The whole story: stages, every draft with its change and its tests, the end."""
    console = _console(stream)
    story = story_of(list(recorded.records))
    parts: list[RenderableType] = [_head(story, recorded.run), Text()]
    parts += [_stage(span, story.now) for span in story.stages]
    parts += [Text(f"{note.level}: {clean(note.text)}", "dim") for note in story.notes]
    for row in story.rows:
        parts += [Text(), *_draft(row, story)]
    parts += [Text(), Text("The end", "bold underline"), Text()]
    parts += paint.summary(story, console.width, prices_from(recorded.run.options))
    paint.print_parts(console, parts)


def _head(story: Story, row: RunRow) -> Text:
    name = target_words(story, Path(row.project)) if story.started else f"{row.file}::{row.qualname}"
    text = Text(f"{row.id}  {row.mode} ", "dim").append(clean(name), "not dim bold")
    return text.append(f"  {row.model}, strategy {row.strategy}", "dim")


def _stage(span: StageSpan, now: float) -> Text:
    if span.ended is None:
        return Text(f"… {span.name}, not finished after {clock(now - span.started)}", "dim")
    mark = Text("✓ ", "green").append(clean(span.name), "default")
    return mark.append(f" {clock(span.ended - span.started)}", "dim")


def _draft(row: DraftStory, story: Story) -> list[RenderableType]:
    best = row.number != BASELINE and row.number == story.best
    title = "as it is" if row.number == BASELINE else f"draft {row.number} ({draft_words(row)})"
    head = Text(f"{paint.STAR} " if best else "").append(title, "bold").append(f"  {score_words(row)}  ")
    columns = paint.Columns(tuple(story.columns))
    parts: list[RenderableType] = [head.append_text(paint.glyphs(row, columns))]
    for fault in row.faults:
        line = Text(f"  {paint.GLYPHS[fault.outcome]} ", paint.STYLES[fault.outcome])
        parts.append(
            line.append(clean(fault.id), "default not bold").append(f"  {clean(fault.message)}", "dim")
        )
    if row.made and row.made.diff:
        parts.append(paint.diff_text(row.made.diff))
    return parts


def _console(stream: TextIO) -> Console:
    if reconfigure := getattr(stream, "reconfigure", None):
        # Letters that the stream's encoding lacks are shown as escapes.
        reconfigure(errors="backslashreplace")
    return Console(file=stream, highlight=False, width=None if stream.isatty() else PIPE_WIDTH)
