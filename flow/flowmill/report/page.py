"""One run as one self-contained page: no script, no font and no address outside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers.python import PythonLexer

from flowmill.events import TestReported
from flowmill.report.diffs import DiffLine, Side, diff_lines, side_text
from flowmill.report.story import BASELINE, DraftStory, Story
from flowmill.report.words import (
    OUTCOME_WORDS,
    Prices,
    clean,
    clock,
    counts,
    draft_words,
    held_back,
    score_words,
    seconds_words,
    target_words,
    usage_words,
    verdict,
)

GLYPHS = {"passed": "✓", "failed": "✗", "error": "E", "timeout": "T", "crashed": "C", "skipped": "s"}
AXIS = 640.0
LABEL = 150.0
ROW = 22


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the time axis, in the drawing's units."""

    label: str
    kind: str
    x: float
    width: float
    y: int
    words: str


def render(
    story: Story, facts: Mapping[str, str], prices: Prices | None = None, base: Path | None = None
) -> str:
    """The page, as text. `facts` go into the table at its head, paths are shown from `base`."""
    bars = _bars(story)
    end = story.finished
    return _template().render(
        story=story,
        end=end,
        facts=facts,
        target=target_words(story, base),
        mode=story.started.mode if story.started else "run",
        verdict=verdict(story),
        held_back=held_back(story),
        before=counts(end.evidence.before) if end and end.evidence.before else "",
        after=counts(end.evidence.after) if end and end.evidence.after else "",
        seconds=seconds_words(end) if end else clock(story.now),
        usage=usage_words(end.calls, end.tokens, prices) if end else "",
        result=diff_html(story.diff),
        bars=bars,
        ticks=_ticks(story.now),
        axis=AXIS,
        label=LABEL,
        height=(bars[-1].y + ROW if bars else 0) + ROW,
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    filters: dict[str, Any] = {"clean": clean, "diff": _draft_diff, "cell": _cell, "score": score_words}
    filters |= {"origin": draft_words, "name": _test_name}
    names: dict[str, Any] = {"glyphs": GLYPHS, "words": OUTCOME_WORDS, "baseline": BASELINE}
    cast(dict[str, Any], environment.filters).update(filters)
    environment.globals |= names
    return environment.from_string(files("flowmill.report").joinpath("run.html.j2").read_text("utf-8"))


def _draft_diff(draft: DraftStory) -> Markup:
    return diff_html(draft.made.diff if draft.made else "")


def _cell(draft: DraftStory, test_id: str) -> TestReported | None:
    return draft.results.get(test_id)


def _test_name(test_id: str) -> str:
    """A node id without its folders: the whole of it is in the cell's title."""
    return test_id.rpartition("/")[2]


# ------------------------------------------------------------------ diffs
def diff_html(diff: str) -> Markup:
    """A unified diff as rows of a `pre`, both sides in Python's colours."""
    lines = diff_lines(clean(diff))
    new, old = _highlighted(side_text(lines, "new")), _highlighted(side_text(lines, "old"))
    html = Markup()
    at_new = at_old = 0
    for line in lines:
        code = new[at_new] if line.side in ("same", "new") else old[at_old] if line.side == "old" else None
        html += _line_html(line, code)
        at_new += line.side in ("same", "new")
        at_old += line.side in ("same", "old")
    return html


def _line_html(line: DiffLine, code: Markup | None) -> Markup:
    tags: dict[Side, str] = {"new": "ins", "old": "del"}
    tag = tags.get(line.side, "span")
    body = Markup.escape(line.text) if code is None else code
    return Markup("<{0} class='l {1}'>{2}{3}</{0}>\n").format(tag, line.side, line.mark, body)


def _highlighted(code: str) -> list[Markup]:
    lexer = PythonLexer(stripnl=False)
    formatter: HtmlFormatter[str] = HtmlFormatter(nowrap=True)
    html = highlight(code, lexer, formatter)
    lines = [Markup(line) for line in html.split("\n")]
    return lines + [Markup()] * (code.count("\n") + 1 - len(lines))


# ------------------------------------------------------------------ the time axis
def _bars(story: Story) -> list[Bar]:
    spans = [(s.name, "stage", s.started, story.now if s.ended is None else s.ended) for s in story.stages]
    for draft in story.rows:
        if draft.number == BASELINE:
            continue
        written = draft.last if draft.made_at is None else draft.made_at
        name = f"draft {draft.number}"
        spans.append((name, "model" if draft.pieces else "made", draft.first, written))
        if draft.results:
            spans.append((f"{name}, tests", "tests", written, draft.last))
    scale = AXIS / max(story.now, 0.001)
    return [
        Bar(
            clean(name),
            kind,
            LABEL + start * scale,
            max(2.0, (end - start) * scale),
            place * ROW,
            f"{clean(name)}: from {clock(start)} to {clock(end)}",
        )
        for place, (name, kind, start, end) in enumerate(sorted(spans, key=lambda span: span[2]))
    ]


def _ticks(seconds: float) -> list[tuple[float, str]]:
    """About six round moments on the axis."""
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
    step = next((s for s in steps if seconds / s <= 6), 7200.0)
    count = int(seconds / step) + 1
    return [(LABEL + i * step * AXIS / max(seconds, 0.001), f"{i * step:g} s") for i in range(count)]
