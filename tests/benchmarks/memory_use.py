"""What processes weigh and how busy they are, as Linux tells it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path


def descendants(root: int | None = None) -> list[int]:
    """The living processes that descend from `root` (default: this process), itself apart."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := _parent(entry)):
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = list[int](), [os.getpid() if root is None else root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def shared_out(pids: Sequence[int]) -> int:
    """Bytes that they hold in all, shared pages counted once among those that share them (PSS)."""
    return sum(_pss(pid) for pid in pids)


async def settled(patience: float) -> bool:
    """Wait until no descendant of this process has worked for half a second; False if that takes too long."""
    deadline = time.monotonic() + patience
    before = _worked()
    while time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        now = _worked()
        if now == before:
            return True
        before = now
    return False


def _worked() -> dict[int, int]:
    """Per descendant the clock ticks that it has used."""
    fields = {pid: _fields(Path(f"/proc/{pid}")) for pid in descendants()}
    return {pid: int(stat[11]) + int(stat[12]) for pid, stat in fields.items() if stat}


def _parent(entry: Path) -> int:
    stat = _fields(entry)
    return int(stat[1]) if stat else 0


def _fields(entry: Path) -> list[str]:
    """What the kernel counts, from the process's state on; nothing if it is gone."""
    try:
        # The name may hold spaces and brackets, so what follows is counted from its last bracket.
        return (entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return []


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
