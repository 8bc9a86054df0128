"""Runs `flowmill` commands as a user would, and watches them from outside."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
FAREWELL = 10.0
"""Seconds that a command gets to end its own children after it was told to stop."""
_NOT_OURS = ("PYTEST_", "COV_", "BENCH_")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command went. `code` is None if it had to be stopped at the limit.

    `first_event` is in seconds from the command's start; `finished` is the last event's
    object, empty if there was none; `peak` is the peak memory in bytes of that one
    process, its children apart, None where the system does not tell.
    """

    code: int | None
    seconds: float
    first_event: float | None
    finished: JsonObject
    peak: int | None
    complaint: str


def flowmill(without: str = "") -> list[str]:
    """The command of the environment that this script runs in, or that without a part of the flow."""
    if without:
        return [sys.executable, str(Path(__file__).with_name("without.py")), without]
    script = Path(sys.executable).parent / "flowmill"
    return [str(script)] if script.exists() else [sys.executable, "-m", "flowmill"]


def environment() -> dict[str, str]:
    """Ours, without what a test run or the benchmark itself put there."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}


def run_flowmill(arguments: Sequence[str], folder: Path, limit: float, *, without: str = "") -> Ended:
    """Run the command in that folder, at most `limit` seconds, and leave nothing of it behind."""
    with tempfile.TemporaryFile() as complaints:
        started = time.perf_counter()
        process = subprocess.Popen(
            [*flowmill(without), *arguments],
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            start_new_session=True,
        )
        assert process.stdout
        watch = _Watch(process.pid, started)
        reader = threading.Thread(target=watch.read, args=(process.stdout,), daemon=True)
        reader.start()
        code: int | None = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            try:
                code = process.wait(limit)
            finally:
                _end(process)
        seconds = time.perf_counter() - started
        reader.join(FAREWELL)
        return Ended(code, seconds, watch.first, watch.finished, watch.peak, _last_line(complaints))


def memory_peak(pid: int) -> int | None:
    """Peak resident bytes of a living process; the system keeps the mark, so that one late look is enough."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    marks = (line.split() for line in status.splitlines() if line.startswith("VmHWM:"))
    return next((int(words[1]) * 1024 for words in marks), None)


@dataclass(slots=True)
class _Watch:
    """What is seen on a command's standard output."""

    pid: int
    started: float
    first: float | None = None
    peak: int | None = None
    finished: JsonObject = field(default_factory=dict[str, Any])

    def read(self, stream: IO[bytes]) -> None:
        for line in stream:
            if self.first is None:
                self.first = time.perf_counter() - self.started
            # With the last event the process is still there: it has its journal to close.
            self.peak = memory_peak(self.pid) or self.peak
            if b'"run.finished"' in line:
                with contextlib.suppress(ValueError):
                    self.finished = json.loads(line)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask first: the command's children live in groups of their own, which only it knows."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(FAREWELL)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_line(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    lines = complaints.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else ""
