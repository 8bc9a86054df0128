"""`flowmill repair` without a target: run the tests, rank the functions by what fails, repair one after the other.

A repair that is verified is in place for all that follows, written or not, so that the next
function is judged together with it, and the search ends as soon as no test fails any more.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flowmill.apply import ChangedMeanwhile
from flowmill.cli.run import EXIT, Executed, execute, tell_warnings
from flowmill.engine.locate import Findings, Suspect, run_all, spelled_in, still_failing, suspects
from flowmill.errors import FlowmillError, TargetError
from flowmill.paths import cache_dir
from flowmill.project.given import given_tests
from flowmill.runner.cold import ColdRunner
from flowmill.shapes import TestLimits
from flowmill.source.diff import function_diff, relative_name
from flowmill.source.text import SourceFile
from flowmill.wiring import Workplace, open_guard, open_workplace, request_for

MOST = 5
"""Functions that are tried; the others are listed."""
SHOWN = 3
"""Tests that are named where some still fail."""


@dataclass(slots=True)
class Report:
    """What became of each function that was tried, and the text of each file that was repaired."""

    mended: list[str] = field(default_factory=list[str])
    left: list[str] = field(default_factory=list[str])
    before: dict[Path, bytes] = field(default_factory=dict[Path, bytes])
    now: dict[Path, bytes] = field(default_factory=dict[Path, bytes])

    def take(self, name: str, executed: Executed) -> bool:
        """Whether the code is another one now: it is repaired, or a merely better draft was written."""
        result = executed.result
        if executed.code or result is None:
            self.left.append(f"{name} ({_closest(executed)})")
        else:
            self.mended.append(name)
        if result is None or (executed.code and not executed.wrote):
            return False
        self.before.setdefault(result.target.file, result.original)
        self.now[result.target.file] = result.data
        return True

    def text_of(self, path: Path) -> SourceFile:
        """The file with what was repaired in it. Raises `TargetError` if it cannot be read."""
        return SourceFile.from_bytes(path, self.now[path]) if path in self.now else SourceFile.read(path)


def repair_all(args: argparse.Namespace) -> int:
    """0 if no test fails any more with what was repaired, 1 if some still do, 130 if it was cancelled."""
    place = open_workplace(None, vars(args), os.environ)
    tell_warnings(place)
    _say(f"running the tests of {place.project.root} ...")
    findings = _until_cancelled(_look(place))
    if findings is None:
        _say("cancelled; nothing was written")
        return EXIT["cancelled"]
    if not findings.failures:
        _say("nothing fails here")
        return EXIT["unchanged"]
    found = suspects(place.project.root, findings)
    named = ", ".join(s.qualname for s in found[:MOST]) or "no function of the project"
    _say(f"{_tests(findings)} fail{'s' * (len(findings.failures) == 1)}; they point at {named}")
    return _each(place, found, findings, args)


def _each(place: Workplace, found: tuple[Suspect, ...], findings: Findings, args: argparse.Namespace) -> int:
    """Repair the suspects in turn until none of these tests fails."""
    report = Report()
    for suspect in found[:MOST]:
        executed = _repair(place, suspect, report, args)
        still: Findings | None = findings
        if executed.code == EXIT["cancelled"]:
            still = None
        elif report.take(_name(place, suspect), executed):
            still = _until_cancelled(_look(place, findings, report.now))
        if still is None:
            _tell_cut_short("cancelled", place, report, args)
            return EXIT["cancelled"]
        findings = still
        if not findings.failures:
            break
    _tell(place, report, found, findings, args)
    return 1 if findings.failures else 0


def _repair(place: Workplace, suspect: Suspect, report: Report, args: argparse.Namespace) -> Executed:
    """How the run on it ended; one that could not be begun, or written, is told and does not end the others."""
    try:
        # A repair above it in the same file moves the line that tells it from its namesakes.
        name = spelled_in(report.text_of(suspect.file), suspect.qualname) or suspect.qualname
        request = request_for(place, "repair", suspect.file, name)
        return execute(place, replace(request, buffers=dict(report.now)), args)
    except (TargetError, ChangedMeanwhile) as error:
        return Executed(error.exit_code, None, None, str(error))
    except FlowmillError:
        _tell_cut_short("stopped", place, report, args)
        raise
    except KeyboardInterrupt:
        return Executed(EXIT["cancelled"], None, None)


def _until_cancelled(work: Coroutine[Any, Any, Findings]) -> Findings | None:
    """What the work comes to; None if Ctrl-C or a plain kill ended it, and its processes are gone then."""

    async def main() -> Findings | None:
        task, stop = asyncio.ensure_future(work), asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):  # Windows has no such handlers
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
        # Once: a second signal must not keep it from ending what it started.
        (stopped if task.done() else task).cancel()
        await asyncio.wait([task])
        return None if task.cancelled() else task.result()

    try:
        return asyncio.run(main())
    except KeyboardInterrupt:
        return None


async def _look(
    place: Workplace, before: Findings | None = None, repaired: Mapping[Path, bytes] | None = None
) -> Findings:
    """Run all tests, or those that failed before with the repaired files in their places."""
    runner = ColdRunner(place.project, cache_dir(), open_guard(place))
    limits = TestLimits(place.settings.max_seconds, place.settings.test_seconds, timeouts=20)
    try:
        if before is None:
            given = given_tests(place.project.root, place.settings.tests, Path.cwd())
            return await run_all(runner, limits, place.project, given)
        return await still_failing(runner, limits, before, repaired or {})
    finally:
        await runner.aclose()


# ------------------------------------------------------------------ what is said at the end
def _tell_cut_short(what: str, place: Workplace, report: Report, args: argparse.Namespace) -> None:
    """Name the files that are written by now: what cuts a run short takes none of them back."""
    written = [relative_name(path, place.project.root) for path in report.now] if args.apply else []
    if written or what == "cancelled":
        _say(f"{what}; {'written before: ' + ', '.join(written) if written else 'nothing was written'}")


def _tell(
    place: Workplace,
    report: Report,
    found: tuple[Suspect, ...],
    findings: Findings,
    args: argparse.Namespace,
) -> None:
    if len(report.mended) > 1 and not args.json:
        sys.stdout.write("\nAll repairs together:\n\n" + _diff(place, report))
    _say(f"repaired: {', '.join(report.mended) or 'none'}")
    if not findings.failures:
        return
    left = report.left + [f"{_name(place, s)} (not tried)" for s in found[MOST:]]
    if left:
        _say(f"not repaired, or nothing of theirs fails: {', '.join(left)}")
    rest = len(findings.failures) - SHOWN
    more = f" and {rest} more" if rest > 0 else ""
    still = "fails" if len(findings.failures) == 1 else "fail"
    _say(f"{_tests(findings)} still {still}: {', '.join(findings.ids[:SHOWN])}{more}")


def _diff(place: Workplace, report: Report) -> str:
    files = [SourceFile.from_bytes(path, data) for path, data in report.before.items()]
    return "".join(function_diff(file, report.now[file.path], place.project.root) for file in files)


def _closest(executed: Executed) -> str:
    """How far the best draft got, or why there was none."""
    finished = executed.finished
    if executed.refused:
        return executed.refused
    if finished is None or finished.best is None:
        return "no draft came closer"
    after = Counter(finished.evidence.after)
    return f"the best draft passes {after['passed']} of {after.total()} tests"


def _tests(findings: Findings) -> str:
    count = len(findings.failures)
    return "1 test" if count == 1 else f"{count} tests"


def _name(place: Workplace, suspect: Suspect) -> str:
    return f"{relative_name(suspect.file, place.project.root)}::{suspect.qualname}"


def _say(text: str) -> None:
    sys.stderr.write(f"flowmill: {text}\n")
