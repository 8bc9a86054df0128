"""Speaks LSP with a real server process, byte by byte: whatever an editor may send, also what none should."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

PATIENCE = 20.0
SERVER = ("-m", "flowmill_server")
ODD = ("-m", "doubles.odd_server")
"""A server with handlers that fail, print, sleep and never end."""

Json = dict[str, Any]


def frame(body: bytes, header: str = "Content-Length: {}\r\n\r\n") -> bytes:
    return header.format(len(body)).encode() + body


def packed(message: object) -> bytes:
    return frame(json.dumps(message).encode())


class Peer:
    """A client that knows nothing but frames. Whatever on stdout is no frame is an error."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.got: list[Json] = []
        """Everything that came, in order."""
        self.failure: Exception | None = None
        self._ids = itertools.count(1_000)
        self._news = asyncio.Event()
        self._reading = asyncio.ensure_future(self._read())
        assert process.stderr is not None
        self._errors = asyncio.ensure_future(process.stderr.read())

    @property
    def pid(self) -> int:
        return self.process.pid

    # ------------------------------------------------------------------ out
    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)

    async def drain(self) -> None:
        assert self.process.stdin is not None
        await self.process.stdin.drain()

    def send(self, message: object) -> None:
        self.write(packed(message))

    def notify(self, method: str, params: object = None) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, method: str, params: object = None, number: int | str | None = None) -> int | str:
        """Send a request; its id."""
        number = next(self._ids) if number is None else number
        message: Json = {"jsonrpc": "2.0", "id": number, "method": method}
        self.send(message if params is None else {**message, "params": params})
        return number

    def close_input(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    # ------------------------------------------------------------------ in
    async def until(self, fits: Callable[[Json], bool], what: str, after: int = 0) -> Json:
        """The first message that fits, of all so far (but the first `after`) and to come."""
        place = after
        while True:
            while place < len(self.got):
                if fits(self.got[place]):
                    return self.got[place]
                place += 1
            if self._reading.done():
                raise AssertionError(f"the server ended without {what}: {self.failure} {self.got[-5:]}")
            self._news.clear()
            waiting = [self._reading, asyncio.ensure_future(self._news.wait())]
            done, _ = await asyncio.wait(waiting, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            waiting[1].cancel()
            if not done:
                raise AssertionError(f"no {what}; the last to come were {self.got[-5:]}")

    async def answer(self, number: int | str | None) -> Json:
        """The answer to a request, with `result` or `error`."""
        return await self.until(
            lambda m: "method" not in m and "id" in m and m["id"] == number, f"answer to {number}"
        )

    async def call(self, method: str, params: object = None) -> Json:
        return await self.answer(self.ask(method, params))

    async def told(self, method: str) -> Json:
        return await self.until(lambda m: m.get("method") == method, method)

    async def initialize(self, **params: object) -> Json:
        """The handshake; the answer's result."""
        usual: Json = {"processId": None, "capabilities": {}}
        answer = await self.call("initialize", usual | params)
        self.notify("initialized", {})
        return answer["result"]

    async def ended(self) -> int:
        """The exit code, once the process has ended."""
        return await asyncio.wait_for(self.process.wait(), PATIENCE)

    async def errors(self) -> str:
        """All of stderr, once the process has ended."""
        return (await asyncio.wait_for(asyncio.shield(self._errors), PATIENCE)).decode()

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await asyncio.wait({self._reading, self._errors})

    async def _read(self) -> None:
        assert self.process.stdout is not None
        try:
            while message := await read_frame(self.process.stdout):
                self.got.append(message)
                self._news.set()
        except ValueError as error:
            self.failure = error


async def read_frame(stream: asyncio.StreamReader) -> Json | None:
    """The next message; None at the end. Raises ValueError for anything else."""
    line = await stream.readline()
    if not line:
        return None
    name, _, length = line.partition(b": ")
    empty = await stream.readline()
    if name != b"Content-Length" or not length.strip().isdigit() or empty != b"\r\n":
        raise ValueError(f"no frame: {(line + empty)!r}")
    content: Json = json.loads(await stream.readexactly(int(length)))
    return content


@asynccontextmanager
async def start(
    folder: Path,
    program: Sequence[str] = SERVER,
    args: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> AsyncGenerator[Peer]:
    """A server whose caches and home are in `folder`. It is killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *program, *args,
        cwd=folder,
        env=environment(folder) | dict(env or {}),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 26,
    )  # fmt: skip
    peer = Peer(process)
    try:
        yield peer
    finally:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)
        await peer.kill()


def environment(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return {
        **kept,
        "HOME": str(folder),
        "FLOWMILL_CACHE_DIR": str(folder / "cache"),
        "FLOWMILL_CONFIG_DIR": str(folder / "config"),
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }


def log(folder: Path) -> str:
    """What the server logged so far."""
    path = folder / "cache" / "server.log"
    return path.read_text(encoding="utf-8") if path.exists() else ""
