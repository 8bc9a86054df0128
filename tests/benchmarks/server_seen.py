"""What a server costs the machine, as /proc tells: its processes, their memory, descriptors and threads. Linux only."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

STEP = 0.002


@dataclass(frozen=True)
class Cost:
    """Of one process."""

    memory: int
    """Bytes that it alone holds, and its share of what it shares."""
    descriptors: int
    threads: int


def cost(pid: int) -> Cost:
    folder = Path(f"/proc/{pid}")
    memory = _field(folder / "smaps_rollup", "Pss") * 1024
    return Cost(memory, len(list((folder / "fd").iterdir())), _field(folder / "status", "Threads"))


def below(pid: int) -> list[int]:
    """Every living process below this one, the nearest first."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if state not in "ZX":
                parents.setdefault(int(parent), []).append(int(entry.name))
    found = list(parents.get(pid, []))
    for each in found:
        found += parents.get(each, [])
    return found


def engine_of(server: int) -> int:
    """The engine's process of a server. Raises `LookupError` if it has none."""
    for pid in below(server):
        with suppress(OSError):
            if b"engine.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
    raise LookupError("the server has no engine yet")


def nothing_below(pid: int, seconds: float) -> bool:
    """Wait until nothing is left below a process; whether that came about in time."""
    deadline = time.perf_counter() + seconds
    while below(pid):
        if time.perf_counter() > deadline:
            return False
        time.sleep(STEP)
    return True


def _field(path: Path, name: str) -> int:
    lines = (line.partition(":") for line in path.read_text().splitlines())
    return next(int(value.split()[0]) for key, _, value in lines if key == name)
