"""`flowmill runs`: what the journal holds, shown, reported, exported and replayed."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import cast

from flowmill.cli.parsing import Parser
from flowmill.cli.pipes import put
from flowmill.errors import FlowmillError, UsageError
from flowmill.events import Json, RunFinished
from flowmill.journal import Journal, Recorded, RunRow, export
from flowmill.report.words import clock, prices_from

RUN_HELP = "a run's id, the beginning of one, or `last`"


def main(argv: list[str]) -> int:
    """Run `flowmill runs ARGV`; the exit code."""
    try:
        if argv[:1] == ["replay"]:
            # Its options are those of a run, and its imports too: only a replay pays for them.
            return cast(int, importlib.import_module("flowmill.cli.replay").main(argv[1:]))
        options = _parser().parse_args(argv)
        with Journal.open() as journal:
            if journal.problem:
                print(f"flowmill: {journal.problem}", file=sys.stderr)
            return _COMMANDS[options.command](journal, options)
    except FlowmillError as error:
        print(f"flowmill: {error}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="flowmill runs", description="Runs that the journal keeps.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="the runs, newest first")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.add_argument("-n", type=_count, default=20, metavar="N", help="at most N runs (default: 20)")
    show = commands.add_parser("show", help="what one run did")
    show.add_argument("run", metavar="RUN", help=RUN_HELP)
    show.add_argument("--json", action="store_true", help="its events as JSON lines")
    report = commands.add_parser("report", help="one run as a page, or many in numbers")
    report.add_argument("run", metavar="RUN", nargs="?", help=f"{RUN_HELP}; without it, all runs")
    report.add_argument("--html", metavar="OUT", type=Path, required=True, help="the page to write")
    report.add_argument("--last", type=_count, metavar="N", help="of all runs the newest N")
    report.add_argument(
        "--since", type=_since, metavar="WHEN", help="of all runs those since 2026-01-31, or 12h, 7d, 4w ago"
    )
    out = commands.add_parser("export", help="one run as a file, to send or to replay")
    out.add_argument("run", metavar="RUN", help=RUN_HELP)
    out.add_argument("out", metavar="OUT", type=Path, help="the .json file to write")
    commands.add_parser("replay", help="run it again with the recorded answers: RUN or an exported file")
    return parser


MOST = 2**31
"""More than any journal holds, and what its database can count to."""


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number, 1 or more")
    return min(int(text), MOST)


_UNITS = {"h": 3600, "d": 86_400, "w": 604_800}


def _since(text: str) -> float:
    """Seconds since 1970, of a day or of so long ago."""
    number, unit = text[:-1], _UNITS.get(text[-1:])
    if number.isdecimal() and unit:
        return time.time() - int(number) * unit
    try:
        return time.mktime(time.strptime(text, "%Y-%m-%d"))
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no day, as 2026-01-31, and no time, as 7d") from None


def _list(journal: Journal, options: argparse.Namespace) -> int:
    rows = journal.runs(options.n)
    if options.json:
        put(sys.stdout, "".join(json.dumps(asdict(row)) + "\n" for row in rows))
    elif not rows:
        put(sys.stdout, "no runs yet; `flowmill generate FILE::QUALNAME` makes one\n")
    elif sys.stdout.isatty():
        importlib.import_module("flowmill.cli.retell").print_rows(sys.stdout, rows)
    else:
        put(sys.stdout, "".join("\t".join(cells(row)) + "\n" for row in rows))
    return 0


def cells(row: RunRow) -> list[str]:
    """One run's line: id, when, mode, target, model, status, best, drafts, calls, seconds."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.started))
    target = f"{_from_project(row)}::{row.qualname}"
    best = str(row.best) if row.best else "-"
    status = row.status or "unfinished"
    counts = [best, str(row.drafts), str(row.calls), clock(row.seconds)]
    return [row.id, when, row.mode, target, row.model, status, *counts]


def _from_project(row: RunRow) -> str:
    file, project = Path(row.file), Path(row.project)
    return file.relative_to(project).as_posix() if file.is_relative_to(project) else row.file


def _show(journal: Journal, options: argparse.Namespace) -> int:
    recorded = journal.recorded(options.run)
    if options.json:
        lines = (json.dumps(record.to_json(), separators=(",", ":")) for record in recorded.records)
        put(sys.stdout, "".join(line + "\n" for line in lines))
    else:
        importlib.import_module("flowmill.cli.retell").print_run(sys.stdout, recorded)
    return 0


def _report(journal: Journal, options: argparse.Namespace) -> int:
    if options.run is not None and (options.last is not None or options.since is not None):
        raise UsageError("--last and --since choose among all runs; leave RUN out, or leave them out")
    text = (
        _one_page(journal.recorded(options.run)) if options.run is not None else _all_page(journal, options)
    )
    try:
        options.html.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"{options.html} cannot be written: {error.strerror}; name another file") from error
    put(sys.stdout, f"{options.html}\n")
    return 0


def _one_page(recorded: Recorded) -> str:
    row, page = recorded.run, importlib.import_module("flowmill.report.page")
    prices, project = prices_from(row.options), Path(row.project)
    return cast(str, page.render(list(recorded.records), _facts(recorded), prices, project))


def _all_page(journal: Journal, options: argparse.Namespace) -> str:
    rows = journal.runs(options.last)
    rows = [row for row in rows if options.since is None or row.started >= options.since]
    if not rows:
        raise UsageError("there are no such runs; `flowmill runs list` shows those that are kept")
    many = importlib.import_module("flowmill.report.many")
    return cast(str, many.render(rows, cells, partial(_was_idle, journal)))


def _was_idle(journal: Journal, row: RunRow) -> bool:
    """Whether there was nothing to mend: the tests ran before, and none failed."""
    ends = [r.event for r in journal.recorded(row.id).records if isinstance(r.event, RunFinished)]
    before = ends[-1].evidence.before if ends else {}
    return bool(before) and set(before) <= {"passed", "skipped"}


def _facts(recorded: Recorded) -> dict[str, str]:
    row = recorded.run
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.started))
    facts = {"Run": row.id, "Started": when, "Project": row.project, "Model": row.model}
    facts |= {"Strategy": row.strategy, "flowmill": row.version}
    return facts | {name: _short(value) for name, value in row.options.items() if name != "prices"}


def _short(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _export(journal: Journal, options: argparse.Namespace) -> int:
    recorded = journal.recorded(options.run)
    export(recorded, options.out)
    note = "it holds the function's file, the prompts and the answers: look through it before you send it"
    put(sys.stdout, f"{options.out}: run {recorded.run.id}; {note}\n")
    return 0


_COMMANDS = {"list": _list, "show": _show, "report": _report, "export": _export}
