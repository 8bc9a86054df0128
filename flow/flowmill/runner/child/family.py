"""The processes of one run as their zygote sees them.

A run that may start processes gets a warden: it adopts what the run's processes leave
behind, and ends all of it. A run that may not is one process.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import select
import signal
import socket
from collections.abc import Generator, Iterable, Mapping

PR_SET_CHILD_SUBREAPER = 36
ASKING_SECONDS = 0.01
"""How often children are asked whether they live, where the kernel does not tell."""


class Family:
    """One run's first process; `end` is the end of all of them."""

    def __init__(self, pid: int, warden: bool) -> None:
        self.pid = pid
        self._warden = warden
        self._status: int | None = None
        try:
            self.told = os.pidfd_open(pid)
        except (AttributeError, OSError):
            self.told = -1

    @classmethod
    def fork(cls, *, warden: bool) -> Family | None:
        """None in the new process."""
        pid = os.fork()
        if pid:
            return cls(pid, warden)
        if warden:
            keep_watch()
        return None

    def end(self) -> None:
        if self.status() is None:
            os.kill(self.pid, signal.SIGTERM if self._warden else signal.SIGKILL)

    def status(self) -> int | None:
        """The exit status, negative for a signal, None while it runs."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = status_of(status)
                self.close()
        return self._status

    def close(self) -> None:
        if self.told >= 0:
            os.close(self.told)
            self.told = -1


def status_of(status: int) -> int:
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def watched(control: socket.socket, families: Mapping[int, Family]) -> Generator[None, None, None]:
    """Wait until the control socket can be read; yield whenever a child may have ended."""
    while True:
        told = [family.told for family in families.values() if family.told >= 0]
        patience = None if len(told) == len(families) else ASKING_SECONDS
        ready, _, _ = select.select([control, *told], [], [], patience)
        if not ready or any(one in told for one in ready):
            yield
        if control in ready:
            return


# ------------------------------------------------------------------ the warden
def keep_watch() -> None:
    """Fork the run, adopt all its orphans, and leave as it left, when nothing of it lives; returns in the run."""
    # Without ctypes orphans go to init; flowmill looks for them by their mark when the zygote ends.
    with contextlib.suppress(ImportError, OSError, AttributeError):
        importlib.import_module("ctypes").CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # A warden dies with its zygote only after it has ended what it watches.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGCHLD])
    first = os.fork()
    if not first:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM, signal.SIGCHLD])
        return
    status = _wait(first)
    end_all(os.getpid())
    if status < 0:
        os.kill(os.getpid(), -status)
    os._exit(max(status, 0) if status >= 0 else 128 - status)


def _wait(first: int) -> int:
    """The status of the run's first process; it is killed when the zygote says so."""
    while True:
        number = signal.sigwait([signal.SIGTERM, signal.SIGCHLD])
        if number == signal.SIGTERM:
            os.kill(first, signal.SIGKILL)
            os.waitpid(first, 0)
            return -signal.SIGKILL
        pid = -1
        while pid:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == first:
                return status_of(status)


def end_all(ancestor: int) -> None:
    """Kill every descendant; stopped first, so that none makes new ones meanwhile."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        seen: set[int] = set()
        while True:
            fresh = set(descendants(ancestor)) - seen
            if not fresh:
                break
            for pid in fresh:
                try:
                    os.kill(pid, number)
                except OSError:
                    continue  # gone, or not ours to end
            seen |= fresh
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def descendants(ancestor: int) -> Iterable[int]:
    parents = {int(name): parent_of(name) for name in os.listdir("/proc") if name.isdigit()}
    found: set[int] = set()
    grown = {ancestor}
    while grown:
        grown = {pid for pid, parent in parents.items() if parent in grown} - found
        found |= grown
    return found


def parent_of(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0
