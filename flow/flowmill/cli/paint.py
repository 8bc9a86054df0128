"""How code, diffs, outcomes and verdicts look on a terminal, in colours that light and dark backgrounds share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pygments.token import Comment, Keyword, Name, Number, Operator, String
from rich.console import Console, RenderableType
from rich.style import Style
from rich.syntax import ANSISyntaxTheme, Syntax
from rich.table import Table
from rich.text import Text

from flowmill.cli.pipes import reader_gone
from flowmill.report.diffs import DiffLine, diff_lines, side_text
from flowmill.report.story import BASELINE, DraftStory, Story
from flowmill.report.words import (
    OUTCOME_WORDS,
    OUTCOMES,
    Prices,
    Tone,
    clean,
    counts,
    draft_words,
    held_back,
    score_words,
    seconds_words,
    usage_words,
    verdict,
)
from flowmill.shapes import Outcome

GLYPHS: dict[Outcome, str] = {
    "passed": "✓",
    "failed": "✗",
    "error": "E",
    "timeout": "T",
    "crashed": "C",
    "skipped": "s",
}
STYLES: dict[Outcome, str] = {
    "passed": "green",
    "failed": "red",
    "error": "bold red",
    "timeout": "magenta",
    "crashed": "bold magenta",
    "skipped": "dim",
}
NOT_RUN = "·"
STAR = "★"
TONES: dict[Tone, str] = {"good": "bold green", "middling": "bold magenta", "bad": "bold red"}
# The sixteen colours of the user's own palette: whoever chose a background chose these to be read on it.
# White, black and yellow are left out, each of them vanishes on one kind of background.
_THEME = ANSISyntaxTheme(
    {
        Comment: Style(dim=True, italic=True),
        Keyword: Style(color="magenta"),
        Keyword.Constant: Style(color="cyan"),
        Operator.Word: Style(color="magenta"),
        Name.Function: Style(color="blue", bold=True),
        Name.Class: Style(color="blue", bold=True),
        Name.Decorator: Style(color="blue"),
        Name.Exception: Style(color="cyan"),
        Number: Style(color="cyan"),
        String: Style(color="green"),
    }
)


def code_text(code: str) -> Text:
    """Python in colours. Text of any kind is taken; what does not parse keeps its letters."""
    syntax = Syntax("", "python", theme=_THEME, background_color="default")
    text = syntax.highlight(clean(code))
    text.rstrip()
    return text


def diff_text(diff: str) -> Text:
    """A unified diff with both sides in Python's colours; without colours it stays a valid patch."""
    lines = diff_lines(clean(diff))
    new, old = _coloured(lines, "new"), _coloured(lines, "old")
    result = Text(no_wrap=True)
    at = {"new": 0, "old": 0}
    for line in lines:
        if line.side in ("head", "hunk"):
            result.append(line.text + "\n", "bold" if line.side == "head" else "cyan")
            continue
        result.append(line.mark, {"new": "bold green", "old": "bold red"}.get(line.side, ""))
        if line.side == "old":
            code = old[at["old"]].copy()
            code.stylize("red")
        else:
            code = new[at["new"]].copy()
        result.append_text(code).append("\n")
        at["new"] += line.side != "old"
        at["old"] += line.side != "new"
    result.rstrip()
    return result


def _coloured(lines: Sequence[DiffLine], side: str) -> list[Text]:
    text = side_text(lines, "new" if side == "new" else "old")
    syntax = Syntax("", "python", theme=_THEME, background_color="default")
    painted = list(syntax.highlight(text).split("\n", allow_blank=True))
    missing = text.count("\n") + 1 - len(painted)
    return painted + [Text() for _ in range(missing)]


# ------------------------------------------------------------------ drafts by tests
@dataclass(frozen=True, slots=True)
class Columns:
    """Which tests get a column of their own; `always` pass in every row and are only counted."""

    shown: tuple[str, ...]
    always: int = 0
    cut: int = 0


def choose_columns(story: Story, room: int) -> Columns:
    """All tests if they fit into `room` glyphs, else those that tell drafts apart, as many as fit."""
    ids = story.columns
    if len(ids) <= room:
        return Columns(tuple(ids))
    rows = story.rows
    telling = [i for i in ids if not _always_passed(rows, i)]
    return Columns(tuple(telling[:room]), len(ids) - len(telling), max(0, len(telling) - room))


def _always_passed(rows: list[DraftStory], test_id: str) -> bool:
    results = [row.results[test_id] for row in rows if test_id in row.results]
    return bool(results) and all(result.outcome == "passed" for result in results)


def glyphs(draft: DraftStory, columns: Columns) -> Text:
    """One draft's outcomes, one coloured glyph a test, in fives."""
    text = Text(overflow="fold")
    for place, test_id in enumerate(columns.shown):
        if place and place % 5 == 0:
            text.append(" ")
        result = draft.results.get(test_id)
        if result is None:
            text.append(NOT_RUN, "dim")
        else:
            text.append(GLYPHS[result.outcome], STYLES[result.outcome])
    if columns.cut:
        text.append(f" … {columns.cut} more", "dim")
    if columns.always:
        text.append(f" +{columns.always} always ✓", "dim")
    return text


