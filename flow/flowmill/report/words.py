"""What a run amounts to, in words that a stranger understands. Pure functions of its story."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flowmill.events import Json, RunFinished
from flowmill.report.story import BASELINE, DraftStory, Story
from flowmill.shapes import ModelProfile, Outcome, Usage

Tone = Literal["good", "middling", "bad"]
OUTCOMES: tuple[Outcome, ...] = ("passed", "failed", "error", "timeout", "crashed", "skipped")
OUTCOME_WORDS: dict[Outcome, str] = {
    "passed": "passed",
    "failed": "failed",
    "error": "error",
    "timeout": "timed out",
    "crashed": "crashed",
    "skipped": "skipped",
}
PROOF = "Passing tests are evidence, not proof."
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """Text from a model or a test, harmless to a terminal.

    Control characters, lone surrogates and marks that reorder a line are shown as
    escapes instead of being obeyed.
    """
    return _UNSEEN.sub(_escape, text.replace("\r\n", "\n"))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollars per million tokens."""

    prompt: float
    cached: float
    completion: float

    def cost(self, usage: Usage) -> float:
        fresh = usage.prompt - usage.cached
        return (fresh * self.prompt + usage.cached * self.cached + usage.completion * self.completion) / 1e6


def prices_of(profile: ModelProfile | None) -> Prices | None:
    """The profile's prices; None unless both directions are known."""
    if profile is None or profile.price_prompt is None or profile.price_completion is None:
        return None
    cached = profile.price_prompt if profile.price_cached is None else profile.price_cached
    return Prices(profile.price_prompt, cached, profile.price_completion)


def prices_from(options: Mapping[str, Json]) -> Prices | None:
    """Prices as a run's recorded options hold them: `{"prices": {"prompt", "cached", "completion"}}`."""
    value = options.get("prices")
    if not isinstance(value, dict):
        return None
    prompt, cached, completion = (value.get(k) for k in ("prompt", "cached", "completion"))
    if not isinstance(prompt, (int, float)) or not isinstance(completion, (int, float)):
        return None
    return Prices(prompt, cached if isinstance(cached, (int, float)) else prompt, completion)


