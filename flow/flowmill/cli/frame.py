"""One frame of the live screen: what fits, most telling first, and nothing drawn twice that did not change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from flowmill.cli import paint
from flowmill.report.story import DraftStory, Story
from flowmill.report.words import answer_code, clean, clock, draft_words, target_words

FRAMES_A_SECOND = 8
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
NARROW = 60
TAIL_CHARACTERS = 6_000
"""Of an answer that never ends, only this much is coloured and shown."""

Line = list[Segment]


@dataclass(frozen=True, slots=True)
class Frame:
    """Lines that are drawn already: printing them costs next to nothing."""

    lines: list[Line]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for line in self.lines:
            yield from line
            yield Segment.line()


class FramePainter:
    """Draws a story as it stands. Keeps the table and the code it drew last, the costly parts."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._table: tuple[tuple[int, ...], list[Line]] = ((), [])
        self._code: tuple[tuple[str, int], list[Line]] = (("", 0), [])

    def frame(self, story: Story, elapsed: float, footer: str) -> Frame:
        """Header, stages, table, draft and footer, fewer lines than the terminal has."""
        width, height = self._console.size
        head = self._draw([*_header(story, elapsed, width), *_stages(story, elapsed)])
        foot = self._draw([Text(footer, "dim", no_wrap=True, overflow="ellipsis")])
        room = height - len(head) - len(foot) - 1
        table = self._table_lines(story, width, room)
        return Frame([*head, *table, *self._draft_lines(story, width, room - len(table)), *foot])

    def _draw(self, parts: Iterable[RenderableType]) -> list[Line]:
        return [line for part in parts for line in self._console.render_lines(part, pad=False)]

    def _table_lines(self, story: Story, width: int, room: int) -> list[Line]:
        if not story.rows:
            return []
        key = (id(story), story.changes, width, room)
        if self._table[0] != key:
            # The draft keeps at least ten lines where there are that many; glyphs that do not fit wrap.
            lines = 1 if room < 30 else 2
            wraps = len(story.columns) > width // 2
            rows = max(2, min(12, (room - 12) // (lines + wraps)))
            parts: list[RenderableType] = [paint.matrix(story, width, max_rows=rows, lines_a_row=lines)]
            parts += [paint.legend(story), Text()] if room >= 12 else [Text()]
            self._table = (key, self._draw(parts))
        return self._table[1]

    def _draft_lines(self, story: Story, width: int, room: int) -> list[Line]:
        draft = _current(story)
        if draft is None or room < 3:
            return []
        title = Text(f"draft {draft.number}", "bold")
        writing = story.streaming == draft.number
        title.append(", as the model writes it" if writing else f" ({draft_words(draft)})", "not bold dim")
        code = draft.code if draft.made else answer_code(draft.streamed)
        tail = self._code_lines(code[-TAIL_CHARACTERS:], width)[-(room - 2) :]
        return [*self._draw([title]), *tail, *self._draw([Text()])]

    def _code_lines(self, code: str, width: int) -> list[Line]:
        if self._code[0] != (code, width):
            text = paint.code_text(code)
            text.expand_tabs(4)
            shown: list[RenderableType] = []
            for line in text.split("\n", allow_blank=True)[-self._console.height :]:
                bar = Text(no_wrap=True, overflow="ellipsis").append("│ ", "dim").append_text(line)
                bar.truncate(width, overflow="ellipsis")
                shown.append(bar)
            self._code = ((code, width), self._draw(shown))
        return self._code[1]


def title(story: Story) -> Text:
    """The run's mode and target."""
    mode = story.started.mode if story.started else ""
    return Text(f"flowmill {mode} ", "dim").append(clean(target_words(story)), "not dim bold")


def _header(story: Story, elapsed: float, width: int) -> list[RenderableType]:
    if story.started is None:
        return []
    time_used = Text(clock(elapsed)).append(f" of {clock(story.started.budget.seconds)}", "dim")
    if width < NARROW:
        name = Text(clean(story.started.target.qualname), "bold", no_wrap=True, overflow="ellipsis")
        return [name, time_used]
    row = Table.grid(expand=True, padding=(0, 1))
    row.add_column(ratio=1, overflow="fold")
    row.add_column(justify="right", no_wrap=True)
    row.add_row(title(story), time_used)
    row.add_row(Text(f"{clean(story.started.model)} · strategy {story.started.strategy}", "dim"), "")
    return [row]


def _stages(story: Story, now: float) -> list[RenderableType]:
    spent: dict[str, float] = {}
    open_now: set[str] = set()
    for span in story.stages:
        ended = now if span.ended is None else span.ended
        spent[span.name] = spent.get(span.name, 0.0) + max(0.0, ended - span.started)
        open_now |= {span.name} if span.ended is None else set()
    line = Text()
    for name, seconds in spent.items():
        busy = name in open_now
        mark = SPINNER[int(now * FRAMES_A_SECOND) % len(SPINNER)] if busy else "✓"
        line.append("  " if line else "").append(mark, "cyan" if busy else "green")
        line.append(f" {clean(name)}".replace(" ", "\u00a0"), "bold" if busy else "")
        line.append(f" {clock(seconds)}".replace(" ", "\u00a0"), "dim")
    return [line, Text()] if line else []


def _current(story: Story) -> DraftStory | None:
    if story.streaming is not None:
        return story.drafts.get(story.streaming)
    made = [draft for draft in story.drafts.values() if draft.made]
    return max(made, key=lambda draft: draft.made_at or 0.0) if made else None
