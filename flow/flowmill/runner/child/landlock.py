"""Landlock: which files may be read and written, and who may be reached."""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import kernel as linux
from .kernel import Kernel

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
_QUIET = 1
"""Since ABI 7 refusals go to the system's audit log; a hostile draft would flood it."""

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
MAKE_CHAR, MAKE_BLOCK = 1 << 6, 1 << 11
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_HANDLED = {1: REFER - 1, 2: TRUNCATE - 1, 3: IOCTL_DEV - 1, 4: IOCTL_DEV - 1, 5: (IOCTL_DEV << 1) - 1}
_OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
READ = EXECUTE | READ_FILE | READ_DIR
WRITE = ((IOCTL_DEV << 1) - 1) & ~(MAKE_CHAR | MAKE_BLOCK | IOCTL_DEV)
DEVICE = READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEV
_TCP = 0b11
_SIGNALS_AND_ABSTRACT_SOCKETS = 0b11

_HARMLESS_PROC = (
    "cpuinfo",
    "meminfo",
    "stat",
    "version",
    "filesystems",
    "loadavg",
    "uptime",
    "vmstat",
    "sys",
)
_HARMLESS = (
    *(f"/proc/{name}" for name in _HARMLESS_PROC),
    *("/sys/devices/system", "/sys/fs/cgroup", "/dev/random", "/dev/urandom"),
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full")
RULES = 4000

Rule = tuple[str, int]


def abi(kernel: Kernel) -> int:
    """Which Landlock the kernel has. Raises OSError if it has none or does not use it."""
    try:
        return kernel.call(_CREATE, 0, 0, _VERSION)
    except OSError as error:
        raise OSError(error.errno, _REASONS.get(error.errno or 0, error.strerror)) from error


_REASONS = {
    errno.ENOSYS: "the kernel has no Landlock (Linux 5.13 or later can have it)",
    errno.EOPNOTSUPP: "Landlock is switched off at boot: add landlock to the kernel's lsm= list",
}


@dataclass
class Readable:
    """What may be read, with the folders that had to be listed for it.

    Landlock can only allow: around something hidden its siblings are allowed one by one.
    The names in a folder on the way down can be listed if nothing but files is hidden below.
    """

    readable: Sequence[str]
    hidden: Sequence[str]
    _rules: dict[str, int] = field(default_factory=dict)
    _listed: dict[str, int] = field(default_factory=dict)

    def rules(self) -> list[Rule]:
        """The paths and the rights below each, looked up anew if a listed folder has changed."""
        if not self._rules or any(_changed(path) != when for path, when in self._listed.items()):
            self._rules, self._listed = {}, {}
            closed = {os.path.realpath(path) for path in self.hidden if os.path.lexists(path)}
            for path in _outermost(self.readable, closed):
                self._open_around(path, closed, os.path.isdir(path))
        return list(self._rules.items())

    def _open_around(self, path: str, closed: set[str], folder: bool) -> None:
        if path in closed or len(self._rules) >= RULES:
            return
        inner = [hidden for hidden in closed if _below(hidden, path)]
        if not inner:
            self._rules[path] = READ if folder else READ & _OF_A_FILE
            return
        if not any(os.path.isdir(hidden) for hidden in inner):
            self._rules[path] = READ_DIR
        self._listed[path] = _changed(path)
        for entry, is_folder in _entries(path):
            self._open_around(entry, closed, is_folder)


def _entries(folder: str) -> list[tuple[str, bool]]:
    """What is in the folder, but for links: a rule for one would open what it points to."""
    try:
        with os.scandir(folder) as entries:
            plain = [entry for entry in entries if not entry.is_symlink()]
            return [(entry.path, entry.is_dir(follow_symlinks=False)) for entry in plain]
    except OSError:
        return []


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return -1


def _outermost(paths: Iterable[str], closed: set[str]) -> list[str]:
    """The real paths, without those below another one with nothing hidden on the way to them."""
    kept: list[str] = []
    for path in sorted({os.path.realpath(path) for path in paths}):
        above = [other for other in kept if _below(path, other)]
        if all(any(_below(path, hidden) and _below(hidden, other) for hidden in closed) for other in above):
            kept.append(path)
    return kept


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder if folder.endswith("/") else folder + "/")


def whole(readable: Iterable[Rule], writable: Iterable[str]) -> list[Rule]:
    """All rules for this process: what may be read, its scratch, harmless devices and figures, and itself."""
    wanted = dict(readable)
    own = f"/proc/{os.getpid()}"
    more = [(own, READ), *((path, READ) for path in _HARMLESS), *((path, DEVICE) for path in _DEVICES)]
    more += [(os.path.realpath(path), WRITE) for path in writable]
    for path, rights in more:
        wanted[path] = wanted.get(path, 0) | rights
    return list(wanted.items())


def restrict(kernel: Kernel, allowed: Iterable[Rule], *, network: bool) -> int:
    """Allow this thread and all it will start no more than that; give the ABI. Raises OSError."""
    version = abi(kernel)
    handled = _HANDLED[min(version, 5)]
    tcp = _TCP if version >= 4 and not network else 0
    scoped = _SIGNALS_AND_ABSTRACT_SOCKETS if version >= 6 else 0
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    attributes = kernel.buffer(struct.pack("=QQQ", handled, tcp, scoped)[:size])
    ruleset = kernel.call(_CREATE, kernel.address(attributes), size, 0)
    try:
        rule = kernel.buffer(bytes(12))
        for path, rights in allowed:
            _add(kernel, ruleset, rule, path, rights & handled)
        # The kernel asks for this of whoever is not root.
        kernel.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        kernel.call(_RESTRICT, ruleset, _QUIET if version >= 7 else 0)
    finally:
        os.close(ruleset)
    return version


def _add(kernel: Kernel, ruleset: int, rule: Any, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return  # What is not there, or not ours to see, needs no rule.
    try:
        # Rights that only folders have are refused for a file.
        if rights & ~_OF_A_FILE and not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _OF_A_FILE
        struct.pack_into("=Qi", rule, 0, rights, descriptor)
        kernel.call(_ADD, ruleset, _PATH_BENEATH, kernel.address(rule))
    finally:
        os.close(descriptor)
