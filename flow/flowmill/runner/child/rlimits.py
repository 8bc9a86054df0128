"""What a process may use up."""

from __future__ import annotations

import os
from typing import Any

try:
    import resource
except ImportError:  # Windows
    resource: Any = None


def bound(
    *, memory_bytes: int, file_bytes: int, open_files: int, cpu_seconds: int, process_count: int | None
) -> None:
    """Lower the limits, for good. Memory counts from what is mapped now, since a fork inherits much.

    `process_count` counts from what the user runs now; None leaves it. The kernel holds
    root to no number of processes.
    """
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_AS, mapped_bytes() + memory_bytes)
    _lower(resource.RLIMIT_FSIZE, file_bytes)
    _lower(resource.RLIMIT_NOFILE, open_files)
    _lower(resource.RLIMIT_CPU, cpu_seconds, spare=1)
    if process_count is not None:
        _lower(resource.RLIMIT_NPROC, running_tasks() + process_count)
    for name in ("RLIMIT_MSGQUEUE", "RLIMIT_RTPRIO"):
        if hasattr(resource, name):
            _lower(getattr(resource, name), 0)


def _lower(kind: int, value: int, spare: int = 0) -> None:
    """Set a limit and make it final; `spare` is how much later the kernel kills instead of warning."""
    _, hard = resource.getrlimit(kind)
    most = value + spare if hard == resource.RLIM_INFINITY else min(value + spare, hard)
    resource.setrlimit(kind, (min(value, most), most))


def mapped_bytes() -> int:
    """The address space that this process has mapped; 0 where /proc does not tell."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except (OSError, ValueError):
        return 0


def running_tasks() -> int:
    """How many threads and processes this user runs, as the kernel counts them for the limit."""
    mine, count = os.geteuid(), 0
    try:
        names = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return 0
    for name in names:
        try:
            if os.stat(f"/proc/{name}").st_uid == mine:
                count += os.stat(f"/proc/{name}/task").st_nlink - 2
        except OSError:
            continue  # gone meanwhile
    return count
