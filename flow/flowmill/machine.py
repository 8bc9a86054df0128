"""What this machine gives a process: memory and cores, less where a control group sets a limit."""

from __future__ import annotations

import os
from pathlib import Path


def machine_memory(root: Path = Path("/")) -> int:
    """The bytes that this process may use: the machine's, or its control group's limit if lower."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([total, *_cgroup_limits(root)])


def _cgroup_limits(root: Path) -> list[int]:
    """Every memory limit from this process's own group up to the top, for both cgroup versions."""
    limits: list[int] = []
    for base, leaf, name in _cgroup_folders(root):
        for folder in (leaf, *leaf.parents):
            limits += _limit(folder / name)
            if folder == base:
                break
    return limits


def _cgroup_folders(root: Path) -> list[tuple[Path, Path, str]]:
    mount = root / "sys/fs/cgroup"
    folders: list[tuple[Path, Path, str]] = []
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return folders
    for line in lines:
        controllers, path = [*line.split(":", 2), "", ""][1:3]
        if controllers == "":
            folders.append((mount, mount / path.lstrip("/"), "memory.max"))
        elif "memory" in controllers.split(","):
            base = mount / "memory"
            folders.append((base, base / path.lstrip("/"), "memory.limit_in_bytes"))
    return folders


def _limit(file: Path) -> list[int]:
    try:
        return [int(file.read_text())]
    except (OSError, ValueError):
        return []  # no such file, or "max"


def machine_cores(root: Path = Path("/")) -> int:
    """Physical cores that this process may run on, at least one; twins of a core count once."""
    allowed = _allowed_cpus()
    siblings = {_siblings(root, cpu) for cpu in allowed}
    return max(1, min([len(siblings), *_cpu_quotas(root)]))


def _allowed_cpus() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _siblings(root: Path, cpu: int) -> str:
    """A name that all logical processors of one core share."""
    try:
        return (root / f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text()
    except OSError:
        return str(cpu)


def _cpu_quotas(root: Path) -> list[int]:
    try:
        quota, period = (root / "sys/fs/cgroup/cpu.max").read_text().split()
        return [int(quota) // int(period)]
    except (OSError, ValueError):
        return []  # no such file, or "max"
