"""What the embedded model and test processes beside it take from each other: which split loses least.

    python tests/benchmarks/model_beside.py                         12 cells, about a quarter of an hour
    python tests/benchmarks/model_beside.py --cells 2:50:0 2:100:2:auto19 --rounds 5

A cell is THREADS:POLL:BUSY[:HOW]: the model's threads, how eagerly they spin (llama.cpp's `poll`,
0 to 100), how many busy test processes run beside it, and what these did to be modest: `nice10`
or any other niceness, `idle` or `batch` (SCHED_IDLE, SCHED_BATCH), or `auto10` and the like, the
niceness of their session (/proc/self/autogroup). The model decodes in windows of --seconds while
the tests' work is counted; cells take turns, medians of --rounds. Needs the weights
(`flowmill model pull`) and a quiet machine: the load is printed. A server of its own is started.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import median

from grid import grid
from machine import setup

from flowmill.errors import FlowmillError, ModelError
from flowmill.model.embedded import catalogue
from flowmill.model.embedded.launch import EmbeddedServer, LaunchOptions, connect
from flowmill.paths import cache_dir

HERE = Path(__file__).resolve().parent
SETTLE = 1.0
"""Seconds at the beginning of a window that are not counted."""
PROMPT = "def quicksort(items):\n"
CELLS = (
    "2:50:0",
    "2:50:1:nice10",
    "2:50:1:auto19",
    "2:50:2:nice0",
    "2:50:2:nice10",
    "2:50:2:idle",
    "2:50:2:auto10",
    "2:50:2:auto19",
    "2:0:0",
    "2:0:2:auto19",
    "1:50:0",
    "1:50:1:auto19",
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One split of the machine."""

    threads: int
    poll: int
    busy: int
    how: str = ""

    @classmethod
    def read(cls, text: str) -> Cell:
        try:
            threads, poll, busy, *how = text.split(":")
            cell = cls(int(threads), int(poll), int(busy), *how)
        except (ValueError, TypeError):
            raise argparse.ArgumentTypeError("THREADS:POLL:BUSY[:HOW], such as 2:50:1:nice10") from None
        if cell.busy and not cell.how:
            raise argparse.ArgumentTypeError(f"{text}: how do the busy ones run? Such as {text}:nice10")
        return cell


@dataclass(frozen=True, slots=True)
class Window:
    """Tokens a second of the model, units a second of all busy processes together."""

    tokens: float
    units: float


def main() -> int:
    args = parser().parse_args()
    facts = setup() | {"load": _load(), "groups": _autogroup(), "model": args.model}
    for name, value in facts.items():
        print(f"{name + ':':<10} {value}")
    try:
        alone, windows = asyncio.run(_all(args))
    except FlowmillError as error:
        sys.stderr.write(f"model_beside: {error}\n" + (f"  {error.hint}\n" if error.hint else ""))
        return error.exit_code
    print("\n" + report(alone, windows) + f"\n\nload at the end: {_load()}")
    return 0


async def _all(args: argparse.Namespace) -> tuple[dict[int, list[float]], dict[Cell, list[Window]]]:
    """By number of busy processes what they do without a model; by cell what both do."""
    cells: list[Cell] = sorted(args.cells, key=lambda cell: (-cell.threads, cell.poll, cell.busy, cell.how))
    alone: dict[int, list[float]] = {cell.busy: [] for cell in cells if cell.busy}
    windows: dict[Cell, list[Window]] = {cell: [] for cell in cells}
    for _ in range(args.rounds):
        for busy, units in alone.items():
            with started(busy, "nice0") as processes:
                units.append(await asyncio.to_thread(_counted, processes, args.seconds))
        for (threads, poll), group in groupby(cells, key=lambda cell: (cell.threads, cell.poll)):
            async with served(args.model, threads, poll) as server:
                for cell in group:
                    window = await asyncio.to_thread(measure, server, cell, args.seconds)
                    windows[cell].append(window)
                    sys.stderr.write(f"{cell}: {window}\n")
    return alone, windows


@contextlib.asynccontextmanager
async def served(model: str, threads: int, poll: int) -> AsyncGenerator[EmbeddedServer, None]:
    """The model with those threads, on a port and in a cache folder of its own."""
    command = [sys.executable, str(HERE / "model_engine.py"), "--threads", str(threads), "--poll", str(poll)]
    with tempfile.TemporaryDirectory(prefix="flowmill-beside-") as name:
        _link(Path(name))
        server = await connect(catalogue.find(model), Path(name), LaunchOptions(command, _free_port()))
        try:
            yield server
        finally:
            await server.aclose()


def _link(folder: Path) -> None:
    """The weights are those of the user's cache; nothing else of it is touched."""
    (folder / "models").symlink_to(cache_dir() / "models")


def measure(server: EmbeddedServer, cell: Cell, seconds: float) -> Window:
    """One window of the cell: its processes are started for it and ended with it."""
    with started(cell.busy, cell.how) as processes, decoding(server) as tokens:
        next(tokens)  # the prompt is read
        for process in processes:
            _ask(process, SETTLE + seconds)
        _count(tokens, SETTLE)
        rate = _count(tokens, seconds)
        units = sum(_answer(process) for process in processes)
    return Window(rate, units)


