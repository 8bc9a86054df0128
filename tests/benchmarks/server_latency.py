"""How quick the language server is while runs work in it, beside other servers where they do the like.

    python tests/benchmarks/server_latency.py [--peer "ruff=ruff server" --peer "pylsp=pylsp"]

The model is scripted; the tests are real. Rows, in milliseconds:
  actions        code actions at random places of a file of 10,000 lines, while a run on it streams
  typing         the same right after a keystroke at that place
  keystroke      a keystroke in that file and a question that costs nothing, less such a question alone
  first sign     from the command to the beginning of its progress
  test outcome   from the moment at which a test fails in its process to the event at the client
The memory is that of the server and of its engine, in MB. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shlex
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
from server_peer import Json, Peer
from server_seen import below, cost, engine_of, nothing_below
from spawned import environment, flowmill
from startup import endpoint

FUNCTION = '''

def step_{n}(items, start=0):
    """One of many."""
    total = start
    for item in items:
        if item > {n}:
            total += item
    return total
'''
STUB = "\n\ndef target(x):\n    raise NotImplementedError\n"
TESTS = """
import time
import pytest
import large

@pytest.mark.parametrize("n", range(60))
def test(n):
    assert large.step_1([], 0) == f"at {time.time()!r}"
"""
WORDS = "```python\ndef target(x):\n    # thinking\n"
STREAM: Json = {"chunks": [WORDS, *(f"    # word {n}\n" for n in range(3_000))], "delay": 0.02}
KEYS = ("x", "#", '"', "(")
MOMENT = re.compile(r"at (\d+\.\d+)")
Rows = dict[str, list[float]]


def main() -> int:
    args = parser().parse_args()
    for name, value in {**setup(), "load": "{:.1f} {:.1f} {:.1f}".format(*os.getloadavg())}.items():
        print(f"{name + ':':<10} {value}")
    with tempfile.TemporaryDirectory(prefix="flowmill-latency-") as name, ExitStack() as stack:
        folder = Path(name).resolve()
        model = stack.enter_context(endpoint(scripted(folder)))
        project = write(folder, args.lines)
        errors = stack.enter_context((folder / "errors").open("wb"))
        rows: Rows = {}
        environ = {**environment(), **settings(folder, model)}
        peer = Peer("flowmill", [*flowmill(), "server"], project, environ, errors)
        memory = flow_rows(peer, args, rows)
        peer.end()
        for given in args.peer:
            label, _, command = given.partition("=")
            other = Peer(label, shlex.split(command), project, environment(), errors)
            other.initialize()
            ask_rows(other, other.open("large.py"), args, rows)
            other.end()
    print("\n" + table(rows, markdown=args.markdown))
    print("\n" + " · ".join(f"{what} {size / 1e6:.1f} MB" for what, size in memory.items()))
    return 0


def scripted(folder: Path) -> Path:
    script = folder / "script.json"
    script.write_text(json.dumps({"replies": [{**STREAM, "ending": "stall"}], "repeat": True}), "utf-8")
    return script


def settings(folder: Path, model: str) -> Mapping[str, str]:
    return {
        "FLOWMILL_BASE_URL": model,
        "FLOWMILL_MODEL": "scripted",
        "FLOWMILL_API_KEY": "none",
        "FLOWMILL_CACHE_DIR": str(folder / "cache"),
        "VIRTUAL_ENV": sys.prefix,
    }


def write(folder: Path, lines: int) -> Path:
    project = folder / "project"
    project.mkdir()
    count = lines // FUNCTION.count("\n")
    text = STUB + "".join(FUNCTION.format(n=n) for n in range(count))
    (project / "large.py").write_text(text, "utf-8")
    (project / "test_large.py").write_text(TESTS, "utf-8")
    return project


# ------------------------------------------------------------------ what is measured
def flow_rows(peer: Peer, args: argparse.Namespace, rows: Rows) -> Mapping[str, int]:
    """All rows of flowmill's own; what it costs in memory."""
    peer.initialize({"flow": {"events": True}})
    uri = peer.open("large.py")
    time.sleep(1.0)
    memory = {"server": cost(peer.process.pid).memory}
    memory["server with the large file"] = memory.pop("server")
    run = peer.command("flow.generate", {"uri": uri, "qualname": "target"})["run"]
    peer.first(lambda m: event(m).get("type") == "draft.delta")
    ask_rows(peer, uri, args, rows)
    memory["its engine in a run"] = cost(engine_of(peer.process.pid)).memory
    stop(peer, run)
    rows["flowmill first sign"] = [first_sign(peer, uri) for _ in range(args.triggers)]
    rows["flowmill test outcome"] = [value for _ in range(args.runs) for value in outcomes(peer, uri)]
    if not nothing_below(peer.process.pid, 5.0):
        print(f"left below the server: {below(peer.process.pid)}", file=sys.stderr)
    return memory


