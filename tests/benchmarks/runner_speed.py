"""How long a draft waits for its verdict, beside plain pytest from cold; and what the runner costs.

    python tests/benchmarks/runner_speed.py --bench DIR --python PY
    python tests/benchmarks/runner_speed.py --bench DIR --python PY --only speed --rounds 1 --cases ID ID

For each case a project with a stub is opened as the engine does it (the traced run of the code
as it stands comes first), then drafts with the function's true body take turns with
`python -m pytest -q -x IDS` in the project's twin that holds that body on disk. All tests pass on
both sides, bytecode is warm on both, and no draft's text comes twice. "swap", "import" and "cold"
are the runner's ways to the tests: a draft that only changes the body may be swapped, one that
adds a line outside of the function cannot be, one that asks for a clean process gets it.

PY has what the tests need: `requirements-tests.txt` of the benchmark and, for the heavy cases
(sympy, networkx, xarray), mpmath, numpy and pandas. Sdists come from $BENCH_CACHE, else from PyPI.
Run it on a quiet machine; the load is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import get_args

import cold_pytest
from case_sets import BenchError, Case, CaseSet, bench_folder
from cold_pytest import ColdPytestError, interpreter
from grid import grid
from judged import judge, opened
from machine import cores, setup
from runner_costs import Conditions, many, memory, rate, sandbox
from trial import Trial, TrialError, chosen, trial_of

from flowmill.errors import FlowmillError
from flowmill.options import Sandbox
from flowmill.protocols import Runner
from flowmill.shapes import RunPath

PARTS = ("speed", "rate", "memory", "sandbox", "many")
CASES = (
    "heavy/sympy/factor_.divisors",
    "heavy/networkx/euler.is_eulerian",
    "heavy/xarray/indexes.safe_cast_to_index",
    "holes/more-itertools/more.split_into",
    "holes/tabulate/__init__._align_column",
    "holes/cachetools/__init__.TLRUCache.popitem",
    "holes/semver/version.Version.match",
    "holes/humanize/number._format_not_finite",
    "holes/w3lib/encoding.html_to_unicode",
    "holes/mistune/block_parser.BlockParser.parse_block_quote",
)
LIGHT = ("holes/more-itertools/more.split_into", "holes/cachetools/__init__.TLRUCache.popitem")
"""What the sandbox's share is measured on: short tests, so that its milliseconds show."""


@dataclass(slots=True)
class Times:
    """Seconds of one case, round by round."""

    trial: Trial
    cold: list[float] = field(default_factory=list[float])
    verdict: dict[RunPath, list[float]] = field(default_factory=dict[RunPath, list[float]])
    first: list[float] = field(default_factory=list[float])
    notes: list[str] = field(default_factory=list[str])

    def ratio(self, path: RunPath) -> float:
        return median(self.cold) / median(self.verdict[path])


def main() -> int:
    args = parser().parse_args()
    if args.no_bytecode:
        os.environ[cold_pytest.NO_BYTECODE] = "1"
    for name, value in (setup() | {"rounds": str(args.rounds), "load": _load()}).items():
        print(f"{name + ':':<10} {value}")
    try:
        python = interpreter(args.python)
        asyncio.run(_parts(args, Conditions(python, args.rounds, args.sandbox, args.patience)))
    except (BenchError, ColdPytestError, TrialError, FlowmillError) as error:
        sys.stderr.write(f"runner_speed: {error}\n")
        return 1
    print(f"\nload at the end: {_load()}")
    return 0


async def _parts(args: argparse.Namespace, conditions: Conditions) -> None:
    bench = bench_folder(args.bench) if {"speed", "memory", "sandbox"} & set(args.only) else None
    for part in args.only:
        print(f"\n### {part}\n")
        if part == "rate":
            print(await rate(conditions, args.drafts, args.lanes))
        elif part == "many":
            print(await many(conditions, args.sizes))
        elif bench is not None:
            cases = chosen(bench, args.cases or (LIGHT if part == "sandbox" else CASES))
            if part == "speed":
                print(await speed(conditions, cases, args.paths))
            else:
                print(await {"memory": memory, "sandbox": sandbox}[part](conditions, cases))


async def speed(
    conditions: Conditions, cases: Sequence[tuple[CaseSet, Case]], paths: Sequence[RunPath]
) -> str:
    """The table of all cases, and what it comes to."""
    rows: list[Times] = []
    for cases_of, case in cases:
        with (
            trial_of(cases_of, case, conditions.python) as trial,
            tempfile.TemporaryDirectory(prefix="flowmill-cache-") as cache,
        ):
            runner = opened(trial.project, Path(cache), conditions.sandbox)
            try:
                rows.append(await _timed(trial, runner, conditions, paths))
            finally:
                await runner.aclose()
        sys.stderr.write(f"{case.id}: done\n")
    return "\n".join([_table(rows, paths), "", *_sums(rows, paths), *_notes(rows)])


