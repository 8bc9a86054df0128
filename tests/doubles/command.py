"""The real `flowmill` process in a folder of the test, and what must hold whenever one has ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doubles.contract import check_events
from doubles.openai_server import FakeOpenAI
from doubles.runs import alive, tree

KEY = "sk-e2e-9f8e7d6c5b4a39281706"
MARK = "PYTEST_E2E_MARK"
PATIENCE = 60.0
"""Seconds after which a run that should have ended is given up; every run here takes a few."""

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended. `changed` are the files of the project that are not as they were."""

    code: int
    out: str
    err: str
    changed: tuple[str, ...]
    peak_kb: int
    """The most memory that flowmill itself was seen to have used."""

    @property
    def events(self) -> list[Event]:
        return [json.loads(line) for line in self.out.splitlines()]

    def of(self, kind: str, **fields: object) -> list[Event]:
        """The events of one type that have these fields."""
        return [event for event in self.events if _matches(event, kind, fields)]

    @property
    def finished(self) -> Event:
        return self.events[-1]

    @property
    def notes(self) -> str:
        return "\n".join(event["text"] for event in self.of("note"))


class Running:
    """A command that runs."""

    def __init__(
        self, root: Path, process: asyncio.subprocess.Process, args: Sequence[str], scratch: Path
    ) -> None:
        self._root = root
        self._process = process
        self._args = args
        self._scratch = scratch
        self._before = tree(root)
        self._lines: list[bytes] = []
        self._peak = 0
        assert process.stderr is not None
        self._errors = asyncio.ensure_future(process.stderr.read())

    async def until(self, kind: str, **fields: object) -> Event:
        """Read events until one of that type has these fields."""
        while line := await self._line():
            event: Event = json.loads(line)
            if _matches(event, kind, fields):
                return event
        raise AssertionError(f"it ended without {kind} {fields}: {(await self._errors).decode()}")

    async def until_line(self, start: str) -> str:
        """Read lines until one begins so."""
        while line := (await self._line()).decode():
            if line.startswith(start):
                return line
        raise AssertionError(f"it ended without {start!r}: {(await self._errors).decode()}")

    def send(self, number: signal.Signals) -> None:
        """SIGINT is what Ctrl-C does."""
        self._process.send_signal(number)

    async def end(self) -> Ended:
        """Wait for the end, and check what must hold of every command that has ended."""
        while await self._line():
            pass
        code = await self._process.wait()
        left = self.children()
        out, err = b"".join(self._lines).decode(), (await self._errors).decode()
        after = tree(self._root)
        changed = {name for name, _ in self._before.items() ^ after.items()}
        assert left == [], "processes were left behind"
        assert list(self._scratch.iterdir()) == [], "scratch files were left behind"
        assert "Traceback" not in err, err
        assert KEY not in out + err
        if "--apply" not in self._args:
            assert changed == set(), "the project was changed"
        if "--json" in self._args:
            check_events(out, code)
        return Ended(code, out, err, tuple(sorted(changed)), self._peak)

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        self._lines.append(line)
        self._peak = max(self._peak, _peak_kb(self._process.pid))
        return line

    async def kill(self) -> None:
        """End whatever is still there: a test that failed must not leave it."""
        if self._process.returncode is None:
            self._process.kill()
        for pid in self.children():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self._process.wait()
        await asyncio.wait({self._errors})

    def children(self) -> list[int]:
        """Every living process that the command started, at whatever remove; Linux only."""
        # Its scratch folder is in the environment of all of them and of nobody else.
        needle = f"{MARK}={self._scratch}".encode()
        pids = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
        return [pid for pid in pids if pid != self._process.pid and needle in _environ(pid) and alive(pid)]


class Flowmill:
    """The command for the project in `folder/project`, with a scripted model."""

    def __init__(self, folder: Path, server: FakeOpenAI, cache: Path) -> None:
        self.root = folder / "project"
        self._folder = folder
        self.server = server
        self.base_url = server.base_url
        self.cache = cache
        """Shared by many tests: compiled once, pytest starts several times as fast."""
        self.wrapper: tuple[str, ...] = ()
        """Words before the command, such as a program that lowers its rights."""

    def keep_own_journal(self) -> Path:
        """Have a cache of its own, all but the bytecode; its folder."""
        own = self._folder / "cache"
        (self.cache / "pycache").mkdir(exist_ok=True)
        own.mkdir()
        (own / "pycache").symlink_to(self.cache / "pycache")
        self.cache = own
        return own

    def read(self, file: str) -> bytes:
        return (self.root / file).read_bytes()

    async def run(self, *args: str) -> Ended:
        async with self.start(*args) as running:
            return await asyncio.wait_for(running.end(), PATIENCE)

    @asynccontextmanager
    async def start(self, *args: str) -> AsyncGenerator[Running]:
        """`args` begin with generate or repair; the model, its address and the interpreter are added."""
        scratch = Path(tempfile.mkdtemp(prefix="scratch-", dir=self._folder))
        more = ("--model", "scripted", "--base-url", self.base_url)
        given = ("--python", sys.executable) if "--python" not in args else ()
        process = await asyncio.create_subprocess_exec(
            *self.wrapper, sys.executable, "-m", "flowmill", *args, *more, *given,
            cwd=self.root,
            env=self._environment(scratch),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=1 << 24,
        )  # fmt: skip
        running = Running(self.root, process, args, scratch)
        try:
            yield running
        finally:
            await running.kill()

    def _environment(self, scratch: Path) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
        return {
            **kept,
            "HOME": str(self.root.parent),
            "TMPDIR": str(scratch),
            "FLOWMILL_CACHE_DIR": str(self.cache),
            "FLOWMILL_CONFIG_DIR": str(self.root.parent / "config"),
            "FLOWMILL_API_KEY": KEY,
            MARK: str(scratch),
        }


Scripted = Callable[..., Awaitable[Flowmill]]
"""What the fixture `scripted` is: `await scripted(*answers)` gives the command with such a model."""


def _matches(event: Event, kind: str, fields: dict[str, object]) -> bool:
    return event["type"] == kind and all(event[name] == value for name, value in fields.items())


def _environ(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes()
    return b""


def _peak_kb(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0
