"""How soon the language server answers, and what it costs while it waits, beside other servers.

    python tests/benchmarks/server_start.py [--bin FOLDER]

Starts each server in turn, several rounds in one run: seconds from the start of the process until
`initialize` and until the first code actions were answered, the processor's seconds that this took,
and the memory once the server has been idle for a while.
Others are taken from --bin, else from the folder of this interpreter: ruff server, pylsp,
jedi-language-server, whichever are there. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from grid import grid
from machine import setup

IDLE = 1.0
TEXT = "def f(x):\n    return x\n"
TICKS = os.sysconf("SC_CLK_TCK")
OTHERS = {
    "ruff server": ("ruff", "server"),
    "pylsp": ("pylsp",),
    "jedi-language-server": ("jedi-language-server",),
}
CAPABILITIES: dict[str, Any] = {
    "general": {"positionEncodings": ["utf-16"]},
    "window": {"workDoneProgress": True},
    "workspace": {"applyEdit": True, "workspaceEdit": {"documentChanges": True}},
    "textDocument": {
        "synchronization": {"didSave": True},
        "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["", "quickfix"]}}},
        "publishDiagnostics": {"relatedInformation": True, "versionSupport": True},
    },
}


@dataclass(frozen=True)
class Start:
    seconds: float
    acted: float
    """Seconds until code actions in a document were answered: everything was loaded by then."""
    processor: float
    """Seconds, until then."""
    idle: float
    """Bytes."""


def main() -> int:
    args = parser().parse_args()
    for name, value in setup().items():
        print(f"{name + ':':<10} {value}")
    servers = commands(args.bin)
    starts: dict[str, list[Start]] = {name: [] for name in servers}
    for place in range(args.rounds + 1):
        for name, command in servers.items():
            with tempfile.TemporaryDirectory(prefix="flowmill-start-") as folder:
                begun = start(command, Path(folder))
            if place:  # the first round fills the disk cache and compiles
                starts[name].append(begun)
    print("\n" + table(starts, args.rounds, markdown=args.markdown))
    return 0


def commands(folder: Path) -> dict[str, list[str]]:
    found = {"flowmill server": [sys.executable, "-m", "flowmill", "server"]}
    for name, (program, *rest) in OTHERS.items():
        if (folder / program).exists():
            found[name] = [str(folder / program), *rest]
    return found


def start(command: Sequence[str], folder: Path) -> Start:
    """One start of a server, and its end."""
    environ = {**os.environ, "FLOWMILL_CACHE_DIR": str(folder)}
    begun = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as server:
        assert server.stdin
        assert server.stdout
        params = {"processId": None, "rootUri": folder.as_uri(), "capabilities": CAPABILITIES}
        send(server.stdin, {"id": 1, "method": "initialize", "params": params})
        while read(server.stdout).get("id") != 1:
            pass
        seconds = time.perf_counter() - begun
        send(server.stdin, {"method": "initialized", "params": {}})
        ask_for_actions(server.stdin, f"{folder.as_uri()}/a.py")
        while read(server.stdout).get("id") != 2:
            pass
        acted, processor = time.perf_counter() - begun, processor_seconds(server.pid)
        time.sleep(IDLE)
        idle = memory(server.pid)
        server.kill()
    return Start(seconds, acted, processor, idle)


def ask_for_actions(stream: IO[bytes], uri: str) -> None:
    document = {"uri": uri, "languageId": "python", "version": 1, "text": TEXT}
    send(stream, {"method": "textDocument/didOpen", "params": {"textDocument": document}})
    place = {"line": 1, "character": 4}
    params: dict[str, Any] = {
        "textDocument": {"uri": uri},
        "range": {"start": place, "end": place},
        "context": {"diagnostics": []},
    }
    send(stream, {"id": 2, "method": "textDocument/codeAction", "params": params})


def send(stream: IO[bytes], message: dict[str, Any]) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    stream.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    stream.flush()


def read(stream: IO[bytes]) -> dict[str, Any]:
    length = 0
    while line := stream.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    message: dict[str, Any] = json.loads(stream.read(length))
    return message


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid: int) -> float:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0]) * 1024


def table(starts: dict[str, list[Start]], rounds: int, *, markdown: bool) -> str:
    head = (
        f"{rounds} starts, median",
        "answered, s",
        "least",
        "most",
        "code actions, s",
        "processor, s",
        "idle, MB",
    )
    body = [
        [
            name,
            f"{statistics.median(s.seconds for s in found):.3f}",
            f"{min(s.seconds for s in found):.3f}",
            f"{max(s.seconds for s in found):.3f}",
            f"{statistics.median(s.acted for s in found):.3f}",
            f"{statistics.median(s.processor for s in found):.2f}",
            f"{statistics.median(s.idle for s in found) / 1e6:.1f}",
        ]
        for name, found in starts.items()
    ]
    return grid(head, body, markdown=markdown)


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="server_start.py"
    )
    p.add_argument(
        "--bin", type=Path, default=Path(sys.executable).parent, metavar="FOLDER", help="of the others"
    )
    p.add_argument(
        "--rounds", type=int, default=7, metavar="N", help="after one that is not counted (default: 7)"
    )
    p.add_argument("--markdown", action="store_true")
    return p


if __name__ == "__main__":
    sys.exit(main())
