"""Advisory locks on files, which the kernel releases when their holder dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType


class FileLock:
    """A lock that belongs to this object until `drop`, or until the process is gone."""

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX

    def take(self) -> bool:
        """Take the lock if it is free at this moment."""
        try:
            fcntl.flock(self.fd, self._kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def drop(self) -> None:
        """Give the lock back, also for copies of the descriptor that a fork made; twice is once."""
        if self.fd >= 0:
            fcntl.flock(self.fd, fcntl.LOCK_UN)
            self.hand_over()

    def hand_over(self) -> None:
        """Forget the lock without giving it back: processes that inherited the descriptor keep it."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> FileLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.drop()
