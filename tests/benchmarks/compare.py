"""Runs strategies against each other on a set of cases, at the same budget, with one model.

    python tests/benchmarks/compare.py holes --bench DIR --python PY --sample 10 --out holes.jsonl

For each case and strategy the project is built anew, `flowmill generate` or `flowmill repair`
(mutants, quixbugs) works in it, and its target file is judged in a clean copy. Strategies take
turns case by case, so that the machine's moods meet all alike, and who begins changes from case
to case, because the first one pays for the prompt that the model's server then has in its cache
(--cold starts the embedded model anew for each command instead).

`flow-PART` is flow with one part left out: each is run in the same turns as `flow` itself, and the
difference is what that part paid (without.py says what the parts are).

The file of --out takes one JSON line per attempt; run the same line again to go on where it
stopped. `visible - hidden` is the share of attempts whose visible tests pass less the share
that is solved: for humaneval the docstring's examples against the official check, for the
other sets, whose tests are all visible, what was claimed against what was solved.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from attempt import NULL, ORACLE, Conditions, attempt
from case_sets import BenchError, Case, CaseSet, SetName, bench_folder
from compared import ordered, report
from machine import setup
from plotted import picture
from rows import Row, Store, read
from without import PARTS

from flowmill.errors import FlowmillError
from flowmill.model.embedded import catalogue
from flowmill.model.embedded.launch import connect
from flowmill.options import EMBEDDED
from flowmill.shapes import StrategyName

STRATEGIES = (*get_args(StrategyName), *(f"flow-{part}" for part in PARTS), NULL, ORACLE)


@dataclass(frozen=True, slots=True)
class Step:
    """One attempt that is to be made."""

    case: Case
    row: Row


def main() -> int:
    args = parser().parse_args()
    try:
        rows, stopped = (_stored(args), False) if args.table else run(args)
    except (BenchError, FlowmillError) as error:
        hint = getattr(error, "hint", "")
        sys.stderr.write(f"compare: {error}\n" + (f"  {hint}\n" if hint else ""))
        return 2
    kept = {row.key: row for row in rows}
    print(report(list(kept.values()), markdown=args.markdown, by_case=args.cases))
    if args.picture is not None:
        args.picture.write_text(picture(ordered(kept.values()), _title(args, kept.values())), "utf-8")
    if stopped:
        return 130
    return 1 if any(row.broken for row in kept.values()) else 0


def _title(args: argparse.Namespace, rows: Iterable[Row]) -> str:
    models = " | ".join(sorted({row.model for row in rows}))
    return f"{args.set}, {models}, at most {args.max_seconds:g} s"


def _stored(args: argparse.Namespace) -> list[Row]:
    if args.out is None:
        raise BenchError("--table shows a file: name it with --out")
    return [row for row in read(args.out) if row.case.startswith(f"{args.set}/")]


def run(args: argparse.Namespace) -> tuple[list[Row], bool]:
    """Make the attempts that are missing; the rows of all that were asked for, made now or earlier.

    The second value says whether Ctrl-C ended it before its time.
    """
    cases = CaseSet(bench_folder(args.bench), args.set, args.half)
    chosen = cases.choose(args.ids, args.sample, args.limit)
    store = Store(args.out)
    embedded = args.base_url == EMBEDDED
    weights = catalogue.find(args.model) if args.model and embedded else catalogue.default_model()
    model = weights.name if embedded else args.model or "served"
    limits = _limits(args)
    steps = plan(chosen, args, model, f"{args.max_seconds:g} s {' '.join(limits)}".strip())
    _same_limits(store, steps)
    missing = [step for step in steps if not store.done(step.row.key)]
    named = ["--model", model] if embedded or args.model else []
    options = ("--base-url", args.base_url, *named, *limits)
    conditions = Conditions(_interpreter(args.python), args.max_seconds, options)
    asks = any(step.row.strategy not in (NULL, ORACLE) for step in missing)
    with held(weights if embedded and asks and not args.cold else None):
        stopped = _make(missing, cases, conditions, store)
    wanted = {step.row.key for step in steps}
    return [row for key, row in store.rows.items() if key in wanted], stopped


def _make(missing: Sequence[Step], cases: CaseSet, conditions: Conditions, store: Store) -> bool:
    """Make the attempts, each kept as soon as it is judged; was it stopped by Ctrl-C?"""
    try:
        for number, step in enumerate(missing, 1):
            row = attempt(cases, step.case, step.row, conditions)
            store.add(row)
            _tell(f"{number}/{len(missing)}", row)
    except KeyboardInterrupt:
        return True
    return False


def plan(cases: Sequence[Case], args: argparse.Namespace, model: str, limits: str) -> list[Step]:
    """Every attempt in order: case by case, and in each case one strategy after the other."""
    names, now = args.strategies, setup()
    steps: list[Step] = []
    for repeat in range(args.repeats):
        for seed in args.seeds:
            for case in cases:
                turn = (case.place + seed + repeat) % len(names)
                for name in [*names[turn:], *names[:turn]]:
                    row = Row(case.id, name, model, seed, repeat, limits, setup=now)
                    steps.append(Step(case, row))
    return steps


@contextlib.contextmanager
def held(weights: catalogue.Weights | None) -> Generator[None, None, None]:
    """Keep the embedded model's server up meanwhile, so that each command joins it; None: nothing to keep."""
    if weights is None:
        yield
        return
    server = asyncio.run(connect(weights))
    try:
        yield
    finally:
        asyncio.run(server.aclose())