def matrix(story: Story, width: int, *, max_rows: int, lines_a_row: int = 3) -> Table:
    """The table of drafts by tests: the baseline, the best draft and the newest ones."""
    narrow = width < 60
    table = Table(box=None, padding=(0, 1), pad_edge=False, show_header=not narrow, header_style="dim")
    table.add_column("")
    table.add_column("draft", no_wrap=True)
    table.add_column("passed", justify="right", no_wrap=True)
    table.add_column("tests", overflow="fold")
    room = max(10, width - (24 if narrow else 34))
    columns = choose_columns(story, (room * lines_a_row) * 5 // 6)
    rows, left_out = _chosen(story, max_rows)
    for row in rows:
        best = row.number != BASELINE and row.number == story.best
        table.add_row(
            Text(STAR if best else "", "bold magenta"),
            _row_name(row, narrow, best),
            score_words(row),
            glyphs(row, columns),
        )
        if row.number == BASELINE and left_out:
            table.add_row("", Text(f"… {left_out} earlier", "dim"), "", "")
    return table


def _row_name(row: DraftStory, narrow: bool, best: bool) -> Text:
    if row.number == BASELINE:
        return Text("as it is", "italic")
    name = Text(str(row.number), "bold" if best else "")
    return name if narrow else name.append(f" {draft_words(row)}", "dim")


def _chosen(story: Story, limit: int) -> tuple[list[DraftStory], int]:
    rows = story.rows
    if len(rows) <= limit:
        return rows, 0
    kept = {row.number for row in rows[-max(1, limit - 2) :]} | {BASELINE, story.best or BASELINE}
    chosen = [row for row in rows if row.number in kept]
    return chosen, len(rows) - len(chosen)


def legend(story: Story) -> Text:
    """The glyphs that this run used."""
    used = {r.outcome for row in story.rows for r in row.results.values()}
    text = Text()
    for outcome in OUTCOMES:
        if outcome in used:
            text.append("  " if text else "").append(GLYPHS[outcome], STYLES[outcome])
            text.append(f" {OUTCOME_WORDS[outcome]}", "dim")
    return text


# ------------------------------------------------------------------ the end of a run
def evidence(story: Story, width: int) -> Table:
    """Before and after, with bars where there is room; the tests that the model never saw apart."""
    table = Table.grid(padding=(0, 2))
    if story.finished is None:
        return table
    tally = story.finished.evidence
    pairs = [("before", tally.before), ("after", tally.after)]
    for name, counted in pairs:
        cells: list[RenderableType] = [Text(name, "dim")]
        if width >= 60:
            cells.append(_bar(counted))
        table.add_row(*cells, counts(counted))
    return table


def _bar(tally: dict[str, int], cells: int = 20) -> Text:
    whole = sum(tally.values())
    good = tally.get("passed", 0) * cells // whole if whole else 0
    return Text("█" * good, "green").append("░" * (cells - good), "red" if whole else "dim")


def summary(story: Story, width: int, prices: Prices | None) -> list[RenderableType]:
    """The permanent end of a run: the change, the table, the evidence and the verdict."""
    outcome = verdict(story)
    parts: list[RenderableType] = []
    if story.diff:
        parts += [diff_text(story.diff), Text()]
    if story.rows:
        parts += [matrix(story, width, max_rows=12), legend(story), Text()]
    if story.finished and story.finished.evidence.after:
        parts += [evidence(story, width), Text()]
    parts.append(
        Text(f"{outcome.head}: ", TONES[outcome.tone]).append(clean(outcome.text), "not bold default")
    )
    if extra := held_back(story):
        parts.append(Text("Held back: ", "bold").append(extra, "not bold"))
    parts += failures(story)
    if end := story.finished:
        parts += [Text(seconds_words(end), "dim"), Text(usage_words(end.calls, end.tokens, prices), "dim")]
    return parts


def failures(story: Story, limit: int = 5) -> list[RenderableType]:
    """The tests that the best draft (or the code as it stands) still fails, one line each."""
    row = story.best_draft or story.drafts.get(BASELINE)
    if row is None or not row.faults:
        return []
    lines = [Text(f"Still failing with {'draft ' + str(row.number) if row.number else 'the code as it is'}:")]
    for fault in row.faults[:limit]:
        line = Text(f"  {GLYPHS[fault.outcome]} ", STYLES[fault.outcome])
        lines.append(
            line.append(clean(fault.id), "default not bold").append(f"  {clean(fault.message)}", "dim")
        )
    if more := len(row.faults) - limit:
        lines += [Text(f"  … {more} more", "dim")] if more > 0 else []
    return list(lines)


def print_parts(console: Console, parts: Iterable[RenderableType]) -> None:
    """Print one part after the other; if the reader is gone, end the program quietly."""
    try:
        for part in parts:
            # Code is wrapped by the terminal and not by us, so that it is copied as it was written.
            code = isinstance(part, Text) and bool(part.no_wrap)
            console.print(part, soft_wrap=code)
    except BrokenPipeError:
        reader_gone(console.file)
