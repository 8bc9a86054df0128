"""Changes modes, times and owners of files for confined processes, in their scratch folders only.

Landlock does not see such changes and a filter does not see paths, so the filter hands
these calls to a process outside of the sandbox. That one opens the file itself, asks the
kernel where lies what it has opened, and makes the change on that.
"""

from __future__ import annotations

import array
import errno
import fcntl
import json
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from . import descriptors, seccomp
from . import kernel as linux
from .kernel import Kernel
from .syscalls import numbers

_RECEIVE, _SEND, _STILL_ASKS = 0xC0502100, 0xC0182101, 0x40082102
_CALL, _ANSWER = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI")
_HERE, _EMPTY_PATH, _NO_FOLLOW = -100, 0x1000, 0x100
_NOW, _OMIT = 0x3FFFFFFF, 0x3FFFFFFE
_PATH_BYTES = 4096


class Keeper:
    """Our end of such a process, which ends when every copy of this object is closed."""

    def __init__(self, kernel: Kernel) -> None:
        """Start it. Raises OSError."""
        self._kernel = kernel
        self._filter = seccomp.handing_over(kernel.machine, tuple(_SHAPES))
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        between = os.fork()
        if between == 0:
            _become(theirs, kernel.machine)
        theirs.close()
        os.waitpid(between, 0)
        self.pid = int(self._socket.recv(20) or 0)
        if not self.pid:
            raise OSError(errno.ESRCH, "the keeper of the scratch folder did not start")

    def fileno(self) -> int:
        return self._socket.fileno()

    def lives(self) -> bool:
        if self.fileno() < 0:
            return False
        waiting = select.poll()
        waiting.register(self._socket, select.POLLIN)
        return not waiting.poll(0)

    def take_over(self, scratch: list[str]) -> None:
        """Have it make this process's changes, below `scratch`; closes this copy. Raises OSError."""
        with self._socket:
            with suppress(OSError):  # Only a kernel with Yama wants to be told who may read our memory.
                self._kernel.prctl(linux.PR_SET_PTRACER, self.pid)
            listener = seccomp.install(self._kernel, self._filter, listen=True)
            try:
                sent = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener]))]
                self._socket.sendmsg([json.dumps(scratch).encode()], sent)
            finally:
                os.close(listener)

    def close(self) -> None:
        self._socket.close()


# ------------------------------------------------------------------ the process
def _become(control: socket.socket, machine: str) -> None:
    try:
        # Twice removed, so that no `wait` of the code under test meets it.
        if os.fork() == 0:
            _serve(control, {number: name for name, number in numbers(machine).items() if name in _SHAPES})
    finally:
        os._exit(0)


