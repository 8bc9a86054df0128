"""A server's long life: cancels at random moments, and hundreds of runs after which nothing may have grown.

    python tests/benchmarks/server_life.py [--cancels 100] [--life 1000]

The model is scripted; the tests are real. A cancel is over when the client was told and no process
below the server is left, its engine among them; milliseconds. In a life runs go two at a time, on a
function whose test fails, which is mended, and on others; every second time one of the two is
cancelled, never both, so that one engine lives as long as the server. What they cost is looked at
when both are idle. Linux only.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from figures import percentile
from grid import grid
from machine import setup
from server_latency import event, kind, scripted, settings
from server_peer import Peer
from server_seen import below, cost, engine_of, nothing_below
from spawned import environment, flowmill
from startup import endpoint

FUNCTIONS = 4
MODULE = "\n\n".join(f"def f{n}(x):\n    return x + {n}\n" for n in range(FUNCTIONS))
TESTS = "import words\n" + "".join(
    f"\n\ndef test_{n}():\n    assert words.f{n}(1) == {n + 1 + (n == 1)}\n" for n in range(FUNCTIONS)
)
# Counts what only the process itself can tell, when it is asked to by a signal.
WITNESS = """
import os
if "FLOWMILL_WITNESS" in os.environ:
    import asyncio, gc, signal
    def count(*_):
        gc.collect()
        try:
            tasks = len(asyncio.all_tasks())
        except RuntimeError:
            tasks = 0
        path = os.path.join(os.environ["FLOWMILL_WITNESS"], str(os.getpid()))
        with open(path + "-", "w") as file:
            file.write(f"{tasks} {len(gc.get_objects())}")
        os.replace(path + "-", path)
    signal.signal(signal.SIGUSR2, count)
"""
Row = tuple[str, ...]


def main() -> int:
    args = parser().parse_args()
    for name, value in {**setup(), "load": "{:.1f} {:.1f} {:.1f}".format(*os.getloadavg())}.items():
        print(f"{name + ':':<10} {value}")
    with tempfile.TemporaryDirectory(prefix="flowmill-life-") as name, ExitStack() as stack:
        folder = Path(name).resolve()
        model = stack.enter_context(endpoint(scripted(folder)))
        project = write(folder)
        errors = stack.enter_context((folder / "errors").open("w+b"))
        environ = {**environment(), **settings(folder, model), **witness(folder)}
        peer = Peer("flowmill", [*flowmill(), "server"], project, environ, errors)
        peer.initialize({"flow": {"events": True, "messages": False}})
        uri = peer.open("words.py")
        if args.cancels:
            print("\n" + cancels(peer, uri, args))
        if args.life:
            print("\n" + life(peer, uri, args, folder))
        peer.end()
        left = [path for path in folder.rglob("flowmill-*") if "cache" not in path.parts]
        errors.seek(0)
        print(f"\nleft behind: {left or 'nothing'}; on stderr: {errors.read()[-400:].decode() or 'nothing'}")
    return 0


def write(folder: Path) -> Path:
    project = folder / "project"
    project.mkdir()
    (project / "words.py").write_text(MODULE, "utf-8")
    (project / "test_words.py").write_text(TESTS, "utf-8")
    return project


def witness(folder: Path) -> Mapping[str, str]:
    """What has each Python process of the server count itself by a signal."""
    (folder / "witness").mkdir()
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(WITNESS, "utf-8")
    path = os.pathsep.join([str(folder / "site"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return {"PYTHONPATH": path, "FLOWMILL_WITNESS": str(folder / "witness")}


# ------------------------------------------------------------------ cancels
def cancels(peer: Peer, uri: str, args: argparse.Namespace) -> str:
    dice, told, gone = random.Random(args.seed), list[float](), list[float]()
    whole = one_run(peer, uri, 1)
    for _ in range(args.cancels):
        run = begin(peer, uri, 1)
        time.sleep(dice.uniform(0, whole * 1.2))
        began = time.perf_counter()
        peer.command("flow.cancel", {"run": run})
        came, _ = peer.first(lambda m, run=run: kind(m) == "end" and run in str(m["params"]["token"]), 0)
        told.append(max(0.0, came - began) * 1000)
        if not nothing_below(peer.process.pid, 10.0):
            left = [Path(f"/proc/{p}/cmdline").read_bytes()[:200] for p in below(peer.process.pid)]
            raise RuntimeError(f"left 10 s after the cancel: {left}")
        gone.append((time.perf_counter() - began) * 1000)
        peer.forget()
    rows = [
        [name, str(len(v)), *(f"{x:.1f}" for x in (statistics.median(v), percentile(v, 99), max(v)))]
        for name, v in (("cancel → told", told), ("cancel → nothing left", gone))
    ]
    return grid(("", "count", "median", "p99", "most"), rows, markdown=args.markdown)


def begin(peer: Peer, uri: str, number: int) -> str:
    run: str = peer.command("flow.repair", {"uri": uri, "qualname": f"f{number}"})["run"]
    return run


def one_run(peer: Peer, uri: str, number: int) -> float:
    """How long a run takes until the model's answer streams; then it is cancelled."""
    began = time.perf_counter()
    run = begin(peer, uri, number)
    peer.first(lambda m: event(m).get("type") in ("draft.delta", "run.finished"))
    seconds = time.perf_counter() - began
    peer.command("flow.cancel", {"run": run})
    over(peer, run)
    return seconds


