"""Processes that a test started, at whatever remove; Linux only."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from doubles.command import MARK
from doubles.runs import alive


def marked(scratch: str) -> list[int]:
    """The living processes that have this scratch folder in their environment, as their children do."""
    needle = f"{MARK}={scratch}".encode()
    found = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    return [pid for pid in found if needle in _environ(pid) and alive(pid)]


async def gone(pids: Iterable[int], seconds: float) -> list[int]:
    """Wait for the end of these processes; those that live on after that time."""
    left = await asyncio.gather(*(_ended(pid, seconds) for pid in pids))
    return [pid for pid in left if pid]


async def _ended(pid: int, seconds: float) -> int:
    """0 if it ended in time, else its id."""
    loop = asyncio.get_running_loop()
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return 0
    ended = asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(ended.wait(), seconds)
    finally:
        loop.remove_reader(handle)
        os.close(handle)
    return 0 if ended.is_set() or not alive(pid) else pid


def _environ(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes()
    return b""