def _count(tokens: Iterator[None], seconds: float) -> float:
    """Tokens a second, from now until the first token after so many seconds."""
    begun, number = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        next(tokens)
        number += 1
    return number / (time.perf_counter() - begun)


# ------------------------------------------------------------------ the model
@contextlib.contextmanager
def decoding(server: EmbeddedServer) -> Generator[Iterator[None], None, None]:
    """One long answer as a stream, token by token, broken off at the end of the block."""
    parts = urllib.parse.urlsplit(server.base_url)
    order = {"prompt": PROMPT, "n_predict": 4096, "ignore_eos": True, "stream": True, "temperature": 0}
    headers = {"Authorization": f"Bearer {server.api_key}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
    try:
        connection.request("POST", "/completion", json.dumps(order), headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise ModelError(f"the model's server answered {answer.status}: {answer.read(200)!r}")
        yield _tokens(answer)
    finally:
        connection.close()


def _tokens(answer: http.client.HTTPResponse) -> Iterator[None]:
    for line in answer:
        if line.startswith(b"data: ") and not json.loads(line[6:]).get("stop"):
            yield
    raise ModelError("the model's answer ended before the window did: choose fewer --seconds")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


# ------------------------------------------------------------------ the busy processes
@contextlib.contextmanager
def started(count: int, how: str) -> Generator[list[subprocess.Popen[str]], None, None]:
    """So many busy processes, waiting to be asked."""
    command = [sys.executable, str(HERE / "busy_tests.py"), how]
    processes: list[subprocess.Popen[str]] = []
    try:
        for _ in range(count):
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
            )
            processes.append(process)
            _line(process)
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _counted(processes: Sequence[subprocess.Popen[str]], seconds: float) -> float:
    for process in processes:
        _ask(process, seconds)
    return sum(_answer(process) for process in processes)


def _ask(process: subprocess.Popen[str], seconds: float) -> None:
    assert process.stdin
    process.stdin.write(f"{seconds}\n")
    process.stdin.flush()


def _answer(process: subprocess.Popen[str]) -> float:
    return float(_line(process))


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        raise FlowmillError("a busy process ended: this system does not know what it was asked to be")
    return line


# ------------------------------------------------------------------ what is shown
def report(alone: dict[int, list[float]], windows: dict[Cell, list[Window]]) -> str:
    """Every cell with what each side keeps of what it does when it is alone, and the best for each busy count."""
    unhurried = [cell for cell in windows if not cell.busy] or list(windows)
    best = max(median(w.tokens for w in windows[cell]) for cell in unhurried)
    body: list[list[str]] = []
    kept: dict[Cell, tuple[float, float]] = {}
    for cell, found in windows.items():
        tokens, units = median(w.tokens for w in found), median(w.units for w in found)
        whole = median(alone[cell.busy]) if cell.busy else 0.0
        kept[cell] = tokens / best, units / whole if whole else 0.0
        split = [str(cell.threads), str(cell.poll), str(cell.busy), cell.how or "-"]
        tests = [f"{units:.0f}", f"{100 * kept[cell][1]:.0f} %"] if whole else ["-", "-"]
        body.append([*split, f"{tokens:.1f}", f"{100 * kept[cell][0]:.0f} %", *tests])
    head = ("threads", "poll", "busy", "how", "tokens/s", "of alone", "test units/s", "of alone")
    lines = [grid(head, body, markdown=True), ""]
    for busy in sorted(alone):
        cell = max((c for c in kept if c.busy == busy), key=lambda c: kept[c][0] * kept[c][1])
        model, tests = (100 * share for share in kept[cell])
        lines.append(
            f"{busy} busy: least is lost with {cell.threads} threads, poll {cell.poll}, {cell.how}:"
            f" the model keeps {model:.0f} %, the tests {tests:.0f} %"
        )
    return "\n".join(lines)


def _load() -> str:
    return ", ".join(f"{average:.2f}" for average in os.getloadavg())


def _autogroup() -> str:
    """Whether niceness counts between sessions at all."""
    switch = Path("/proc/sys/kernel/sched_autogroup_enabled")
    on = switch.exists() and switch.read_text().strip() == "1"
    return "by session: nice counts only within one" if on else "none: nice counts between all"


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="model_beside.py"
    )
    cells = [Cell.read(text) for text in CELLS]
    p.add_argument("--cells", type=Cell.read, nargs="+", default=cells, metavar="CELL")
    p.add_argument("--seconds", type=float, default=15.0, metavar="N", help="of a window (default: 15)")
    p.add_argument("--rounds", type=int, default=3, metavar="N", help="windows per cell (default: 3)")
    p.add_argument("--model", default=catalogue.default_model().name, metavar="NAME")
    return p


if __name__ == "__main__":
    sys.exit(main())
