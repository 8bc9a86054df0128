"""`flowmill repair` without a target: run the tests, rank the functions by what fails, repair each.

Functions that no failing test has in common are repaired at once. A repair that is verified is in
place for all that begins after it, written or not, and what was repaired beside it is tested
together with it before it counts. The search ends as soon as no test fails any more.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from flowmill.apply import ChangedMeanwhile, carried
from flowmill.cli.in_turn import InTurn, Lane
from flowmill.cli.run import EXIT, follow, is_to_be_written, on_stop, tell_problem, tell_warnings, write
from flowmill.cli.view import choose_view
from flowmill.engine.agenda import Agenda
from flowmill.engine.locate import Findings, Suspect, passing, run_all, spelled_in, still_failing, suspects
from flowmill.engine.meter import Meter
from flowmill.engine.request import Result
from flowmill.engine.run import Run
from flowmill.errors import FlowmillError, TargetError
from flowmill.events import RunFinished
from flowmill.journal import Journal
from flowmill.machine import machine_cores
from flowmill.paths import cache_dir
from flowmill.project.given import given_tests
from flowmill.protocols import Runner
from flowmill.report.words import clock, plural
from flowmill.runner.cold import ColdRunner
from flowmill.shapes import TestLimits
from flowmill.source.diff import function_diff, relative_name
from flowmill.source.text import SourceFile
from flowmill.wiring import Workplace, open_guard, open_run, open_workplace, request_for

AT_ONCE, AT_ONCE_EMBEDDED = 4, 1
"""Functions that are repaired at once with a model that computes elsewhere, and with one that needs these cores."""
SHOWN = 5
"""Names of functions or tests in one line."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ended:
    """How the repair of one function ended; `refused` says why it could not be begun.

    `seen` repairs of other functions were in place when it began.
    """

    seen: int
    finished: RunFinished | None = None
    result: Result | None = None
    lane: Lane | None = None
    refused: str = ""


@dataclass(slots=True)
class Report:
    """What became of each function that was tried, and the text of each file that was repaired."""

    mended: list[str] = field(default_factory=list[str])
    left: dict[str, str] = field(default_factory=dict[str, str])
    """With how close it came."""
    before: dict[Path, bytes] = field(default_factory=dict[Path, bytes])
    now: dict[Path, bytes] = field(default_factory=dict[Path, bytes])
    calls: int = 0

    def take(self, result: Result) -> None:
        """The code is this one now."""
        self.before.setdefault(result.target.file, result.original)
        self.now[result.target.file] = result.data

    def text_of(self, path: Path) -> SourceFile:
        """The file with what was repaired in it. Raises `TargetError` if it cannot be read."""
        return SourceFile.from_bytes(path, self.now[path]) if path in self.now else SourceFile.read(path)


def repair_all(args: argparse.Namespace) -> int:
    """0 if no test fails any more with what was repaired, 1 if some still do, 130 if it was cancelled."""
    place, report = open_workplace(None, vars(args), os.environ), Report()
    tell_warnings(place)
    try:
        code = asyncio.run(_until_stopped(_repair_all(place, report, args)))
    except KeyboardInterrupt:
        code = None
    except FlowmillError:
        _tell_cut_short("stopped", place, report, args)
        raise
    if code is None:
        _tell_cut_short("cancelled", place, report, args)
        return EXIT["cancelled"]
    return code


async def _until_stopped(work: Coroutine[Any, Any, int]) -> int | None:
    """What the work comes to; None if Ctrl-C or a plain kill ended it, and its processes are gone then."""
    task, stop = asyncio.ensure_future(work), asyncio.Event()
    on_stop(stop.set)
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
    # Once: a second signal must not keep it from ending what it started.
    (stopped if task.done() else task).cancel()
    await asyncio.wait([task])
    return None if task.cancelled() else task.result()