# ------------------------------------------------------------------ small words
def plural(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %"


def clock(seconds: float) -> str:
    """Seconds as people read them: 0.4 s, 12 s, 2 min 05 s."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def counts(tally: Mapping[str, int]) -> str:
    """`3 passed, 9 failed`; "no test ran" if there are none."""
    parts = [f"{tally[o]} {OUTCOME_WORDS[o]}" for o in OUTCOMES if tally.get(o)]
    return ", ".join(parts) or "no test ran"


def short_path(file: Path, base: Path | None = None) -> str:
    """The path as the user would type it from `base`, else from the working directory."""
    for root in (base, Path.cwd()):
        if root and file.is_relative_to(root):
            return file.relative_to(root).as_posix()
    return str(file)


def target_words(story: Story, base: Path | None = None) -> str:
    """`FILE::QUALNAME`."""
    if story.started is None:
        return story.run
    return f"{short_path(story.started.target.file, base)}::{story.started.target.qualname}"


def draft_words(draft: DraftStory) -> str:
    """Where a draft comes from: `model`, `model, from 2`, `mutation`."""
    if draft.number == BASELINE:
        return ""
    if draft.made is None:
        return "model"
    parent = draft.made.parent
    return (
        draft.made.origin if parent is None or parent == BASELINE else f"{draft.made.origin}, from {parent}"
    )


def score_words(draft: DraftStory) -> str:
    """`4/12` as the run scored it, else as far as its tests have run."""
    if draft.scored is not None:
        whole = draft.scored.passed + draft.scored.failed
        return f"{draft.scored.passed}/{whole}" if whole else "-"
    return f"{draft.count('passed')}/{len(draft.results)}" if draft.results else ""


# ------------------------------------------------------------------ the verdict
@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out: `head` in a word or two, `text` the sentence after it."""

    head: str
    text: str
    tone: Tone


def verdict(story: Story) -> Verdict:
    """What a finished or broken-off run amounts to."""
    end = story.finished
    if end is None:
        return Verdict("Stopped", _so_far(story), "middling")
    if end.status == "verified":
        return Verdict("Verified", _verified(story, end), "good")
    if end.status == "improved":
        return Verdict("Better, but not verified", _improved(end), "middling")
    if end.status == "unchanged":
        return Verdict("Unchanged", _unchanged(end), "middling")
    if end.status == "cancelled":
        return Verdict("Cancelled", _so_far(story), "middling")
    return Verdict("Not solved", _failed(end), "bad")


def _which(story: Story, number: int) -> str:
    name = story.started.target.qualname if story.started else "the function"
    tests, reach = ("test", "reaches") if number == 1 else ("tests", "reach")
    lead = {"given": f"given {tests}", "all": f"{tests} of the project"}
    return lead.get(story.how or "", f"{tests} that {reach} `{name}`")


def _not_fine(tally: Mapping[str, int]) -> int:
    return sum(tally.values()) - tally.get("passed", 0) - tally.get("skipped", 0)


def _verified(story: Story, end: RunFinished) -> str:
    passing, skipped = end.evidence.after.get("passed", 0), end.evidence.after.get("skipped", 0)
    subject = (
        f"the {_which(story, 1)} passes" if passing == 1 else f"all {passing} {_which(story, passing)} pass"
    )
    bad = _not_fine(end.evidence.before)
    before = f"; before, {bad} did not" if bad else ""
    aside = f" ({plural(skipped, 'test')} skipped)" if skipped else ""
    return f"{subject}{before}{aside}. {PROOF}"


def _improved(end: RunFinished) -> str:
    after, before = end.evidence.after, end.evidence.before
    if not after:
        return (
            "no test runs this function, so nothing shows that the draft is right. Read it before you use it."
        )
    if not _not_fine(after):
        return f"{counts(after)}, but no test that failed before shows the change is right. Read it before you use it."
    was = before.get("passed", 0)
    return f"{after.get('passed', 0)} of {sum(after.values())} tests pass; before, {was} did."


def _unchanged(end: RunFinished) -> str:
    before = end.evidence.before
    if before and not _not_fine(before):
        return f"nothing fails here ({counts(before)})."
    state = f" ({counts(before)})" if before else ""
    return f"no draft did better than the code as it stands{state}."


def _failed(end: RunFinished) -> str:
    tally = end.evidence.after or end.evidence.before
    if not tally:
        return "no draft could be judged by a test."
    return (
        f"the best that was found: {counts(tally)}. The limits are raised by --max-seconds and --max-calls."
    )


def _so_far(story: Story) -> str:
    best = story.best_draft
    if best is None:
        return "there is no draft better than the code as it stands."
    return f"the best draft so far is number {best.number}; {score_words(best)} tests pass with it."


def held_back(story: Story) -> str:
    """The evidence on tests that the model never saw, or nothing to say."""
    tally = story.finished.evidence.held_back if story.finished else {}
    if not tally:
        return ""
    whole = sum(tally.values())
    return f"tests the model never saw: {tally.get('passed', 0)}/{whole} passed"


def files_words(story: Story) -> str:
    """What happened to the user's files if nothing was written, and how to change that."""
    end = story.finished
    if end is None or not end.diff:
        return "Nothing written."
    if end.status == "verified":
        return "Nothing written; use --apply to write it."
    if end.status == "cancelled":
        return "Nothing written."
    return "Nothing written; --apply --allow-unverified would write it all the same."


def usage_words(calls: int, usage: Usage, prices: Prices | None) -> str:
    """`7 calls · 12,345 tokens in (81 % cached), 1,020 out · $0.0123`."""
    cached = f" ({percent(usage.cached, usage.prompt)} cached)" if usage.prompt and usage.cached else ""
    words = f"{plural(calls, 'call')} · {usage.prompt:,} tokens in{cached}, {usage.completion:,} out"
    return f"{words} · ${prices.cost(usage):.4f}" if prices else words


def cost_words(story: Story, prices: Prices | None) -> list[tuple[str, str]]:
    """What the run cost, as pairs of a name and its words."""
    end = story.finished
    if end is None:
        return [("Time", clock(story.now))]
    usage = end.tokens
    cached = f" ({percent(usage.cached, usage.prompt)} cached)" if usage.prompt and usage.cached else ""
    tokens = f"{usage.prompt:,} in{cached}, {usage.completion:,} out"
    found = [("Time", seconds_words(end)), ("Model calls", f"{end.calls:,}"), ("Tokens", tokens)]
    return [*found, ("Price", f"${prices.cost(usage):.4f}")] if prices else found


def seconds_words(end: RunFinished) -> str:
    """`18.2 s: model 12.0, tests 5.1, the rest 1.1`."""
    s = end.seconds
    return f"{clock(s.total)}: model {s.model:.1f} s, tests {s.tests:.1f} s, overhead {s.overhead:.1f} s"


def answer_code(text: str) -> str:
    """The code in an answer that may still be arriving: what the open or first fence holds, else all."""
    start = text.find("```")
    if start < 0:
        return text
    line_end = text.find("\n", start)
    if line_end < 0:
        return ""
    stop = text.find("```", line_end)
    return text[line_end + 1 : stop if stop >= 0 else None]
