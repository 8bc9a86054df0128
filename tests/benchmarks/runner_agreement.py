"""Whether the runner says of every test what plain pytest says of it.

    python tests/benchmarks/runner_agreement.py --bench DIR --python PY --out agreement.jsonl

For every open case of holes and mutants and each of its two states (original and stub, or
original and mutant) the case's test files run by `python -m pytest` in a folder that holds that
state, and by the runner in a folder that holds the other state on disk and gets this one as a
draft: by the swap, by a fresh import, and in a process of its own. What differs is listed with
both messages. Where something differs the plain run is repeated, and tests that do not
come out alike each time are listed apart. A stub that breaks the import compares as such.

The file takes one JSON line per case, state and path; run the same line again to go on where it
stopped. PY has the packages of the benchmark's `requirements-tests.txt`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import cold_pytest
from agreement import Compared, Outcomes, differences, flickering, of_pytest, of_runner, without
from case_sets import BenchError, Case, CaseSet, SetName, bench_folder
from cold_pytest import ColdPytestError, interpreter
from grid import grid
from judged import Judged, judge, opened
from machine import setup

from flowmill.protocols import Runner
from flowmill.shapes import Project, RunPath, TestLimits, TestOrder
from flowmill.source.functions import find
from flowmill.source.text import SourceFile

SETS: tuple[SetName, ...] = ("holes", "mutants")
State = Literal["original", "case"]
OTHER: dict[State, State] = {"original": "case", "case": "original"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What all comparisons have in common."""

    python: Path
    paths: tuple[RunPath, ...]
    repeats: int
    patience: float
    test_seconds: float


@dataclass(frozen=True, slots=True)
class Site:
    """One case with one state as the draft: a folder for each side."""

    name: str
    state: str
    tests: tuple[str, ...]
    plain: Path
    project: Project
    file: SourceFile
    data: bytes
    """The file's text in the state that is judged; `file` is the other one, which is on disk."""
    qualname: str

    def order(self, path: RunPath, plan: Plan) -> TestOrder:
        newline = self.file.newline
        extra = self.file.encode(f"{newline}_flowmill_ = 0{newline}") if path == "import" else b""
        overlay = {self.file.path: self.data + extra}
        return TestOrder(overlay, self.files, self.tests, limits=_limits(plan), clean=path == "cold")

    def baseline(self, plan: Plan) -> TestOrder:
        target = find(self.file, self.qualname).target(self.file.path)
        return TestOrder({}, self.files, self.tests, trace=target, untrusted=False, limits=_limits(plan))

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(test.partition("::")[0] for test in self.tests))


def main() -> int:
    args = parser().parse_args()
    done = {row.key: row for row in _read(args.out)}
    try:
        if not args.table:
            python = interpreter(args.python)
            plan = Plan(python, tuple(args.paths), args.repeats, args.patience, args.test_seconds)
            asyncio.run(_all(args, plan, done))
    except (BenchError, ColdPytestError) as error:
        sys.stderr.write(f"runner_agreement: {error}\n")
        return 2
    print(report(list(done.values())))
    return int(any(row.differences or row.broken for row in done.values()))


async def _all(args: argparse.Namespace, plan: Plan, done: dict[tuple[str, str, str], Compared]) -> None:
    turn = asyncio.Semaphore(args.jobs)

    async def one(cases: CaseSet, case: Case, state: State) -> None:
        async with turn:
            name = _called(case, state)
            left = [path for path in plan.paths if _missing(done, case.id, name, path)]
            for row in await _compared(cases, case, state, replace(plan, paths=tuple(left))) if left else ():
                done[row.key] = row
                _keep(args.out, row)
                _tell(row)

    steps: list[tuple[CaseSet, Case, State]] = []
    for name in args.sets:
        cases = CaseSet(bench_folder(args.bench), name, args.half)
        wanted = [case for case in cases.cases if not args.ids or case.id in args.ids][: args.limit]
        steps += [(cases, case, state) for case in wanted for state in get_args(State)]
    await asyncio.gather(*(one(*step) for step in steps))


def _missing(done: dict[tuple[str, str, str], Compared], case: str, state: str, path: str) -> bool:
    row = done.get((case, state, path))
    return row is None or bool(row.broken)


def _called(case: Case, state: State) -> str:
    changed = "mutant" if case.id.startswith("mutants/") else "stub"
    return "original" if state == "original" else changed


async def _compared(cases: CaseSet, case: Case, state: State, plan: Plan) -> list[Compared]:
    """The rows of one case in one state; whatever goes wrong around it stands in their `broken`."""
    now = setup()
    empty = [Compared(case.id, _called(case, state), path, setup=now) for path in plan.paths]
    with tempfile.TemporaryDirectory(prefix="flowmill-agree-", ignore_cleanup_errors=True) as name:
        try:
            site = _site(cases, case, state, Path(name), plan.python)
            cold = await cold_pytest.said(plan.python, site.plain, site.tests, _options(plan))
            told = of_pytest(cold.tests, cold.broken)
            rows = [replace(row, cold_seconds=round(cold.seconds, 3)) for row in empty]
            return await _by_runner(site, Path(name, "cache"), plan, told, rows)
        except Exception as error:  # One case must not end a run of an hour, whatever it does.
            return [replace(row, broken=f"{type(error).__name__}: {error}"[:400]) for row in empty]


def _site(cases: CaseSet, case: Case, state: State, folder: Path, python: Path) -> Site:
    folder = folder.resolve()
    plain = cases.build(case, folder / "plain", state)
    target = cases.build(case, folder / "project", OTHER[state])
    return Site(
        case.id,
        _called(case, state),
        tuple(case.data["test_files"]),
        folder / "plain",
        Project(folder / "project", python, "--python"),
        SourceFile.read(target),
        plain.read_bytes(),
        case.qualname,
    )


