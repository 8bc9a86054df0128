"""After a file was saved: run the tests that it may have broken, and name the functions at fault."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

from flowmill.engine.affected_choice import AffectedSpec, Choice, choose
from flowmill.engine.blame import Blamed, Clues, blame
from flowmill.engine.mapping import learn
from flowmill.project.function_map import FunctionMap
from flowmill.project.function_map_lesson import plain
from flowmill.project.given import files_of
from flowmill.project.source import Sources
from flowmill.protocols import Runner
from flowmill.shapes import FINE, Collected, RunEnd, TestLimits, TestOrder, TestResult

__all__ = ["AffectedReport", "AffectedSpec", "Blamed", "affected"]


@dataclass(frozen=True, slots=True)
class AffectedReport:
    """How the affected tests went. `failed` are all that failed, also those that no function is blamed for.

    Test ids are relative to `root`. `cut` counts tests that were left out. `problem` says why
    fewer ran than were chosen, or none.
    """

    root: Path
    saved: tuple[Path, ...]
    blamed: tuple[Blamed, ...] = ()
    passed: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    cut: int = 0
    problem: str = ""
    seconds: float = 0.0

    @property
    def ran(self) -> int:
        return len(self.passed) + len(self.failed)


@dataclass(slots=True)
class _Ran:
    """What one run of the tests has told; `too_many` are all that it would have run."""

    results: dict[str, TestResult] = field(default_factory=dict[str, TestResult])
    end: RunEnd | None = None
    too_many: tuple[str, ...] = ()


async def affected(spec: AffectedSpec, runner: Runner, known: FunctionMap | None) -> AffectedReport:
    """Run what the spec calls for on the user's own text; what is seen besides is added to the map.

    Ends within `spec.seconds`, give or take the start of a process. When it is cancelled, the tests'
    processes are gone before it returns. Raises `FlowmillError` if there can be no run at all.
    """
    began = time.monotonic()
    choice = await asyncio.to_thread(choose, spec, known)
    if not choice.keep:
        return AffectedReport(spec.root, spec.saved, problem=choice.problem)
    started = time.time()
    cut = choice.cut
    ran = await _run(spec, runner, choice.keep)
    if ran.too_many:
        cut += len(ran.too_many) - spec.most
        ran = await _run(spec, runner, ran.too_many[: spec.most])
    if known is not None and ran.end is not None and ran.end.census is not None:
        census, results = ran.end.census, ran.results
        await asyncio.to_thread(learn, known, spec.root, spec.buffers, census, results, started)
    report = await asyncio.to_thread(_report, spec, choice, ran)
    return replace(report, cut=cut, seconds=time.monotonic() - began)


async def _run(spec: AffectedSpec, runner: Runner, keep: tuple[str, ...]) -> _Ran:
    limits = TestLimits(spec.seconds, spec.test_seconds, timeouts=3)
    order = TestOrder(spec.buffers, files_of(keep), keep, census=True, untrusted=False, limits=limits)
    ran = _Ran()
    async with aclosing(runner.run(order)) as messages:
        async for message in messages:
            if isinstance(message, TestResult):
                ran.results[message.id] = message
            elif isinstance(message, RunEnd):
                ran.end = message
            elif len(message.tests) > spec.most:
                # Whole files hold more than that: begin again with as many as may run.
                ran.too_many = _first_wanted(message, keep)
                break
    return ran


def _first_wanted(collected: Collected, keep: tuple[str, ...]) -> tuple[str, ...]:
    """All that was collected; what was asked for by name before the rest of whole files."""
    ids = [test.id for test in collected.tests]
    named = {entry for entry in keep if "::" in entry}
    return tuple(sorted(ids, key=lambda i: i not in named and i.partition("[")[0] not in named))


def _report(spec: AffectedSpec, choice: Choice, ran: _Ran) -> AffectedReport:
    failures = [result for result in ran.results.values() if result.outcome not in FINE]
    clues = Clues(
        spec.root,
        Sources(spec.buffers),
        frozenset(spec.saved),
        frozenset((file, name.partition("@")[0]) for file, name in spec.changed),
        _executed(spec.root, choice, ran),
    )
    failed = frozenset(result.id for result in failures)
    passed = frozenset(ran.results) - failed
    return AffectedReport(
        spec.root, spec.saved, blame(clues, failures), passed, failed, problem=_problem(spec, choice, ran)
    )


def _executed(root: Path, choice: Choice, ran: _Ran) -> Mapping[str, frozenset[tuple[Path, str]]]:
    """By test what it executed: as this run has seen it, else as earlier ones have."""
    census = ran.end.census if ran.end is not None else None
    executed: dict[str, frozenset[tuple[Path, str]]] = {}
    for test, functions in census.tests.items() if census is not None else ():
        executed[test] = frozenset((root / file, name) for file, name in functions)
    real = root.resolve()
    for test in ran.results.keys() - executed.keys():
        known = choice.reach.get(plain(real, test))
        if known:
            executed[test] = known
    return executed


def _problem(spec: AffectedSpec, choice: Choice, ran: _Ran) -> str:
    end = ran.end
    if end is None:
        return choice.problem or "the tests' process ended without a word"
    if end.problem in (None, "no_tests"):
        return choice.problem
    if end.problem == "timeout":
        return end.detail or f"the tests were stopped after {spec.seconds:.0f} s"
    return end.detail or f"the tests cannot run: {end.problem}"
