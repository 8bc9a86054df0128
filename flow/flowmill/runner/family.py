"""Ending a process together with everything that it started.

A grandchild may leave the process group, change its environment, or lose its parent;
hardly any does all three before it is looked for, and Linux shows the rest in /proc.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

TOKEN = "FLOWMILL_RUN"
"""The environment variable that marks a process of ours; each run has a value of its own."""
_DEAD = ("", "Z", "X")


def kill_family(pid: int, token: str) -> frozenset[int]:
    """SIGKILL the process group of `pid`, its descendants and whatever carries `token`, until none is new.

    Gives those it found; they may take a moment to be gone, see `living`.
    """
    killed: set[int] = set()
    for _ in range(50):
        # Looked up before killing: an orphan is handed to init and its line of descent is lost.
        victims = family(pid, token) - killed
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        for victim in victims:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(victim, signal.SIGKILL)
        if not victims:
            break
        killed |= victims
    return frozenset(killed)


def living(pids: frozenset[int]) -> bool:
    """Whether any of them still runs, rather than waiting to be reaped."""
    return any(_stat(pid)[0] not in _DEAD for pid in pids)


def family(pid: int, token: str) -> set[int]:
    """The living processes that descend from `pid` or carry `token`; empty where there is no /proc."""
    parents: dict[int, int] = {}
    found: set[int] = set()
    needle = f"{TOKEN}={token}".encode()
    for entry in _processes():
        state, parent = _stat(entry)
        if state in _DEAD:
            continue
        parents[entry] = parent
        if needle in _environ(entry):
            found.add(entry)
    grown = {pid} & parents.keys()
    while grown:
        found |= grown
        grown = {child for child, parent in parents.items() if parent in found and child not in found}
    return found - {os.getpid()}


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def _stat(pid: int) -> tuple[str, int]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return "", 0
    # The name in parentheses may hold spaces and parentheses itself.
    state, parent = text.rpartition(")")[2].split()[:2]
    return state, int(parent)


def _environ(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
