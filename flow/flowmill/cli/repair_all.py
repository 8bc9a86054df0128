"""`flowmill repair` without a target: run the tests, find the functions they fault, repair each."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from flowmill.cli.run import EXIT, execute, tell_warnings
from flowmill.engine.locate import Suspect, failing_tests, suspects
from flowmill.paths import cache_dir
from flowmill.runner.cold import ColdRunner
from flowmill.shapes import TestResult
from flowmill.wiring import Workplace, open_guard, open_workplace

MOST = 5
"""Functions that are tried; the others are listed."""


def repair_all(args: argparse.Namespace) -> int:
    """0 if every function that was tried is repaired, or with `--apply` no test fails any more; else 1.

    Without `--apply` an innocent caller in a traceback stays on the list: only a written
    repair shows that nothing of its own fails.
    """
    place = open_workplace(None, vars(args), os.environ)
    tell_warnings(place)
    _say(f"running the tests of {place.project.root} ...")
    failures = asyncio.run(_failures(place))
    if not failures:
        _say("nothing fails here")
        return EXIT["unchanged"]
    found = suspects(place.project.root, failures)
    _say(
        f"{len(failures)} tests fail; they point at "
        + (", ".join(s.qualname for s in found[:MOST]) or "no function of the project")
    )
    return _each(place, found, failures, args)


async def _failures(place: Workplace) -> tuple[TestResult, ...]:
    runner = ColdRunner(place.project, cache_dir(), open_guard(place))
    try:
        return await failing_tests(runner, place.settings.max_seconds, place.settings.test_seconds)
    finally:
        await runner.aclose()


def _each(
    place: Workplace, found: tuple[Suspect, ...], failures: tuple[TestResult, ...], args: argparse.Namespace
) -> int:
    """Repair the suspects in turn, until the functions tried account for every failing test."""
    mended: list[str] = []
    left: list[str] = []
    for suspect in found[:MOST]:
        code = execute(place, "repair", suspect.file, suspect.qualname, args)
        if code == EXIT["cancelled"]:
            return code
        (left if code else mended).append(f"{_shown(place, suspect.file)}::{suspect.qualname}")
        if not code and args.apply and not asyncio.run(_failures(place)):
            left = []
            break
    _say(f"repaired: {', '.join(mended) or 'none'}")
    rest = left + [f"{_shown(place, s.file)}::{s.qualname}" for s in found[MOST:]]
    if rest:
        _say(f"not repaired, or nothing of theirs fails: {', '.join(rest)}")
    return 0 if mended and not rest and failures else 1


def _shown(place: Workplace, file: Path) -> str:
    return str(file.relative_to(place.project.root))


def _say(text: str) -> None:
    sys.stderr.write(f"flowmill: {text}\n")