def _limits(args: argparse.Namespace) -> list[str]:
    """What every command gets besides the model and the seconds."""
    options = ["--max-calls", str(args.max_calls)] if args.max_calls else []
    options += ["--max-tokens", str(args.max_tokens)] if args.max_tokens else []
    return [*options, "--allow-unverified"] if args.allow_unverified else options


def _same_limits(store: Store, steps: Sequence[Step]) -> None:
    """A table must not mix budgets."""
    for limits in {row.limits for row in store.rows.values()} - {step.row.limits for step in steps}:
        raise BenchError(f"the file of --out holds attempts with other limits ({limits}): name another file")


def _interpreter(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise BenchError(
            f"no interpreter {name}; --python names one that has the packages that the tests need"
        )
    return os.path.abspath(found)


def _tell(place: str, row: Row) -> None:
    word = (
        "broken" if row.broken else "solved" if row.solved else "FALSE SUCCESS" if row.claimed else "unsolved"
    )
    sys.stderr.write(
        f"{place}  {row.case}  {row.strategy}: {word}, {row.calls} calls, {row.seconds:.1f} s"
        f"  {row.broken or row.why}\n"
    )


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="compare.py"
    )
    p.add_argument("set", choices=get_args(SetName), help="the set of cases")
    p.add_argument("--bench", metavar="DIR", help="the benchmark's folder (or $FLOWMILL_BENCH)")
    p.add_argument("--half", default="open", help="the benchmark's subfolder with the sets (default: open)")
    p.add_argument(
        "--strategies",
        type=_names,
        default=list(get_args(StrategyName)),
        metavar="A,B",
        help=f"of {', '.join(STRATEGIES)}",
    )
    p.add_argument(
        "--out", type=Path, metavar="FILE", help="JSON lines, one per attempt; goes on where it stopped"
    )
    p.add_argument(
        "--python", default=sys.executable, metavar="PY", help="has the packages that the tests need"
    )
    which = p.add_argument_group("which cases")
    which.add_argument("--ids", nargs="+", default=[], metavar="ID")
    which.add_argument("--sample", type=int, metavar="N", help="N of them, by a fixed hash order")
    which.add_argument("--limit", type=int, metavar="N", help="the first N of those chosen")
    how = p.add_argument_group("model and budget, the same for all")
    how.add_argument("--model", metavar="NAME")
    how.add_argument("--base-url", default=EMBEDDED, metavar="URL", help="default: the embedded model")
    how.add_argument("--cold", action="store_true", help="start the embedded model anew for each command")
    how.add_argument("--max-seconds", type=float, default=120.0, metavar="N", help="default: 120")
    how.add_argument("--max-calls", type=int, metavar="N")
    how.add_argument("--max-tokens", type=int, metavar="N")
    how.add_argument("--seeds", type=int, nargs="+", default=[0], metavar="N")
    how.add_argument("--repeats", type=int, default=1, metavar="N", help="each seed so many times")
    how.add_argument(
        "--allow-unverified", action="store_true", help="judge results that are merely better, too"
    )
    shown = p.add_argument_group("what is shown")
    shown.add_argument("--table", action="store_true", help="run nothing: the table of the whole --out file")
    shown.add_argument("--cases", action="store_true", help="case by case, too")
    shown.add_argument("--markdown", action="store_true")
    shown.add_argument(
        "--picture", type=Path, metavar="SVG", help="draw solve rates and what was solved after how long"
    )
    return p


def _names(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    wrong = [name for name in names if name not in STRATEGIES]
    if wrong or not names:
        raise argparse.ArgumentTypeError(
            f"{', '.join(wrong) or 'nothing'}: choose from {','.join(STRATEGIES)}"
        )
    return names


if __name__ == "__main__":
    sys.exit(main())
