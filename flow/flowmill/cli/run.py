"""`flowmill generate` and `flowmill repair`."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import get_args

from flowmill.apply import apply
from flowmill.cli.parsing import Parser
from flowmill.cli.view import Shows, choose_view
from flowmill.engine.request import Result, RunRequest
from flowmill.engine.run import Run
from flowmill.errors import UsageError
from flowmill.events import Record, RunFinished
from flowmill.journal import Journal
from flowmill.options import Sandbox
from flowmill.shapes import Mode, Status, StrategyName
from flowmill.source.functions import parse_target
from flowmill.wiring import Workplace, open_run, open_workplace, request_for

EXIT: dict[Status, int] = {"verified": 0, "improved": 1, "unchanged": 1, "failed": 1, "cancelled": 130}


def main(argv: Sequence[str]) -> int:
    """Run the command whose name is `argv[0]`; the result is the exit code."""
    args = parser(argv[0]).parse_args(argv[1:])
    if args.target is None:
        if argv[0] == "generate":
            raise UsageError("generate needs a function: flowmill generate FILE::QUALNAME")
        code: int = importlib.import_module("flowmill.cli.repair_all").repair_all(args)
        return code
    file, qualname = parse_target(args.target)
    path = Path(os.path.abspath(file))
    place = open_workplace(path, vars(args), os.environ)
    tell_warnings(place)
    mode: Mode = "repair" if argv[0] == "repair" else "generate"
    return execute(place, request_for(place, mode, path, qualname), args)


def tell_warnings(place: Workplace) -> None:
    for warning in place.warnings:
        sys.stderr.write(f"flowmill: {warning}\n")


def execute(place: Workplace, request: RunRequest, args: argparse.Namespace) -> int:
    """One run, shown and journaled; the exit code."""
    with Journal.open(redact=place.mask) as journal:
        run = open_run(place, request, journal)
        told = tell_problem(journal)
        finished = asyncio.run(alone(run, place, journal, args))
    tell_problem(journal, told)
    return code_of(finished)


def code_of(finished: RunFinished | None) -> int:
    return EXIT[finished.status if finished else "failed"]


def tell_problem(journal: Journal, told: str = "") -> str:
    """A journal that cannot be kept is one line, once: what was told of it by now."""
    if journal.problem and journal.problem != told:
        sys.stderr.write(f"flowmill: {journal.problem}\n")
    return journal.problem


async def alone(run: Run, place: Workplace, journal: Journal, args: argparse.Namespace) -> RunFinished | None:
    """Show a run until it ends, and write its result if that is asked and earned; its last event."""
    on_stop(run.cancel)
    with choose_view(args.json, profile=place.priced_profile, meter=lambda: run.meter) as view:
        finished = await follow(run, view, journal)
        if run.result is not None and is_to_be_written(run.result, place, args):
            write(run.result, view)
    return finished


def on_stop(stop: Callable[[], None]) -> None:
    """What Ctrl-C and a plain kill do from now on. They do it each time."""
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows has no such handlers
            asyncio.get_running_loop().add_signal_handler(number, stop)


async def follow(run: Run, view: Shows, journal: Journal) -> RunFinished | None:
    """Show and keep a run until it ends; its last event."""
    finished: RunFinished | None = None
    gone: BaseException | None = None
    async with aclosing(run.records()) as records:
        async for record in records:
            journal.append(record)
            gone = gone or _shown(view, record)
            if gone is not None:
                run.cancel()  # nobody reads on; how it ends is for the journal
            if isinstance(record.event, RunFinished):
                finished = record.event
    if gone is not None:
        raise gone
    return finished


def _shown(view: Shows, record: Record) -> BaseException | None:
    """What the command is to end with, if the record cannot be shown."""
    try:
        view.show(record)
    except (SystemExit, OSError) as error:
        return error
    return None


def write(result: Result, view: Shows) -> None:
    """Put the result into the file. Raises what `apply` raises."""
    if apply(result):
        sys.stderr.write("flowmill: the file had changed elsewhere; the edit was carried over\n")
    view.wrote(result.target.file)


def is_to_be_written(result: Result, place: Workplace, args: argparse.Namespace) -> bool:
    """It is verified, or merely better and the user allows that."""
    return args.apply and (result.verified or (result.improved and place.settings.allow_unverified))


def parser(name: str) -> argparse.ArgumentParser:
    """The options of both commands; their names are those of the settings."""
    what = "write the body of a function" if name == "generate" else "mend a function that its tests fault"
    p = Parser(
        prog=f"flowmill {name}", description=f"{what.capitalize()}, run against the project's own tests."
    )
    p.add_argument(
        "target", nargs="?", metavar="FILE::QUALNAME", help="the function: path/to/file.py::Class.method"
    )
    out = p.add_argument_group("what happens with the result")
    how = out.add_mutually_exclusive_group()
    how.add_argument("--diff", action="store_true", help="print the diff and write nothing (the default)")
    how.add_argument("--apply", action="store_true", help="write the result into the file, if it is verified")
    out.add_argument(
        "--allow-unverified",
        action="store_true",
        default=None,
        help="with --apply: write a merely better draft too",
    )
    out.add_argument(
        "--json", action="store_true", help="events as JSON lines on standard output, nothing else there"
    )
    model = p.add_argument_group("model and search")
    model.add_argument("--model", metavar="NAME", help="the model's name at its endpoint, or 1.5b or 0.5b")
    model.add_argument(
        "--base-url", metavar="URL", help="an OpenAI-compatible endpoint; the embedded model if none is set"
    )
    model.add_argument(
        "--strategy", metavar="|".join(get_args(StrategyName)), help="how to search (default: flow)"
    )
    model.add_argument("--max-seconds", type=float, metavar="N", help="time limit of the run (default: 120)")
    model.add_argument("--max-calls", type=int, metavar="N", help="limit of model calls (default: 40)")
    model.add_argument(
        "--max-tokens", type=int, metavar="N", help="limit of tokens read and written (default: 100000)"
    )
    model.add_argument(
        "--seed", type=int, metavar="N", help="makes sampling repeatable where the model allows (default: 0)"
    )
    model.add_argument(
        "--force", action="store_true", default=None, help="rewrite a body that no test faults"
    )
    project = p.add_argument_group("project and tests")
    project.add_argument(
        "--tests", action="append", metavar="NODEID", help="count only these tests (repeatable)"
    )
    project.add_argument("--python", metavar="PATH", help="the project's interpreter")
    project.add_argument("--project", metavar="DIR", help="the project's folder")
    project.add_argument(
        "--sandbox",
        metavar="|".join(get_args(Sandbox)),
        help="what drafts may touch: what the project's own tests need (auto, the default), nothing of that "
        "(strict), or all that you may (off)",
    )
    return p