async def _by_runner(
    site: Site, cache: Path, plan: Plan, told: Outcomes, rows: Sequence[Compared]
) -> list[Compared]:
    runs = [told]
    found: list[Compared] = []
    runner = opened(site.project, cache, "auto")
    try:
        await judge(runner, site.baseline(plan))
        for row, path in zip(rows, plan.paths, strict=True):
            judged = await _by(runner, site, path, plan)
            different = differences(told, of_runner(judged.results, judged.end))
            while different and len(runs) <= plan.repeats:
                again = await cold_pytest.said(plan.python, site.plain, site.tests, _options(plan))
                runs.append(of_pytest(again.tests, again.broken))
            moody = flickering(runs)
            kept = without(different, moody)
            end = judged.end
            row = replace(row, taken=end.path, slower=end.slower, doubt=end.doubt, tests=len(told))
            row = replace(row, differences=kept, flickering=tuple(sorted(moody)))
            found.append(replace(row, seconds=round(judged.seconds, 3)))
    finally:
        await runner.aclose()
    return found


async def _by(runner: Runner, site: Site, path: RunPath, plan: Plan) -> Judged:
    """Judge the draft until it takes that path, for as long as patience allows."""
    deadline = time.monotonic() + plan.patience
    while True:
        judged = await judge(runner, site.order(path, plan))
        if judged.end.path == path or time.monotonic() > deadline:
            return judged
        await asyncio.sleep(0.1)


def _limits(plan: Plan) -> TestLimits:
    # Every test is to have its outcome, however many of them loop.
    return TestLimits(run_seconds=600.0, test_seconds=plan.test_seconds, timeouts=100_000)


def _options(plan: Plan) -> list[str]:
    """The one thing that plain pytest is not left to itself in: a mutant may loop for ever."""
    return ["--timeout", f"{plan.test_seconds:g}"]


# ------------------------------------------------------------------ the file and what is shown
def _read(path: Path | None) -> list[Compared]:
    """The rows of a file; a line cut short by a crash is passed over."""
    rows: list[Compared] = []
    for line in path.read_text("utf-8").splitlines() if path and path.exists() else ():
        with suppress(ValueError):
            rows.append(Compared.from_json(json.loads(line)))
    return rows


def _keep(path: Path | None, row: Compared) -> None:
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row.as_json()) + "\n")


def _tell(row: Compared) -> None:
    word = row.broken or (f"{len(row.differences)} DIFFER" if row.differences else f"{row.tests} agree")
    sys.stderr.write(f"{row.case}  {row.state}  {row.path} ({row.taken}): {word}, {row.seconds:.1f} s\n")


def report(rows: Sequence[Compared]) -> str:
    """Totals by set, state and path, then every difference, every test that flickers, every case that broke."""
    keys = sorted({(row.case.partition("/")[0], row.state, row.path) for row in rows})
    body: list[list[str]] = []
    for key in keys:
        these = [r for r in rows if (r.case.partition("/")[0], r.state, r.path) == key]
        taken, tests = sum(r.taken == r.path for r in these), sum(r.tests for r in these)
        differ, moody = sum(len(r.differences) for r in these), sum(len(r.flickering) for r in these)
        counts = (len(these), taken, tests, tests - differ - moody, differ, moody)
        body.append([*key, *map(str, counts)])
    head = ("set", "state", "path", "cases", "by it", "outcomes", "agree", "differ", "flicker")
    lines = [grid(head, body, markdown=True), ""]
    for row in rows:
        place = f"{row.case} {row.state} {row.path} ({row.taken})"
        lines += [f"BROKEN {place}: {row.broken}"] if row.broken else []
        lines += [
            f"DIFFERS {place} {each.test}: pytest {each.cold} ({each.cold_message}),"
            f" runner {each.ours} ({each.our_message})"
            for each in row.differences
        ]
        lines += [f"flickers {place} {test}" for test in row.flickering]
        lines += [f"doubted {place}: {row.doubt}"] if row.doubt else []
        lines += [f"slower {place}: {row.slower}"] if row.path != row.taken else []
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="runner_agreement.py"
    )
    p.add_argument("--bench", metavar="DIR", help="the benchmark's folder (or $FLOWMILL_BENCH)")
    p.add_argument("--half", default="open", help="the benchmark's subfolder with the sets (default: open)")
    p.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    p.add_argument("--python", default=sys.executable, metavar="PY", help="has what the tests need")
    p.add_argument("--out", type=Path, metavar="FILE", help="JSON lines; goes on where it stopped")
    p.add_argument("--ids", nargs="+", default=[], metavar="ID")
    p.add_argument("--limit", type=int, metavar="N", help="the first N of each set")
    ways = get_args(RunPath)
    p.add_argument("--paths", nargs="+", choices=ways, default=list(ways))
    p.add_argument("--jobs", type=int, default=1, metavar="N", help="cases at once (default: 1)")
    p.add_argument("--repeats", type=int, default=3, metavar="N", help="of plain pytest where they differ")
    p.add_argument(
        "--patience", type=float, default=60.0, metavar="S", help="that a path may take to be there"
    )
    p.add_argument("--test-seconds", type=float, default=10.0, metavar="S", help="one test's limit")
    p.add_argument("--table", action="store_true", help="run nothing: what the file of --out comes to")
    return p


if __name__ == "__main__":
    sys.exit(main())