async def _timed(trial: Trial, runner: Runner, conditions: Conditions, paths: Sequence[RunPath]) -> Times:
    times = Times(trial, verdict={path: [] for path in paths})
    await cold_pytest.timed(trial.project.python, trial.original, trial.tests)
    await judge(runner, trial.baseline())
    for path in paths:
        judged, waited = await trial.ready(runner, path, conditions.patience)
        if judged.end.path != path:
            why = judged.end.slower or "no reason given"
            times.notes.append(f"{path}: went by {judged.end.path} even after {waited:.0f} s ({why})")
    for number in range(conditions.rounds):
        times.cold.append(await cold_pytest.timed(trial.project.python, trial.original, trial.tests))
        for path in paths:
            await _once(times, runner, path, number)
    return times


async def _once(times: Times, runner: Runner, path: RunPath, number: int) -> None:
    judged = await judge(runner, times.trial.draft(number, path))
    if judged.fault or len(judged.results) != len(times.trial.tests):
        raise TrialError(f"{times.trial.name}: {judged.fault or 'not every test was reported'}")
    times.verdict[path].append(judged.seconds)
    if path == "swap":
        times.first.append(judged.first)
    if judged.end.path != path:
        times.notes.append(f"{path}, round {number}: {judged.end.path} ({judged.end.slower})")


def _table(rows: Sequence[Times], paths: Sequence[RunPath]) -> str:
    head = ["package", "function", "tests", "cold pytest ms"]
    for path in paths:
        head += [f"{path} ms", "ratio"]
    head += ["first outcome ms"] if "swap" in paths else []
    body: list[list[str]] = []
    for row in rows:
        line = [row.trial.name, f"`{row.trial.qualname}`", str(len(row.trial.tests)), _ms(row.cold)]
        for path in paths:
            line += [_ms(row.verdict[path]), f"{row.ratio(path):.1f}"]
        body.append(line + ([_ms(row.first)] if "swap" in paths else []))
    return grid(head, body, markdown=True)


def _sums(rows: Sequence[Times], paths: Sequence[RunPath]) -> list[str]:
    lines: list[str] = []
    for path in paths:
        ratios = [row.ratio(path) for row in rows]
        lines.append(f"{path}: median ratio {median(ratios):.1f}, least {min(ratios):.1f}")
    if "swap" in paths:
        lines.append(f"first outcome: median {_ms([median(row.first) for row in rows])} ms")
    return lines


def _notes(rows: Sequence[Times]) -> list[str]:
    return [f"{row.trial.name}: {note}" for row in rows for note in row.notes]


def _ms(seconds: Sequence[float]) -> str:
    return f"{1000 * median(seconds):.0f}"


def _load() -> str:
    return ", ".join(f"{average:.2f}" for average in os.getloadavg())


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="runner_speed.py"
    )
    p.add_argument("--bench", metavar="DIR", help="the benchmark's folder (or $FLOWMILL_BENCH)")
    p.add_argument("--python", default=sys.executable, metavar="PY", help="has what the tests need")
    p.add_argument("--only", type=_list_of(PARTS), default=list(PARTS), metavar="A,B", help=", ".join(PARTS))
    p.add_argument("--cases", nargs="+", metavar="ID", help="ids of open holes, or heavy/...")
    p.add_argument("--rounds", type=int, default=9, metavar="N", help="default: 9")
    ways = get_args(RunPath)
    p.add_argument("--paths", type=_list_of(ways), default=list(ways), metavar="A,B", help=", ".join(ways))
    p.add_argument(
        "--no-bytecode", action="store_true", help="plain pytest finds none of the project's bytecode"
    )
    p.add_argument("--sandbox", choices=get_args(Sandbox), default="auto")
    p.add_argument(
        "--patience", type=float, default=60.0, metavar="S", help="seconds that a path may take to be there"
    )
    p.add_argument("--drafts", type=int, default=200, metavar="N", help="of rate (default: 200)")
    p.add_argument("--lanes", type=int, default=cores(), metavar="N", help="of rate (default: the cores)")
    sizes = [100, 10_000]
    p.add_argument("--sizes", type=int, nargs="+", default=sizes, metavar="N", help="of many: tests in all")
    return p


def _list_of(allowed: Sequence[str]) -> Callable[[str], list[str]]:
    def read(text: str) -> list[str]:
        names = [name for name in text.split(",") if name]
        if not names or set(names) - set(allowed):
            raise argparse.ArgumentTypeError(f"choose from {','.join(allowed)}")
        return names

    return read


if __name__ == "__main__":
    sys.exit(main())
