"""How long an editor waits for code actions in a large file while it is being typed in.

    python tests/benchmarks/server_actions.py --peer "ruff=ruff server" --peer "pylsp=pylsp"

Every server is a real process on pipes, gets the same file of real code, the same seeded edits, and
is asked for the actions at the place of each edit: in rows "typing" right after it, in rows
"rest" when the typing has rested for as long as a server may wait before it reads the file again.
"burst" is a row of keystrokes and one request, shared among the keystrokes. Servers take turns.
Numbers are milliseconds, but for the last column: how many actions an answer held at most.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from figures import percentile
from grid import grid
from machine import setup
from spawned import environment, flowmill

SOURCES = ("typing.py", "tarfile.py", "argparse.py", "inspect.py", "subprocess.py", "doctest.py")
KEYS = ("x", "x", "x", "x", "(", "\n", "    y = 1\n", '"', "#")
REST_SECONDS = 0.35
BURST = 50
CAPABILITIES: dict[str, Any] = {
    "workspace": {"workspaceEdit": {"documentChanges": True}},
    "textDocument": {
        "codeAction": {
            "codeActionLiteralSupport": {
                "codeActionKind": {"valueSet": ["", "quickfix", "refactor", "refactor.rewrite", "source"]}
            },
            "disabledSupport": True,
            "isPreferredSupport": True,
        }
    },
}


@dataclass(slots=True)
class Server:
    """A language server's process, asked one thing at a time."""

    name: str
    process: subprocess.Popen[bytes]
    number: int = 0
    version: int = 1
    typing: list[float] = field(default_factory=list[float])
    rest: list[float] = field(default_factory=list[float])
    burst: list[float] = field(default_factory=list[float])
    actions: int = 0

    def tell(self, method: str, params: object) -> None:
        self._send({"method": method, "params": params})

    def ask(self, method: str, params: object) -> Any:
        """The answer; what the server asks meanwhile is answered with nothing."""
        self.number += 1
        self._send({"id": self.number, "method": method, "params": params})
        while True:
            message = self._read()
            if "method" not in message and message.get("id") == self.number:
                return message.get("result")
            if "method" in message and "id" in message:
                self._send({"id": message["id"], "result": nothing(message.get("params"))})

    def end(self) -> None:
        self.ask("shutdown", None)
        self.tell("exit", None)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def _send(self, message: Mapping[str, object]) -> None:
        assert self.process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        length = 0
        while line := self.process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        if not length:
            raise EOFError(f"{self.name} ended")
        return json.loads(self.process.stdout.read(length))


def nothing(params: object) -> list[None] | None:
    """An answer to whatever a server asks: for settings as many nothings as it asks for."""
    found: object = cast("dict[str, object]", params).get("items") if isinstance(params, dict) else None
    return [None] * len(cast("list[object]", found)) if isinstance(found, list) else None


# ------------------------------------------------------------------ what is asked
def start(name: str, command: Sequence[str], folder: Path, text: str) -> Server:
    """The server with the file open."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    server = Server(name, process)
    folders = [{"uri": folder.as_uri(), "name": "work"}]
    root = {"rootUri": folder.as_uri(), "workspaceFolders": folders}
    server.ask("initialize", {"processId": os.getpid(), "capabilities": CAPABILITIES, **root})
    server.tell("initialized", {})
    item = {"uri": uri(folder), "languageId": "python", "version": 1, "text": text}
    server.tell("textDocument/didOpen", {"textDocument": item})
    return server


def uri(folder: Path) -> str:
    return (folder / "large.py").as_uri()


def type_in(server: Server, folder: Path, line: int, old: str, new: str) -> None:
    """Replace `old` at the beginning of a line by `new`."""
    rows, last = old.count("\n"), old.rpartition("\n")[2]
    extent = {"start": {"line": line, "character": 0}, "end": {"line": line + rows, "character": len(last)}}
    server.version += 1
    document = {"uri": uri(folder), "version": server.version}
    change = {"range": extent, "text": new}
    server.tell("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})


def ask_actions(server: Server, folder: Path, line: int) -> float:
    """Milliseconds until the code actions at a line are there."""
    place = {"line": line, "character": 4}
    params: dict[str, object] = {
        "textDocument": {"uri": uri(folder)},
        "range": {"start": place, "end": place},
        "context": {"diagnostics": []},
    }
    started = time.perf_counter()
    found = server.ask("textDocument/codeAction", params)
    server.actions = max(server.actions, len(found or ()))
    return (time.perf_counter() - started) * 1000


def measure(server: Server, folder: Path, lines: int, rounds: int, seed: int) -> None:
    dice = random.Random(seed)
    for number in range(rounds):
        line, key = dice.randrange(lines - 1), dice.choice(KEYS)
        started = time.perf_counter()
        type_in(server, folder, line, "", key)
        ask_actions(server, folder, line)
        server.typing.append((time.perf_counter() - started) * 1000)
        if number % 20 == 0:
            type_in(server, folder, line, "", '"""')
            time.sleep(REST_SECONDS * dice.uniform(0.8, 1.2))
            server.rest.append(ask_actions(server, folder, line))
            type_in(server, folder, line, '"""', "")
            started = time.perf_counter()
            for _ in range(BURST // 2):
                type_in(server, folder, line, "", "x")
                type_in(server, folder, line, "x", "")
            ask_actions(server, folder, line)
            server.burst.append((time.perf_counter() - started) * 1000 / BURST)
        type_in(server, folder, line, key, "")


# ------------------------------------------------------------------ the script
def large_file(lines: int) -> str:
    """So many lines of the standard library, however often that takes."""
    folder = Path(os.__file__).parent
    text = "".join((folder / name).read_text() for name in SOURCES)
    return "".join((text * (lines // text.count("\n") + 1)).splitlines(keepends=True)[:lines])


def main() -> int:
    args = parser().parse_args()
    for name, value in setup().items():
        print(f"{name + ':':<10} {value}")
    commands = {"flowmill": [*flowmill(), "server"]}
    commands |= {peer.partition("=")[0]: shlex.split(peer.partition("=")[2]) for peer in args.peer}
    text = large_file(args.lines)
    with tempfile.TemporaryDirectory(prefix="flowmill-actions-") as name:
        folder = Path(name).resolve()
        (folder / "large.py").write_text(text)
        servers = [start(name, command, folder, text) for name, command in commands.items()]
        for turn in range(args.turns):
            for server in servers:
                if not turn:
                    ask_actions(server, folder, args.lines // 2)  # Whatever the first request has to load.
                measure(server, folder, args.lines, args.rounds, turn)
        for server in servers:
            server.end()
    print("\n" + table(servers, markdown=args.markdown))
    return 0


def table(servers: Sequence[Server], *, markdown: bool) -> str:
    body: list[list[str]] = []
    for server in servers:
        for kind in ("typing", "rest", "burst"):
            values: list[float] = getattr(server, kind)
            shown = [percentile(values, 50), percentile(values, 99), max(values)]
            body.append(
                [
                    f"{server.name} {kind}",
                    str(len(values)),
                    *(f"{value:.2f}" for value in shown),
                    str(server.actions),
                ]
            )
    return grid(("", "count", "median", "p99", "most", "actions"), body, markdown=markdown)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--lines", type=int, default=10_000)
    made.add_argument("--rounds", type=int, default=200, help="edits and requests a turn")
    made.add_argument("--turns", type=int, default=3)
    made.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    made.add_argument("--markdown", action="store_true")
    return made


if __name__ == "__main__":
    sys.exit(main())