def over(peer: Peer, run: str) -> None:
    peer.first(lambda m: kind(m) == "end" and run in str(m["params"]["token"]))


# ------------------------------------------------------------------ a long life
def life(peer: Peer, uri: str, args: argparse.Namespace, folder: Path) -> str:
    """Runs, two at a time on different functions, and what the two processes cost now and then."""
    dice, began = random.Random(args.seed), time.perf_counter()
    rows: list[Row] = []
    for done in range(0, args.life + 1, 2):
        if done in {10, 100, args.life // 2, args.life} or (done and done % args.every == 0):
            rows += looked_at(peer, done, time.perf_counter() - began, folder)
        if done < args.life:
            pair = dice.sample(range(FUNCTIONS), 2)
            runs = [begin(peer, uri, number) for number in pair]
            if dice.random() < 0.5:
                peer.command("flow.cancel", {"run": runs[0]})
            for run in runs:
                over(peer, run)
            peer.forget()
    head = ("", "runs", "minutes", "MB", "descriptors", "threads", "tasks", "objects")
    return grid(head, rows, markdown=args.markdown)


def looked_at(peer: Peer, done: int, seconds: float, folder: Path) -> list[Row]:
    engine = engine_of(peer.process.pid)
    idle = nothing_below(engine, 10.0)
    found: list[Row] = []
    for name, pid in (("server", peer.process.pid), ("engine" if idle else "engine (busy)", engine)):
        tasks, objects = counted(pid, folder / "witness")
        seen = cost(pid)
        numbers = (f"{seen.memory / 1e6:.1f}", str(seen.descriptors), str(seen.threads), tasks, objects)
        found.append((name, str(done), f"{seconds / 60:.1f}", *numbers))
        print("  ".join(found[-1]), file=sys.stderr, flush=True)
    return found


def counted(pid: int, folder: Path) -> tuple[str, str]:
    """Tasks and objects, as the process itself counts them; "-" if it does not."""
    (folder / str(pid)).unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR2)
    deadline = time.perf_counter() + 5.0
    while time.perf_counter() < deadline:
        if (folder / str(pid)).exists():
            tasks, objects = (folder / str(pid)).read_text().split()
            return tasks, objects
        time.sleep(0.01)
    return "-", "-"


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--cancels", type=int, default=100)
    made.add_argument("--life", type=int, default=1_000, metavar="RUNS")
    made.add_argument("--every", type=int, default=200, metavar="RUNS", help="how often costs are looked at")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--markdown", action="store_true")
    return made


if __name__ == "__main__":
    sys.exit(main())
