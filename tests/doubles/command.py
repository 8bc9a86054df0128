"""The real `flowmill` process in a folder of the test, and what must hold whenever one has ended."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doubles.contract import check_events
from doubles.runs import alive, tree

KEY = "sk-e2e-9f8e7d6c5b4a39281706"
MARK = "E2E_MARK"
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

    def __init__(self, home: Flowmill, process: asyncio.subprocess.Process, args: Sequence[str]) -> None:
        self._home = home
        self._process = process
        self._args = args
        self._before = tree(home.root)
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

    def interrupt(self) -> None:
        """What Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    async def end(self) -> Ended:
        """Wait for the end, and check what must hold of every command that has ended."""
        while await self._line():
            pass
        code = await self._process.wait()
        left = self._home.processes()
        out, err = b"".join(self._lines).decode(), (await self._errors).decode()
        after = tree(self._home.root)
        changed = {name for name, _ in self._before.items() ^ after.items()}
        assert left == [], "processes were left behind"
        assert list(self._home.scratch.iterdir()) == [], "scratch files were left behind"
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
        for pid in self._home.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self._process.wait()
        await asyncio.wait({self._errors})


class Flowmill:
    """The command for one project: its own cache, home and scratch folder, and a model at `base_url`."""

    def __init__(self, folder: Path, base_url: str, *, environ: dict[str, str] | None = None) -> None:
        self.root = folder / "project"
        self.cache = folder / "cache"
        self.scratch = folder / "scratch"
        self.base_url = base_url
        self.wrapper: tuple[str, ...] = ()
        """Words before the command, such as a program that lowers its rights."""
        self._mark = secrets.token_hex(8)
        self._environ = environ or {}
        self.scratch.mkdir(exist_ok=True)

    async def run(self, *args: str) -> Ended:
        async with self.start(*args) as running:
            return await asyncio.wait_for(running.end(), PATIENCE)

    @asynccontextmanager
    async def start(self, *args: str) -> AsyncGenerator[Running]:
        """`args` begin with generate or repair; the model, its address and the interpreter are added."""
        more = ("--model", "scripted", "--base-url", self.base_url)
        given = ("--python", sys.executable) if "--python" not in args else ()
        process = await asyncio.create_subprocess_exec(
            *self.wrapper, sys.executable, "-m", "flowmill", *args, *more, *given,
            cwd=self.root,
            env=self._environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=1 << 24,
        )  # fmt: skip
        running = Running(self, process, args)
        try:
            yield running
        finally:
            await running.kill()

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
        return {
            **kept,
            "HOME": str(self.root.parent),
            "TMPDIR": str(self.scratch),
            "FLOWMILL_CACHE_DIR": str(self.cache),
            "FLOWMILL_CONFIG_DIR": str(self.root.parent / "config"),
            "FLOWMILL_API_KEY": KEY,
            MARK: self._mark,
            **self._environ,
        }

    def processes(self) -> list[int]:
        """Every living process that a command of ours started, at whatever remove; Linux only."""
        needle = f"{MARK}={self._mark}".encode()
        pids = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
        return [pid for pid in pids if needle in _environ(pid) and alive(pid)]


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