def ask_rows(peer: Peer, uri: str, args: argparse.Namespace, rows: Rows) -> None:
    """The rows that every server has."""
    dice, last = random.Random(1), args.lines - 20
    actions(peer, uri, 10)
    rows[f"{peer.name} actions"] = [actions(peer, uri, dice.randrange(last)) for _ in range(args.rounds)]
    typing: list[float] = []
    for _ in range(args.rounds):
        line, key = dice.randrange(last), dice.choice(KEYS)
        began = time.perf_counter()
        peer.type_in(uri, line, "", key)
        actions(peer, uri, line)
        typing.append((time.perf_counter() - began) * 1000)
        peer.type_in(uri, line, key, "")
    rows[f"{peer.name} typing"] = typing
    nothing = statistics.median(question(peer) for _ in range(50))
    keys: list[float] = []
    for _ in range(args.rounds):
        line = dice.randrange(last)
        keys.append(max(0.0, question(peer, lambda line=line: peer.type_in(uri, line, "", "x")) - nothing))
        peer.type_in(uri, line, "x", "")
    rows[f"{peer.name} keystroke"] = keys


def actions(peer: Peer, uri: str, line: int) -> float:
    place = {"line": line, "character": 0}
    params: Json = {
        "textDocument": {"uri": uri},
        "range": {"start": place, "end": place},
        "context": {"diagnostics": []},
    }
    began = time.perf_counter()
    came, _ = peer.answered(peer.begin("textDocument/codeAction", params))
    return (came - began) * 1000


def question(peer: Peer, before: object = None) -> float:
    """Milliseconds until a method that no server knows is refused."""
    began = time.perf_counter()
    if callable(before):
        before()
    came, _ = peer.answered(peer.begin("benchmark/nothing", {}))
    return (came - began) * 1000


def first_sign(peer: Peer, uri: str) -> float:
    peer.forget()
    began = time.perf_counter()
    number = peer.begin(
        "workspace/executeCommand",
        {"command": "flow.generate", "arguments": [{"uri": uri, "qualname": "target"}]},
    )
    came, _ = peer.first(lambda m: kind(m) == "begin")
    stop(peer, peer.answered(number)[1]["result"]["run"])
    return (came - began) * 1000


def outcomes(peer: Peer, uri: str) -> list[float]:
    """How late each of a run's test outcomes came."""
    peer.forget()
    run = peer.command("flow.repair", {"uri": uri, "qualname": "step_1"})["run"]
    peer.first(lambda m: event(m).get("type") == "draft.delta")
    stop(peer, run)
    offset, late = time.time() - time.perf_counter(), list[float]()
    for came, message in peer.got:
        told = event(message)
        if told.get("type") == "test" and (found := MOMENT.search(told["message"])):
            late.append((came + offset - float(found[1])) * 1000)
    return late


def stop(peer: Peer, run: str) -> None:
    peer.command("flow.cancel", {"run": run})
    peer.first(lambda m: kind(m) == "end" and run in str(m["params"]["token"]))


def kind(message: Json) -> str:
    """Of a progress."""
    return message["params"]["value"]["kind"] if message.get("method") == "$/progress" else ""


def event(message: Json) -> Json:
    return message["params"] if message.get("method") == "flow/event" else {}


# ------------------------------------------------------------------ the script
def table(rows: Rows, *, markdown: bool) -> str:
    body = [
        [name, str(len(v)), *(f"{x:.2f}" for x in (statistics.median(v), percentile(v, 99), max(v)))]
        for name, v in rows.items()
        if v
    ]
    return grid(("", "count", "median", "p99", "most"), body, markdown=markdown)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--lines", type=int, default=10_000)
    made.add_argument("--rounds", type=int, default=300, help="questions and keystrokes")
    made.add_argument("--triggers", type=int, default=100)
    made.add_argument("--runs", type=int, default=2, help="whose test outcomes are timed, 60 each")
    made.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    made.add_argument("--markdown", action="store_true")
    return made


if __name__ == "__main__":
    sys.exit(main())
