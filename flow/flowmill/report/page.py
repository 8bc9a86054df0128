"""One run as one self-contained page: no font, no image and no address outside it.

The page tells the whole story without a script. With one, the part of `assets/report.js`
that editors show too takes its place, from the same events.
"""

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

from flowmill.events import Json, Record, TestReported
from flowmill.report import bundle
from flowmill.report.axis import bars, drawing, unfinished
from flowmill.report.diffs import DiffLine, Side, diff_lines, side_text
from flowmill.report.story import BASELINE, DraftStory, Story, story_of
from flowmill.report.words import (
    OUTCOME_WORDS,
    PROOF,
    Prices,
    clean,
    clock,
    cost_words,
    draft_words,
    held_back,
    plural,
    score_words,
    target_words,
    verdict,
)

GLYPHS = {"passed": "✓", "failed": "✗", "error": "E", "timeout": "T", "crashed": "C", "skipped": "s"}
FEW, MOST = 30, 200
"""Of more tests than FEW only those that failed somewhere have a row, MOST of them."""


def render(
    records: list[Record],
    facts: Mapping[str, str],
    prices: Prices | None = None,
    base: Path | None = None,
) -> str:
    """The page, as text. `facts` stand at its end, paths are shown from `base`."""
    story = story_of(records)
    found = bars(story)
    target = target_words(story, base)
    return template("run.html.j2").render(
        story=story,
        facts=facts,
        target=target,
        mode=story.started.mode if story.started else "run",
        verdict=verdict(story),
        held_back=held_back(story),
        result=diff_html(story.diff),
        evidence=_evidence(story),
        cost=cost_words(story, prices),
        shown=_shown(story),
        places={test: place for place, test in enumerate(story.columns)},
        bars=found,
        axis=drawing(found, story.now),
        unfinished=unfinished(story),
        links=_links(story),
        proof=PROOF,
        policy=bundle.policy(scripts=True),
        style=bundle.style(),
        script=bundle.script(),
        data=bundle.data({"events": bundle.slim(records), "options": _options(target, facts, prices)}),
    )


def _options(target: str, facts: Mapping[str, str], prices: Prices | None) -> dict[str, Json]:
    """What the script is told besides the events."""
    dollars: Json = None
    if prices is not None:
        dollars = {"prompt": prices.prompt, "cached": prices.cached, "completion": prices.completion}
    return {"target": target, "facts": dict(facts), "prices": dollars}


def _links(story: Story) -> list[tuple[str, str]]:
    """The parts that the page has, as `id, name`."""
    drafts = bool(story.rows or unfinished(story))
    found = [("change", "The change", True), ("evidence", "Evidence", story.finished is not None)]
    found += [("cost", "Cost", True), ("matrix", "Drafts and tests", bool(story.rows))]
    found += [("time", "Time", bool(bars(story))), ("drafts", "Each draft", drafts)]
    found += [("notes", "Notes", bool(story.notes))]
    return [(name, words) for name, words, there in found if there]


def _evidence(story: Story) -> list[tuple[str, Mapping[str, int]]]:
    """The columns of the evidence: before, after, held back; those with a test in them."""
    end = story.finished
    if end is None:
        return []
    columns = (
        ("before", end.evidence.before),
        ("after", end.evidence.after),
        ("never shown to the model", end.evidence.held_back),
    )
    return [(name, tally) for name, tally in columns if tally]


@dataclass(frozen=True, slots=True)
class Shown:
    """The tests that have a row each, those that failed nowhere, and how many more there are."""

    rows: list[str]
    fine: list[str]
    left: int


def _shown(story: Story) -> Shown:
    columns = story.columns
    if len(columns) <= FEW:
        return Shown(columns, [], 0)
    bad = {fault.id for row in story.rows for fault in row.faults}
    rows = [test for test in columns if test in bad]
    return Shown(rows[:MOST], [test for test in columns if test not in bad], max(0, len(rows) - MOST))


# ------------------------------------------------------------------ the template
@lru_cache(maxsize=4)
def template(name: str) -> Template:
    """One of this package's pages, with our filters; what is not marked as markup is escaped."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    filters: dict[str, Any] = {"clean": clean, "clock": clock, "diff": _draft_diff, "cell": _cell}
    filters |= {"score": score_words, "origin": draft_words, "name": _test_name, "plural": plural}
    filters |= {"ended": _ended, "about": _about}
    names: dict[str, Any] = {"glyphs": GLYPHS, "words": OUTCOME_WORDS, "baseline": BASELINE}
    cast(dict[str, Any], environment.filters).update(filters)
    environment.globals |= names
    return environment.from_string(files("flowmill.report").joinpath(name).read_text("utf-8"))


def _draft_diff(draft: DraftStory) -> Markup:
    return diff_html(draft.made.diff if draft.made else "")


def _cell(draft: DraftStory, test_id: str) -> TestReported | None:
    return draft.results.get(test_id)


def _about(story: Story, draft: DraftStory) -> list[str]:
    """The notes that are about that draft: why it is not run, or could not be confirmed."""
    return [note.text for note in story.notes if note.text.startswith(f"draft {draft.number} ")]


def _test_name(test_id: str) -> str:
    """A node id without its folders: the whole of it is in the cell's title."""
    return test_id.rpartition("/")[2]


def _ended(evidence: list[tuple[str, Mapping[str, int]]], outcome: str) -> bool:
    """Whether any test ended so."""
    return any(tally.get(outcome) for _, tally in evidence)


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
