"""How much of its prompts a run found in the model server's prompt cache, call by call.

    python tests/benchmarks/cache_share.py last          a run of the journal, or several
    python tests/benchmarks/cache_share.py --make        makes a run with the embedded model first

The share that counts is that of the second call on: cached tokens of all prompt tokens. A call
whose stream was broken off is shown but not counted, since its server never told its tokens.
The run that --make makes cannot succeed, so that it asks until --max-calls.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from figures import percent
from grid import grid
from machine import setup
from scratch import TARGET, write_project
from spawned import run_flowmill

from flowmill.errors import FlowmillError
from flowmill.journal import Answer, Journal
from flowmill.journal.shapes import Recorded
from flowmill.options import EMBEDDED

LIMIT = 900.0


def main() -> int:
    args = parser().parse_args()
    try:
        names = [make(args)] if args.make else args.runs
        with Journal.open() as journal:
            runs = [journal.recorded(name) for name in names]
    except FlowmillError as error:
        sys.stderr.write(f"cache_share: {error}\n")
        return error.exit_code
    for name, value in setup().items():
        print(f"{name + ':':<10} {value}")
    for run in runs:
        print("\n" + of_run(run, markdown=args.markdown))
    answers = [run.answers for run in runs]
    print(
        f"\nfrom the second call on, {len(runs)} run(s): {later_share(answers):.1f} % of prompt tokens cached"
    )
    return 0


def make(args: argparse.Namespace) -> str:
    """Run generate on a small project that has no solution; the run's id. Raises `FlowmillError`."""
    options = ["--strategy", args.strategy, "--max-calls", str(args.max_calls), "--base-url", args.base_url]
    options += ["--model", args.model] if args.model else []
    options += ["--max-seconds", f"{LIMIT:g}", "--python", sys.executable, "--json"]
    with tempfile.TemporaryDirectory(prefix="flowmill-cache-") as name:
        project = write_project(Path(name).resolve() / "project", solvable=False)
        ended = run_flowmill(["generate", TARGET, *options], project, LIMIT + 60)
    if "run" not in ended.finished or ended.code not in (0, 1):
        raise FlowmillError(f"generate ended with {ended.code}: {ended.complaint}")
    return str(ended.finished["run"])


def of_run(run: Recorded, *, markdown: bool) -> str:
    row = run.run
    head = f"run {row.id}: {row.mode} {row.qualname}, {row.strategy}, {row.model}, {row.calls} calls"
    body = [_line(answer) for answer in run.answers]
    return head + "\n" + grid(("call", "prompt", "cached", "share", "reply", "s"), body, markdown=markdown)


def later_share(runs: Sequence[Sequence[Answer]]) -> float:
    """Cached of all prompt tokens, in percent, over the whole answers after the first call of each run."""
    later = [answer.usage for answers in runs for answer in answers if answer.call > 1 and answer.complete]
    return percent(sum(usage.cached for usage in later), sum(usage.prompt for usage in later))


def _line(answer: Answer) -> list[str]:
    usage = answer.usage
    share = f"{percent(usage.cached, usage.prompt):.0f} %" if answer.complete else "broken off"
    counts = [str(count) for count in (usage.prompt, usage.cached)]
    return [str(answer.call), *counts, share, str(usage.completion), f"{answer.seconds:.1f}"]


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="cache_share.py"
    )
    p.add_argument("runs", nargs="*", default=["last"], metavar="RUN", help="ids, or last (default)")
    p.add_argument("--make", action="store_true", help="make a run first")
    p.add_argument("--strategy", default="flow", help="of --make (default: flow)")
    p.add_argument("--max-calls", type=int, default=6, metavar="N", help="of --make (default: 6)")
    p.add_argument("--model", metavar="NAME", help="of --make")
    p.add_argument(
        "--base-url", default=EMBEDDED, metavar="URL", help="of --make (default: the embedded model)"
    )
    p.add_argument("--markdown", action="store_true")
    return p


if __name__ == "__main__":
    sys.exit(main())
