"""What a process has open when a draft begins."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterable


def sever(keep: Iterable[int]) -> None:
    """Leave open 0, 1, 2 and `keep`, and what can do no harm.

    Standard input becomes empty. A file that was opened for reading is opened anew, so
    that its position is not shared with other processes. All else (pipes, sockets, files
    that can be written) turns into /dev/null rather than being closed: objects of Python
    still hold the number, and would close or use whatever got it next.
    """
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    os.dup2(nothing, 0)
    kept = {0, 1, 2, nothing, *keep}
    for descriptor in _open_descriptors():
        if descriptor not in kept:
            _renew(descriptor, nothing)
    if nothing > 2:
        os.close(nothing)


def _open_descriptors() -> list[int]:
    return [int(name) for name in os.listdir("/proc/self/fd")]


def _renew(descriptor: int, nothing: int) -> None:
    try:
        inheritable = os.get_inheritable(descriptor)
        found = os.fstat(descriptor)
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    except OSError:
        return  # the one that listed them
    fresh = _open_again(descriptor, found, flags)
    if fresh is None:
        os.dup2(nothing, descriptor, inheritable=inheritable)
        return
    if stat.S_ISREG(found.st_mode):
        os.lseek(fresh, os.lseek(descriptor, 0, os.SEEK_CUR), os.SEEK_SET)
    os.dup2(fresh, descriptor, inheritable=inheritable)
    os.close(fresh)


def _open_again(descriptor: int, found: os.stat_result, flags: int) -> int | None:
    """A description of its own for a file or folder that is open for reading, None for anything else."""
    plain = stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)
    if not plain or flags & os.O_ACCMODE != os.O_RDONLY or flags & os.O_PATH:
        return None
    try:
        fresh = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    return fresh
