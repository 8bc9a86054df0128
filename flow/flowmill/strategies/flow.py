"""The flow: diverse starts chosen by execution, then repair of the best beside fresh starts.

Small models get many cheap entry points and no prose; larger ones reflect and plan
first, which is a property of the model's profile and not another flow.
"""

from __future__ import annotations

import random
import re
import textwrap
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Literal

from flowmill.context.shapes import told_once
from flowmill.engine.board import Board
from flowmill.engine.desk import Desk, Reply
from flowmill.engine.feedback import MAX_CHARS, MAX_SMALL, failing_case, failing_visible, short_id
from flowmill.engine.holding import function_of
from flowmill.engine.infill import infill_prompt
from flowmill.engine.mend import SCAFFOLDS
from flowmill.engine.prompting import header_prefill, prompt_for
from flowmill.engine.verdict import Verdict, score
from flowmill.shapes import Candidate, Prompt, TestResult

IDEAS = 3
SETTLE_SECONDS = 1.0
"""For how long verdicts are waited for where answers cost nothing, after the search has let the tests run alone."""
ALONE = 10.0
"""Seconds in which two cores write 130 tokens, which most functions have less than: one that talks on must not
hold up the others."""
WARMER, WARMEST = 0.1, 1.2
SHORT_TEST = 400
"""Characters up to which a test is shown again."""
STEPS, FAULT, MIND = SCAFFOLDS
STARTS = ("if", "for", "result =", "try:", "return")
"""First words of bodies, by how often bodies of more than a line begin so."""
RESUMED = 3
"""How many of the best drafts are gone on from."""
MIND_CHARS = 160
"""Of what a test said, as much as a comment takes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One way into the problem: from where the model begins its answer, and how freely."""

    name: str
    begin: Literal["header", "steps", "fault", "given", "free", "hole"]
    warm: bool
    focus: bool = False