def _serve(control: socket.socket, names: dict[int, str]) -> None:
    descriptors.sever([control.fileno()])
    os.dup2(0, 1)
    os.dup2(0, 2)
    os.setsid()
    for number in (signal.SIGINT, signal.SIGALRM, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    control.send(str(os.getpid()).encode())
    waiting, clients = select.poll(), dict[int, list[str]]()
    waiting.register(control, select.POLLIN)
    while True:
        for descriptor, event in waiting.poll():
            if descriptor == control.fileno():
                scratch, rights, _, _ = control.recvmsg(1 << 16, socket.CMSG_SPACE(4))
                if not scratch:
                    return
                client = array.array("i", rights[0][2])[0]
                clients[client] = [os.path.realpath(path) for path in json.loads(scratch)]
                waiting.register(client, select.POLLIN)
            elif event & select.POLLIN:
                _answer(descriptor, clients[descriptor], names)
            else:
                waiting.unregister(descriptor)
                os.close(descriptor)


def _answer(listener: int, scratch: list[str], names: dict[int, str]) -> None:
    data = bytearray(_CALL.size)
    try:
        fcntl.ioctl(listener, _RECEIVE, data, True)
    except OSError:
        return  # killed meanwhile
    number, pid, _, call, _, _, *arguments = _CALL.unpack(data)
    error = errno.ENOSYS
    if call in names:
        error = _change(Caller(pid, listener, number, tuple(arguments), tuple(scratch)), names[call])
    with suppress(OSError):
        fcntl.ioctl(listener, _SEND, _ANSWER.pack(number, 0, -error, 0))


def _change(caller: Caller, name: str) -> int:
    """Do what is asked; the error, 0 for none."""
    shape = _SHAPES[name]
    try:
        descriptor = caller.open(shape)
        try:
            shape.change(caller, f"/proc/self/fd/{descriptor}", caller.arguments[shape.values :], name)
        finally:
            os.close(descriptor)
    except OSError as error:
        return error.errno or errno.EPERM
    except (ValueError, OverflowError, struct.error):
        return errno.EFAULT
    return 0


@dataclass(frozen=True)
class Shape:
    """Where in a call's arguments the file is named, and where what is to be set begins."""

    folder: int | None
    path: int | None
    values: int
    change: Callable[[Caller, str, tuple[int, ...], str], None]
    flags: int | None = None
    follow: bool = True


@dataclass(frozen=True)
class Caller:
    """A thread that waits for the answer to its call."""

    pid: int
    listener: int
    number: int
    arguments: tuple[int, ...]
    scratch: tuple[str, ...]

    def memory(self, address: int, size: int) -> bytes:
        descriptor = os.open(f"/proc/{self.pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        try:
            # The number of a thread that is gone may be another's by now.
            fcntl.ioctl(self.listener, _STILL_ASKS, struct.pack("=Q", self.number))
            return os.pread(descriptor, size, address)
        finally:
            os.close(descriptor)

    def open(self, shape: Shape) -> int:
        """The file that is meant, opened without any right to its content. Raises OSError if it is outside."""
        flags = 0 if shape.flags is None else self.arguments[shape.flags]
        path = ""
        if shape.path is not None and self.arguments[shape.path]:
            path = os.fsdecode(self.memory(self.arguments[shape.path], _PATH_BYTES).split(b"\0")[0])
            if not path and not flags & _EMPTY_PATH:
                raise FileNotFoundError(errno.ENOENT, "an empty path")
        follow = os.O_NOFOLLOW if flags & _NO_FOLLOW or not shape.follow else 0
        start = os.open(self._start(shape), os.O_PATH | os.O_CLOEXEC)
        if not path:
            return self._inside(start)
        if path.startswith(("/proc/self/", "/proc/thread-self/")):
            path = f"/proc/{self.pid}/" + path.split("/", 3)[3]
        try:
            return self._inside(os.open(path, os.O_PATH | os.O_CLOEXEC | follow, dir_fd=start))
        finally:
            os.close(start)

    def _start(self, shape: Shape) -> str:
        folder = _HERE if shape.folder is None else signed(self.arguments[shape.folder])
        return f"/proc/{self.pid}/cwd" if folder == _HERE else f"/proc/{self.pid}/fd/{folder}"

    def _inside(self, descriptor: int) -> int:
        """The descriptor, if what it stands for lies in the scratch folder by now."""
        fcntl.ioctl(self.listener, _STILL_ASKS, struct.pack("=Q", self.number))
        place = os.readlink(f"/proc/self/fd/{descriptor}")
        for root in self.scratch:
            below = place == root or place.startswith(f"{root}/")
            if below and os.fstat(descriptor).st_dev == os.stat(root).st_dev:
                return descriptor
        os.close(descriptor)
        raise PermissionError(errno.EPERM, "outside of the scratch folder")


def signed(value: int) -> int:
    """An int of C's, from the register that it came in."""
    return (value & 0xFFFFFFFF ^ 0x80000000) - 0x80000000


# ------------------------------------------------------------------ the changes
def _set_mode(caller: Caller, path: str, values: tuple[int, ...], name: str) -> None:
    os.chmod(path, values[0] & 0o7777)


def _set_owner(caller: Caller, path: str, values: tuple[int, ...], name: str) -> None:
    os.chown(path, signed(values[0]), signed(values[1]))


def _set_times(caller: Caller, path: str, values: tuple[int, ...], name: str) -> None:
    now = time.time_ns()
    if not values[0]:
        os.utime(path, ns=(now, now))
        return
    if name == "utime":
        accessed, changed = struct.unpack("=2q", caller.memory(values[0], 16))
        os.utime(path, ns=(accessed * 10**9, changed * 10**9))
        return
    accessed, a, changed, c = struct.unpack("=4q", caller.memory(values[0], 32))
    if name != "utimensat":
        a, c = a * 1000, c * 1000
    present = os.stat(path)
    os.utime(
        path,
        ns=(_moment(accessed, a, now, present.st_atime_ns), _moment(changed, c, now, present.st_mtime_ns)),
    )


def _moment(seconds: int, nanoseconds: int, now: int, present: int) -> int:
    special = {_NOW: now, _OMIT: present}
    return special.get(nanoseconds, seconds * 10**9 + nanoseconds)


_SHAPES = {
    "chmod": Shape(None, 0, 1, _set_mode),
    "fchmod": Shape(0, None, 1, _set_mode),
    "fchmodat": Shape(0, 1, 2, _set_mode),
    "fchmodat2": Shape(0, 1, 2, _set_mode, flags=3),
    "chown": Shape(None, 0, 1, _set_owner),
    "lchown": Shape(None, 0, 1, _set_owner, follow=False),
    "fchown": Shape(0, None, 1, _set_owner),
    "fchownat": Shape(0, 1, 2, _set_owner, flags=4),
    "utime": Shape(None, 0, 1, _set_times),
    "utimes": Shape(None, 0, 1, _set_times),
    "futimesat": Shape(0, 1, 2, _set_times),
    "utimensat": Shape(0, 1, 2, _set_times, flags=3),
}