async def _repair_all(place: Workplace, report: Report, args: argparse.Namespace) -> int:
    began = time.monotonic()
    _say(f"running the tests of {place.project.root} ...")
    given = given_tests(place.project.root, place.settings.tests, Path.cwd())
    findings = await _cold(place, lambda runner, limits: run_all(runner, limits, place.project, given))
    if not findings.failures:
        _say("nothing fails here")
        return EXIT["unchanged"]
    found = suspects(place.project.root, findings)
    named = _some([suspect.qualname for suspect in found]) or "no function of the project"
    _say(f"{_tests(findings)} fail{'s' * (len(findings.failures) == 1)}; they point at {named}")
    agenda = Agenda(found, findings.ids)
    with Journal.open(redact=place.mask) as journal:
        told = tell_problem(journal)
        left = await Repairs(place, args, journal, report, agenda, findings).all()
    tell_problem(journal, told)
    _tell(place, report, agenda, left, args)
    passes = f"{len(findings.failures) - len(left.failures)} of {_tests(findings)} that failed"
    spent = f"{plural(report.calls, 'model call')}, {clock(time.monotonic() - began)}"
    _say(f"{passes} pass now; {spent}")
    return 1 if left.failures else 0


class Repairs:
    """Repairs what is on the agenda, as many functions at once as pays. Used once."""

    def __init__(
        self,
        place: Workplace,
        args: argparse.Namespace,
        journal: Journal,
        report: Report,
        agenda: Agenda,
        findings: Findings,
    ) -> None:
        self._place = place
        self._args = args
        self._journal = journal
        self._report = report
        self._agenda = agenda
        self._findings = findings
        self._landed: list[Suspect] = []
        self._runs: set[Run] = set()
        self._turns = asyncio.Semaphore(machine_cores())
        embedded = place.endpoint.base_url is None
        self._most = AT_ONCE_EMBEDDED if embedded else AT_ONCE

    async def all(self) -> Findings:
        """Work the agenda off; what fails at its end. Raises `FlowmillError` if a run broke off."""
        running: dict[asyncio.Task[Ended], Suspect] = {}
        with choose_view(self._args.json, profile=self._place.priced_profile, meter=self._meter) as view:
            self._shown = InTurn(view)
            try:
                while self._findings.failures:
                    self._begin(running)
                    if not running:
                        break
                    done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        await self._land(running.pop(task), task.result())
            finally:
                for run in self._runs:
                    run.cancel()
                # One failure is told; those of the others, which may have the same cause, are not.
                await asyncio.gather(*running, return_exceptions=True)
        return self._findings

    def _meter(self) -> Meter | None:
        return self._shown.front.meter if self._shown.front is not None else None

    def _begin(self, running: dict[asyncio.Task[Ended], Suspect]) -> None:
        while len(running) < self._most and (suspect := self._agenda.next(running.values())) is not None:
            running[asyncio.create_task(self._repair(suspect))] = suspect

    async def _repair(self, suspect: Suspect) -> Ended:
        """The run on it, shown; one that cannot be begun does not end the others."""
        seen = len(self._landed)
        try:
            # A repair above it in the same file moves the line that tells it from its namesakes.
            name = spelled_in(self._report.text_of(suspect.file), suspect.qualname) or suspect.qualname
            request = request_for(self._place, "repair", suspect.file, name)
            request = replace(request, buffers=dict(self._report.now))
            run = open_run(self._place, request, self._journal, turns=self._turns)
        except TargetError as error:
            return Ended(seen, refused=str(error))
        self._runs.add(run)
        lane = self._shown.lane(run)
        try:
            finished = await follow(run, lane, self._journal)
        except BaseException:
            lane.close()
            raise
        finally:
            self._runs.discard(run)
            self._report.calls += run.meter.calls
        return Ended(seen, finished, run.result, lane)

    async def _land(self, suspect: Suspect, ended: Ended) -> None:
        """Take over what the run came to, and see what still fails."""
        name = _name(self._place, suspect)
        try:
            taken = await self._taken(suspect, name, ended)
        except ChangedMeanwhile as error:
            self._report.left[name], taken = str(error), False
        finally:
            if ended.lane is not None:
                ended.lane.close()
        if taken:
            now = self._report.now
            self._landed.append(suspect)
            self._findings = await _cold(
                self._place, lambda runner, limits: still_failing(runner, limits, self._findings, now)
            )
            self._agenda.still(self._findings.ids)

    async def _taken(self, suspect: Suspect, name: str, ended: Ended) -> bool:
        """Whether the code is another one now: it is repaired, or a merely better draft was written."""
        result, report = ended.result, self._report
        if result is None or not result.verified:
            report.left[name] = _closest(ended)
        writes = result is not None and is_to_be_written(result, self._place, self._args)
        if result is None or not (result.verified or writes):
            return False
        now = report.now.get(result.target.file)
        if now is not None and now != result.original:
            result = carried(result, now)
        if not await self._goes_along(suspect, ended.seen, result):
            _say(f"{name} is repaired again, together with what was repaired meanwhile")
            self._agenda.again(suspect)
            return False
        if writes and ended.lane is not None:
            write(result, ended.lane)
        report.take(result)
        if result.verified:
            report.mended.append(name)
            report.left.pop(name, None)
        return True

    async def _goes_along(self, suspect: Suspect, seen: int, result: Result) -> bool:
        """Whether it breaks nothing together with the repairs that were made beside it."""
        beside = frozenset[str]().union(*(other.executing for other in self._landed[seen:]))
        shared = sorted(suspect.executing & beside & self._findings.passed)
        if not shared:
            return True
        overlay = {**self._report.now, result.target.file: result.data}
        good = await _cold(self._place, lambda runner, limits: passing(runner, limits, shared, overlay))
        return good.issuperset(shared)