# What a small model does best with: answers that it begins as it likes, or that think of one test, cost
# two to four times as much each, and came out right a third as often.
WRITE: tuple[Entry, ...] = (
    Entry("continue the body", "header", warm=False),
    Entry("continue the body", "header", warm=True),
    Entry("steps first", "steps", warm=True),
    Entry("continue the body", "header", warm=True),
)
WRITE_AND_FILL: tuple[Entry, ...] = (
    Entry("continue the body", "header", warm=False),
    Entry("fill the hole", "hole", warm=False),
    Entry("fill the hole", "hole", warm=True),
    Entry("steps first", "steps", warm=True),
)
MINDING = Entry("mind a failure", "given", warm=True)
RESUMING = Entry("go on from a draft", "given", warm=True)
WRITE_WITH_A_PLAN: tuple[Entry, ...] = (
    Entry("continue the body", "header", warm=False),
    Entry("a test first", "header", warm=True, focus=True),
    Entry("steps first", "steps", warm=True),
    Entry("free answer", "free", warm=True),
)
# A small model that may begin as it likes copies the faulty body, docstring and all: 15 seconds for nothing.
REPAIR: tuple[Entry, ...] = (
    Entry("continue the body", "header", warm=False),
    Entry("name the fault first", "fault", warm=True),
    Entry("continue the body", "header", warm=True),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a large model thought before writing; empty for a small one."""

    reflection: str = ""
    ideas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to the model, and which draft it is to mend."""

    prompt: Prompt
    idea: str
    parent: int | None = None


class Flow:
    """Reflect if the model can, start in several ways, then mend the best and start afresh in turn."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._task = desk.task
        self._starts = list(STARTS)

    async def candidates(self, board: Board) -> AsyncGenerator[Sequence[Candidate], None]:
        """The first answer comes alone, as the one that is right most often, unless it is long in coming.

        The others come as many at once as pays.
        """
        plan = await self._plan(board) if self._task.profile.reflects else Plan()
        asked, width = 0, self._task.profile.width
        while True:
            if asked >= len(self._entries()):
                await board.settled(SETTLE_SECONDS if width > 1 else None)
            asks = [self._ask(board, plan, n) for n in range(asked, asked + width)]
            prompts = [ask.prompt for ask in asks]
            async with aclosing(self._desk.ask_together(prompts, alone=0.0 if asked else ALONE)) as replies:
                async for place, reply in replies:
                    asked += 1
                    yield self._drafts(asks[place], reply)

    def _drafts(self, ask: Ask, reply: Reply | None) -> list[Candidate]:
        """The reply's, if there is one and it is usable."""
        draft = self._desk.candidate(reply, idea=ask.idea, parent=ask.parent) if reply is not None else None
        return [draft] if draft is not None else []

    async def _plan(self, board: Board) -> Plan:
        with self._desk.emitter.stage("reflect"):
            failure = failing_case(board.baseline, board.suite, self._task.unseen_sources)
            prompt = prompt_for(
                self._task,
                "reflect",
                {"failure": failure if self._task.mode == "repair" else ""},
                prose=True,
            )
            reflection = (await self._desk.ask(prompt, draft=False)).text.strip()
        with self._desk.emitter.stage("ideas"):
            repair = self._task.mode == "repair"
            prompt = prompt_for(
                self._task, "ideas", {"reflection": reflection, "count": IDEAS, "repair": repair}, prose=True
            )
            ideas = numbered((await self._desk.ask(prompt, draft=False)).text)
        return Plan(reflection, ideas[:IDEAS])

    def _entries(self) -> Sequence[Entry]:
        if self._task.mode == "repair":
            return REPAIR
        if self._task.profile.reflects:
            return WRITE_WITH_A_PLAN
        return WRITE_AND_FILL if self._task.profile.fills else WRITE

    def _mends(self, board: Board, tried: int) -> bool:
        """Whether the next answer is to mend the best draft.

        Feedback is worth little to a small model and a fresh start more: a large one mends two times of
        three, a small one every third time where a body was given, and never what it began itself (none
        of 82 such answers was right): those drafts are changed without it.
        """
        if not board.best.number:
            return False
        if self._task.profile.reflects:
            return tried % 3 < 2
        return tried % 3 == 0 and self._task.mode == "repair"

    def _news(self, board: Board) -> str:
        """A test that the best draft fails, if all such tests are ones that the prompts do not have; else ""."""
        known = {function_of(test.id) for test in self._task.context.tests}
        failing = failing_visible(board.best, board.suite) if board.best.number else ()
        if any(function_of(result.id) in known for result in failing):
            return ""
        unseen = self._task.unseen_sources
        return next((unseen[result.id] for result in failing if result.id in unseen), "")

    def _ask(self, board: Board, plan: Plan, n: int) -> Ask:
        """The n-th question: each way in once, then mend the best draft or start afresh."""
        entries = self._entries()
        if n < len(entries):
            return self._start(board, plan, entries[n], n)
        tried = n - len(entries)
        # Asked once more without any warmth, the model would say the same again.
        entry = replace(entries[1 + tried % (len(entries) - 1)], warm=True)
        if self._mends(board, tried):
            best = board.best
            return Ask(self._repair(board, plan, best, REPAIR[1 + tried % 2]), entry.name, best.number)
        if self._task.mode == "repair":
            return Ask(self._repair(board, plan, board.baseline, entry), entry.name)
        if tried % 3 == 0 and (news := self._news(board)):
            told = WRITE[1] if entry.begin == "hole" else entry
            return Ask(self._write(plan, told, tried, news=news), told.name)
        begins = self._task.profile.prefills and not self._task.profile.reflects
        if begins and (begun := self._begun(board, tried)):
            return begun
        start = self._unlike(board) if entry.begin == "hole" and tried % 2 else ""
        return Ask(self._write(plan, entry, tried, begun=start), entry.name)

    def _begun(self, board: Board, tried: int) -> Ask | None:
        """A question whose answer is begun for a small model by what its drafts have shown, two times of four.

        Once by a comment on what the best one ran into, once by the first lines of a good one.
        """
        if tried % 4 == 1 and (failure := _said(board, tried // 4)):
            return Ask(self._write(Plan(), MINDING, tried, begun=f"{MIND} {failure}"), MINDING.name)
        good = _best_of_model(board) if tried % 4 == 2 else []
        if not good:
            return None
        dice = random.Random(f"{self._task.seed} {tried}")
        draft = dice.choice(good)
        lines = _lines(draft)
        begun = "\n".join(lines[: dice.randrange(1, len(lines))])
        return Ask(self._write(Plan(), RESUMING, tried, begun=begun), RESUMING.name, draft.number)

    def _unlike(self, board: Board) -> str:
        """A beginning that was not given out and none of the model's drafts has; "" if there is none left.

        Asked again, it fills a hole with the same too often.
        """
        candidates = [verdict.candidate for verdict in board.verdicts]
        bodies = [c.draft.body for c in candidates if c is not None and c.origin == "model"]
        self._starts = [s for s in self._starts if not any(body.startswith(s) for body in bodies)]
        return self._starts.pop(0) if self._starts else ""

    def _start(self, board: Board, plan: Plan, entry: Entry, place: int) -> Ask:
        idea = plan.ideas[place % len(plan.ideas)] if plan.ideas else ""
        if self._task.mode == "generate":
            prompt = self._write(plan, entry, place, idea=idea)
        else:
            prompt = self._repair(board, plan, board.baseline, entry)
        return Ask(prompt, idea or entry.name)

    def _write(
        self, plan: Plan, entry: Entry, place: int, *, idea: str = "", news: str = "", begun: str = ""
    ) -> Prompt:
        marks = self._task.profile.fills
        if entry.begin == "hole" and marks is not None:
            return infill_prompt(self._task, marks, begun=begun, temperature=self._temperature(entry))
        return prompt_for(
            self._task,
            "write",
            {
                "plan": plan.reflection,
                "idea": idea,
                "focus": _fenced(news) or (self._focus(place) if entry.focus else ""),
            },
            prefill=self._prefill(entry, begun),
            temperature=self._temperature(entry),
        )

    def _focus(self, place: int) -> str:
        """A test, again; of a long one the name, since reading it twice takes seconds."""
        tests = self._task.context.tests
        if not tests:
            return ""
        at = place % len(tests)
        text = told_once(tests)[at]
        return _fenced(text) if len(text) <= SHORT_TEST else f"`{short_id(tests[at].id)}`"

    def _repair(self, board: Board, plan: Plan, verdict: Verdict, entry: Entry) -> Prompt:
        attempt = textwrap.dedent(verdict.code).strip() if verdict.number else ""
        return prompt_for(
            self._task,
            "repair",
            {
                "plan": plan.reflection,
                "attempt": attempt,
                "failure": failing_case(
                    verdict,
                    board.suite,
                    self._task.unseen_sources,
                    size=MAX_SMALL if self._task.profile.prompt else MAX_CHARS,
                ),
            },
            prefill=self._prefill(entry),
            temperature=self._temperature(entry) if verdict.number == 0 else self._task.profile.temperature,
        )

    def _prefill(self, entry: Entry, begun: str = "") -> str:
        """What the answer begins with; `begun` are lines of the body."""
        if entry.begin == "given":
            return header_prefill(self._task, begun) + "\n"
        if entry.begin == "header":
            return header_prefill(self._task)
        if entry.begin == "steps":
            return header_prefill(self._task, f"{STEPS}\n# 1.")
        if entry.begin == "fault":
            return header_prefill(self._task, FAULT)
        return ""

    def _temperature(self, entry: Entry) -> float:
        """Warmer the longer nothing new has come."""
        if not entry.warm:
            return 0.0
        return min(self._task.profile.temperature + WARMER * self._desk.stale, WARMEST)


def _best_of_model(board: Board) -> list[Verdict]:
    """The best drafts that the model wrote, of several lines and with nothing outside of the body."""
    drafts = [v for v in board.verdicts if v.candidate is not None and v.candidate.origin == "model"]
    fit = [v for v in drafts if not v.refused and _can_be_cut(v)]
    return sorted(fit, key=lambda v: score(v, board.suite), reverse=True)[:RESUMED]


def _can_be_cut(verdict: Verdict) -> bool:
    draft = verdict.candidate.draft if verdict.candidate is not None else None
    if draft is None or draft.imports or draft.helpers or draft.methods:
        return False
    spans_lines = '"""' in draft.body or "'''" in draft.body
    return len(_lines(verdict)) > 1 and not spans_lines


def _lines(verdict: Verdict) -> list[str]:
    """Of the draft's body."""
    return verdict.candidate.draft.body.strip("\n").split("\n") if verdict.candidate is not None else []


def _said(board: Board, place: int) -> str:
    """What is to be minded, by one of the best draft's failures, in one line; each time another one.

    A plain failed comparison says nothing in so few words: the model would talk about it instead of writing.
    """
    if not board.best.number:
        return ""
    failures = failing_visible(board.best, board.suite)
    said = dict.fromkeys(words for result in failures if (words := _minded(result)))
    return list(said)[place % len(said)][:MIND_CHARS] if said else ""


def _minded(result: TestResult) -> str:
    message = " ".join(result.message.split())
    if missing := re.search(r"DID NOT RAISE (?:<class ')?([\w.]+)|(\w+) not raised", message):
        when = short_id(result.id).partition("[")[0].removeprefix("test_").replace("_", " ")
        return f"raises {missing[1] or missing[2]} ({when})"
    if re.match(r"\w*Error: ", message) and not message.startswith("AssertionError"):
        return f"no {message}"
    return ""


def _fenced(code: str) -> str:
    return f"\n```python\n{code}\n```" if code else ""


def numbered(text: str) -> tuple[str, ...]:
    """The items of a numbered or bulleted list, each in one line."""
    items = re.findall(r"^\s*(?:\d+[.)]|[-*])\s+(.+)$", text, re.M)
    return tuple(item.strip().strip("*") for item in items)
