"""Two reports of the same tests, outcome by outcome. Decides, does no I/O."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from flowmill.shapes import RunEnd, TestResult

Outcomes = Mapping[str, tuple[str, str]]
"""Per test id what came out, and one line that says more."""
COLLECTION = "<collection>"
"""Stands for all that could not be collected: pytest then runs nothing."""
RUN = "<run>"
_TIMEOUT = re.compile(r"(Failed: )?Timeout \(?>? ?[\d.]+ ?s")


@dataclass(frozen=True, slots=True)
class Difference:
    test: str
    cold: str
    ours: str
    cold_message: str
    our_message: str


@dataclass(frozen=True, slots=True)
class Compared:
    """One draft of one case by one path, against plain pytest. `taken` is the path that it went in fact."""

    case: str
    state: str
    path: str
    taken: str = ""
    slower: str = ""
    doubt: str = ""
    tests: int = 0
    differences: tuple[Difference, ...] = ()
    flickering: tuple[str, ...] = ()
    """Tests whose outcome differs from one plain run to the next; they are not among the differences."""
    broken: str = ""
    """Why nothing could be compared."""
    seconds: float = 0.0
    cold_seconds: float = 0.0
    setup: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def key(self) -> tuple[str, str, str]:
        return self.case, self.state, self.path

    def as_json(self) -> dict[str, object]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Compared:
        differences = tuple(Difference(**each) for each in data.pop("differences"))
        return cls(differences=differences, flickering=tuple(data.pop("flickering")), **data)


def of_pytest(tests: Mapping[str, Sequence[Sequence[str]]], broken: Mapping[str, str]) -> Outcomes:
    """What plain pytest reported, in our words: one outcome per test, as its last lines count them."""
    found = {test: _merged(phases) for test, phases in tests.items()}
    if broken:
        found[COLLECTION] = ("error", "; ".join(f"{place}: {why}" for place, why in broken.items()))
    return found


def of_runner(results: Mapping[str, TestResult], end: RunEnd) -> Outcomes:
    found = {test: (str(result.outcome), result.message) for test, result in results.items()}
    if end.problem == "collection":
        found[COLLECTION] = ("error", end.detail)
    elif end.problem:
        found[RUN] = (end.problem, end.detail)
    return found


def differences(cold: Outcomes, ours: Outcomes) -> tuple[Difference, ...]:
    """Every test that one of the two reported and the other did not, or not so."""
    silent = ("not reported", "")
    return tuple(
        Difference(test, there[0], here[0], there[1], here[1])
        for test in dict.fromkeys([*cold, *ours])
        if (there := cold.get(test, silent))[0] != (here := ours.get(test, silent))[0]
    )


def flickering(runs: Sequence[Outcomes]) -> frozenset[str]:
    """The tests that did not come out the same in all of the runs."""
    tests = {test for run in runs for test in run}
    return frozenset(test for test in tests if len({run.get(test, ("",))[0] for run in runs}) > 1)


def without(found: Collection[Difference], tests: Collection[str]) -> tuple[Difference, ...]:
    return tuple(each for each in found if each.test not in tests)


def _merged(phases: Sequence[Sequence[str]]) -> tuple[str, str]:
    """A failed call outweighs an error beside it, either outweighs a skip, and that outweighs a pass."""
    bad = [phase for phase in phases if phase[1] == "failed"]
    for when, _, _, message in sorted(bad, key=lambda phase: phase[0] != "call"):
        if _TIMEOUT.match(message):
            return "timeout", message
        return ("failed" if when == "call" else "error"), message
    skipped = [phase for phase in phases if phase[1] == "skipped"]
    called = any(phase[0] == "call" and phase[1] == "passed" for phase in phases)
    if skipped and not called:
        return "skipped", skipped[0][3]
    return ("passed" if called else "error"), ""