async def _cold(place: Workplace, ask: Callable[[Runner, TestLimits], Awaitable[T]]) -> T:
    """What a runner of its own says, which is gone afterwards."""
    runner = ColdRunner(place.project, cache_dir(), open_guard(place))
    try:
        return await ask(
            runner, TestLimits(place.settings.max_seconds, place.settings.test_seconds, timeouts=20)
        )
    finally:
        await runner.aclose()


# ------------------------------------------------------------------ what is said at the end
def _tell_cut_short(what: str, place: Workplace, report: Report, args: argparse.Namespace) -> None:
    """Name the files that are written by now: what cuts a run short takes none of them back."""
    written = [relative_name(path, place.project.root) for path in report.now] if args.apply else []
    if written or what == "cancelled":
        _say(f"{what}; {'written before: ' + ', '.join(written) if written else 'nothing was written'}")


def _tell(place: Workplace, report: Report, agenda: Agenda, left: Findings, args: argparse.Namespace) -> None:
    if len(report.mended) > 1 and not args.json:
        sys.stdout.write("\nAll repairs together:\n\n" + _diff(place, report))
    _say(f"repaired: {', '.join(report.mended) or 'none'}")
    if not left.failures:
        return
    tried = [f"{name} ({how})" for name, how in report.left.items()]
    untried = [f"{_name(place, suspect)} (not tried)" for suspect in agenda.left]
    if tried or untried:
        _say(f"not repaired: {', '.join(tried + untried)}")
    _say(f"{_tests(left)} still fail{'s' * (len(left.failures) == 1)}: {_some(left.ids)}")


def _diff(place: Workplace, report: Report) -> str:
    files = [SourceFile.from_bytes(path, data) for path, data in report.before.items()]
    return "".join(function_diff(file, report.now[file.path], place.project.root) for file in files)


def _closest(ended: Ended) -> str:
    """How far the best draft got, or why there was none."""
    finished = ended.finished
    if ended.refused:
        return ended.refused
    if finished is None or finished.best is None:
        return "no draft came closer"
    after = Counter(finished.evidence.after)
    return f"the best draft passes {after['passed']} of {after.total()} tests"


def _tests(findings: Findings) -> str:
    return plural(len(findings.failures), "test")


def _some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _name(place: Workplace, suspect: Suspect) -> str:
    return f"{relative_name(suspect.file, place.project.root)}::{suspect.qualname}"


def _say(text: str) -> None:
    sys.stderr.write(f"flowmill: {text}\n")
