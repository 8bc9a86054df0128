"""How fast `flowmill` is there, and what it costs besides the model and the tests.

    python tests/benchmarks/startup.py

Times `flowmill --help` beside `python -c pass` and `python -c "import pytest"`, taking turns in
one run, so that their ratios mean something on any machine. Then runs `flowmill generate` on a
small project against a scripted endpoint (no model needed): seconds to the first event, peak
memory of the flowmill process alone, and the seconds that neither the model nor the tests take.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from pathlib import Path

from figures import percent, percentile
from grid import grid
from machine import setup
from scratch import MODEL, TARGET, write_project, write_script
from spawned import Ended, environment, flowmill, run_flowmill

TESTS = Path(__file__).resolve().parents[1]
LIMIT = 120.0


def main() -> int:
    args = parser().parse_args()
    for name, value in setup().items():
        print(f"{name + ':':<10} {value}")
    print("\n" + help_table(args.rounds, markdown=args.markdown))
    runs = generate_runs(args.runs, args.answer_seconds)
    failed = [run for run in runs if run.code != 0]
    if failed:
        sys.stderr.write(f"startup: generate ended with {failed[0].code}: {failed[0].complaint}\n")
        return 1
    print("\n" + generate_table(runs, args.answer_seconds, markdown=args.markdown))
    return 0


def help_table(rounds: int, *, markdown: bool) -> str:
    """Median wall seconds of each command, and how many times `python -c pass` that is."""
    commands = {
        "flowmill --help": [*flowmill(), "--help"],
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -c 'import pytest'": [sys.executable, "-c", "import pytest"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for place in range(rounds + 1):
        for name, command in commands.items():
            taken = wall(command)
            if place:  # The first round fills the disk cache and compiles.
                seconds[name].append(taken)
    base = statistics.median(seconds["python -c pass"])
    body: list[list[str]] = []
    for name, s in seconds.items():
        middle = statistics.median(s)
        body.append([name, f"{middle:.3f}", f"{min(s):.3f}", f"{max(s):.3f}", f"{middle / base:.1f}"])
    return grid((f"{rounds} rounds, s", "median", "least", "most", "x pass"), body, markdown=markdown)


def wall(command: Sequence[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment())
    return time.perf_counter() - started


def generate_runs(count: int, answer_seconds: float) -> list[Ended]:
    """So many runs of generate, each of which the scripted endpoint answers with the solution."""
    with tempfile.TemporaryDirectory(prefix="flowmill-startup-") as name:
        folder = Path(name).resolve()
        project = write_project(folder / "project")
        with endpoint(write_script(folder / "script.json", answer_seconds)) as url:
            options = ["--json", "--base-url", url, "--model", MODEL, "--python", sys.executable]
            # One run more than asked for: the first one compiles and fills caches.
            return [run_flowmill(["generate", TARGET, *options], project, LIMIT) for _ in range(count + 1)][
                1:
            ]


@contextlib.contextmanager
def endpoint(script: Path) -> Generator[str, None, None]:
    """The address of a scripted model server, a process of its own, for as long as the block lasts."""
    command = [sys.executable, "-m", "doubles.openai_server", "--script", str(script)]
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment() | {"PYTHONPATH": path},
    ) as server:
        assert server.stdout
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        finally:
            server.terminate()


def generate_table(runs: Sequence[Ended], answer_seconds: float, *, markdown: bool) -> str:
    accounts = [run.finished["seconds"] for run in runs]
    peaks = [run.peak / 1e6 for run in runs if run.peak is not None]
    overheads = [float(account["overhead"]) for account in accounts]
    figures: dict[str, tuple[list[float], str]] = {
        "first event, s": ([run.first_event for run in runs if run.first_event is not None], ".3f"),
        "peak memory, MB": (peaks, ".1f"),
        "whole command, s": ([run.seconds for run in runs], ".2f"),
        "tests, s": ([float(account["tests"]) for account in accounts], ".2f"),
        "model, s": ([float(account["model"]) for account in accounts], ".2f"),
        "neither, s": (overheads, ".3f"),
        "neither, % of the run": (
            [
                percent(value, float(account["total"]))
                for value, account in zip(overheads, accounts, strict=True)
            ],
            ".1f",
        ),
    }
    body = [
        [name, *(f"{value:{form}}" for value in (statistics.median(values), percentile(values, 100)))]
        for name, (values, form) in figures.items()
        if values
    ]
    head = (f"generate, {len(runs)} runs, answers take {answer_seconds:g} s", "median", "most")
    return grid(head, body, markdown=markdown)


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="startup.py"
    )
    p.add_argument(
        "--rounds", type=int, default=9, metavar="N", help="of --help and its yardsticks (default: 9)"
    )
    p.add_argument("--runs", type=int, default=5, metavar="N", help="of generate (default: 5)")
    p.add_argument(
        "--answer-seconds",
        type=float,
        default=3.0,
        metavar="N",
        help="how long an answer streams (default: 3)",
    )
    p.add_argument("--markdown", action="store_true")
    return p


if __name__ == "__main__":
    sys.exit(main())
