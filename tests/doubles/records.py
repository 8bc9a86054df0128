"""Runs told in full, for tests of whatever shows, keeps or reports them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from flowmill.events import (
    DraftDelta,
    DraftMade,
    DraftScored,
    Event,
    Evidence,
    Note,
    Record,
    RunFinished,
    RunStarted,
    Seconds,
    Stage,
    TestReported,
    TestsSelected,
)
from flowmill.shapes import Budget, Mode, Origin, Outcome, Status, Target, TestRef, Usage

FILE = Path("/home/ada/boltons/boltons/iterutils.py")
BEFORE = '''def chunked(src, size, count=None):
    """Returns a list of *count* chunks, each with *size* elements."""
    result = []
    for i in range(0, len(src), size):
        result.append(src[i:size])
    return result
'''
WORSE = BEFORE.replace("src[i:size]", "list(src)[i : i + size - 1]")
AFTER = '''def chunked(src, size, count=None):
    """Returns a list of *count* chunks, each with *size* elements."""
    src = list(src)
    chunks = [src[i : i + size] for i in range(0, len(src), size)]
    # A count of None means all of them.
    return chunks if count is None else chunks[:count]
'''
TESTS = tuple(f"tests/test_iterutils.py::test_chunked_{name}" for name in ("basic", "count", "empty", "text"))
OUTCOMES: dict[str, Outcome] = {
    "p": "passed",
    "f": "failed",
    "e": "error",
    "t": "timeout",
    "c": "crashed",
    "s": "skipped",
}


def diff_of(after: str, before: str = BEFORE, name: str = "boltons/iterutils.py") -> str:
    """The unified diff from one text to another."""
    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), f"a/{name}", f"b/{name}")
    return "".join(lines)


class RunTale:
    """Writes a run event by event; every method advances the clock and returns the tale itself."""

    def __init__(self, run: str = "r0fabricat", tests: Iterable[str] = TESTS) -> None:
        self.run = run
        self.tests = tuple(tests)
        self.records: list[Record] = []
        self.now = 0.0

    def tell(self, event: Event, after: float = 0.1) -> RunTale:
        self.now = round(self.now + after, 4)
        self.records.append(Record(self.run, len(self.records), self.now, event))
        return self

    def start(self, mode: Mode = "repair", file: Path = FILE, qualname: str = "chunked") -> RunTale:
        target = Target(file, qualname, 40, 45)
        self.tell(RunStarted(mode, target, "qwen2.5-coder-1.5b", "flow", Budget()), 0.0)
        return self.tell(TestsSelected(tuple(TestRef(i) for i in self.tests), "coverage"))

    def stage(self, name: str, state: Literal["started", "finished"], seconds: float = 0.0) -> RunTale:
        return self.tell(Stage(name, state, seconds))

    def stream(self, draft: int, text: str, size: int = 24) -> RunTale:
        for start in range(0, len(text), size):
            self.tell(DraftDelta(draft, text[start : start + size]), 0.05)
        return self

    def draft(self, draft: int, code: str, parent: int | None = None, origin: Origin = "model") -> RunTale:
        return self.tell(DraftMade(draft, origin, parent, code, diff_of(code)))

    def outcomes(self, draft: int, letters: str) -> RunTale:
        """One letter a test, see OUTCOMES."""
        for test_id, letter in zip(self.tests, letters, strict=False):
            bad = letter not in "ps"
            message = "AssertionError: assert [[1], []] == [[1, 2], [3]]" if bad else ""
            details = f"def {test_id.rpartition('::')[2]}():\n>   assert 0\nE   assert 0" if bad else ""
            self.tell(TestReported(draft, test_id, OUTCOMES[letter], 0.01, message, details), 0.02)
        return self

    def scored(self, draft: int, letters: str, best: bool) -> RunTale:
        passed = letters.count("p")
        return self.tell(DraftScored(draft, passed, len(letters) - passed, best))

    def note(self, text: str, level: Literal["info", "warning"] = "info") -> RunTale:
        return self.tell(Note(level, text))

    def finish(
        self, status: Status, best: int | None, diff: str, before: str, after: str, held_back: str = ""
    ) -> RunTale:
        evidence = Evidence(tally(before), tally(after), tally(held_back))
        seconds = Seconds(18.2, 12.0, 5.1, 1.1)
        return self.tell(RunFinished(status, best, diff, evidence, 7, Usage(12_345, 10_000, 1_020), seconds))


def tally(letters: str) -> dict[str, int]:
    """Counts per outcome of a string of letters."""
    return {OUTCOMES[x]: letters.count(x) for x in dict.fromkeys(letters)}


def until_streaming(run: str = "r0fabricat") -> RunTale:
    """A repair whose third draft is being written by the model."""
    tale = RunTale(run).start().stage("tests", "started").stage("tests", "finished", 0.8)
    tale.stage("baseline", "started").outcomes(0, "pffp").stage("baseline", "finished", 1.4)
    tale.note("2 of 4 tests fail on the code as it stands").stage("drafts", "started")
    tale.draft(1, WORSE, origin="mutation").outcomes(1, "pfep").scored(1, "pffp", best=False)
    tale.stream(2, "Here is the function:\n```python\n" + WORSE + "```\n")
    tale.draft(2, WORSE).outcomes(2, "pppt").scored(2, "pppf", best=True)
    return tale.stream(3, "```python\n" + AFTER[:170])


def repaired(run: str = "r0fabricat") -> RunTale:
    """A repair from its first event to its verified end."""
    tale = until_streaming(run).stream(3, AFTER[170:] + "```\n").draft(3, AFTER, parent=2)
    tale.outcomes(3, "pppp").scored(3, "pppp", best=True).stage("drafts", "finished", 9.0)
    tale.stage("confirm", "started").stage("confirm", "finished", 2.1)
    return tale.finish("verified", 3, diff_of(AFTER), "pffp", "pppp", "pp")
