"""Plain `python -m pytest` in a process of its own, as a user types it: how long it takes, what it says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spawned import environment

PLUGIN = Path(__file__).resolve().parent / "plugin"
LIMIT = 600.0
NO_BYTECODE = "FLOWMILL_BENCH_NO_BYTECODE"
"""If set, the project's own files are compiled anew each time, as after a checkout."""


class ColdPytestError(Exception):
    """One line: pytest did not do what the measurement needs."""


def interpreter(name: str) -> Path:
    """The absolute path of that command. Raises ColdPytestError if there is none."""
    found = shutil.which(name)
    if found is None:
        raise ColdPytestError(f"no interpreter {name}; --python names one that has what the tests need")
    return Path(os.path.abspath(found))  # not resolved: a link into a virtual environment is the environment


@dataclass(frozen=True, slots=True)
class Said:
    """What plain pytest reported: per test its phases as (when, outcome, "expected" or "", message)."""

    tests: Mapping[str, list[list[str]]] = field(default_factory=dict[str, list[list[str]]])
    broken: Mapping[str, str] = field(default_factory=dict[str, str])
    """What could not be collected, with the error."""
    peak: int = 0
    seconds: float = 0.0
    code: int | None = None
    """None: it had to be ended at the limit."""


async def timed(python: Path, folder: Path, tests: Sequence[str]) -> float:
    """Seconds of `python -m pytest -q -x TESTS`. Raises ColdPytestError if not all of them pass."""
    env = environment()
    if os.environ.get(NO_BYTECODE):
        env["PYTHONDONTWRITEBYTECODE"] = "1"
        for kept in list(folder.rglob("__pycache__")):  # noqa: ASYNC240 - nothing else runs meanwhile
            shutil.rmtree(kept, ignore_errors=True)
    code, seconds, output = await _run([str(python), "-m", "pytest", "-q", "-x", *tests], folder, env)
    if code != 0:
        raise ColdPytestError(f"pytest ended with {code} in {folder.name}: {_last_line(output)}")
    return seconds


async def said(python: Path, folder: Path, tests: Sequence[str], options: Sequence[str] = ()) -> Said:
    """Run the tests and give every outcome. Raises ColdPytestError if pytest reported nothing."""
    with tempfile.TemporaryDirectory(prefix="flowmill-said-") as name:
        report = Path(name, "outcomes.json")
        path = os.pathsep.join([str(PLUGIN), *filter(None, [os.environ.get("PYTHONPATH")])])
        env = environment() | {"PYTHONPATH": path, "FLOWMILL_OUTCOMES": str(report)}
        command = [str(python), "-m", "pytest", "-q", "-p", "flowmill_outcomes", *options, *tests]
        code, seconds, output = await _run(command, folder, env)
        told = _told(report)
        if told is None:
            raise ColdPytestError(f"pytest ended with {code} and no report: {_last_line(output)}")
    return Said(told["tests"], told["broken"], told["peak"], seconds, code)


def _told(report: Path) -> dict[str, Any] | None:
    return json.loads(report.read_text("utf-8")) if report.exists() else None


async def _run(command: Sequence[str], folder: Path, env: dict[str, str]) -> tuple[int | None, float, str]:
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={name: value for name, value in env.items() if name != "PYTHONDONTWRITEBYTECODE"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), LIMIT)
    except asyncio.TimeoutError:
        return None, time.perf_counter() - started, f"not done after {LIMIT:g} s"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, time.perf_counter() - started, output.decode("utf-8", "replace")


def _last_line(output: str) -> str:
    lines = output.strip().splitlines()
    return lines[-1][:300] if lines else "no output"
