"""What the project's own code does that a closed sandbox would refuse. Watches, and stops nothing."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from typing import Any

Tell = Callable[[str, str], None]
Handler = Callable[["Observer", Any], None]

REPORTS = 300
"""More than anybody reads; a test that writes a thousand files is told once it is known."""
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full")


class Observer:
    """Hears audit events and tells each need once."""

    def __init__(self, tell: Tell, scratch: str, inside: Sequence[str]) -> None:
        self._tell = tell
        own = [scratch, tempfile.gettempdir(), *inside, *([sys.pycache_prefix] if sys.pycache_prefix else [])]
        roots = {os.path.abspath(path) for path in own} | {os.path.realpath(path) for path in own}
        self._inside = tuple(os.path.join(root, "") for root in sorted(roots))
        self._told: set[tuple[str, str]] = set()
        self._busy = threading.local()
        self.unread = 0
        """How many events could not be understood; they are as if they had not been."""

    def hear(self, event: str, details: tuple[Any, ...]) -> None:
        handler = _HANDLERS.get(event)
        if handler is None or getattr(self._busy, "now", False):
            return
        self._busy.now = True
        try:
            handler(self, details)
        except Exception:  # the audited code must not notice that it is watched
            self.unread += 1
        finally:
            self._busy.now = False

    def need(self, kind: str, detail: str) -> None:
        if (kind, detail) not in self._told and len(self._told) < REPORTS:
            self._told.add((kind, detail))
            self._tell(kind, detail)

    def write(self, path: Any, folder: Any = None, *, missing: bool = True) -> None:
        """A path is changed; `missing`: also if nothing is there yet."""
        if isinstance(path, int) or path is None:
            return
        text = os.fsdecode(path)
        if isinstance(folder, int) and folder >= 0 and not os.path.isabs(text):
            text = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), text)
        text = os.path.abspath(text)
        if self._harmless(text) or self._harmless(os.path.realpath(text)):
            return
        if missing or os.path.lexists(text):
            self.need("write", text)

    def _harmless(self, path: str) -> bool:
        bytecode = f"{os.sep}__pycache__" in path
        return bytecode or path in _DEVICES or (path + os.sep).startswith(self._inside)


def observe(tell: Tell, scratch: str, inside: Sequence[str] = ()) -> Observer:
    """Call `tell(kind, detail)` once for each thing that a closed sandbox would refuse.

    Writing is free in `scratch`, in the folders `inside` and in the temporary folder. The
    kinds are those of `NeedKind`. An audit hook stays for the life of the process.
    """
    observer = Observer(tell, scratch, inside)
    sys.addaudithook(observer.hear)
    return observer


# ------------------------------------------------------------------ sockets
def _made(observer: Observer, details: Any) -> None:
    if details[1] in (socket.AF_INET, socket.AF_INET6):
        observer.need("loopback", "makes a socket")


def _reached(verb: str) -> Handler:
    def handler(observer: Observer, details: Any) -> None:
        made, address = details[0], details[1]
        if made.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0])
            observer.need("loopback" if is_local(host) else "internet", f"{verb} {host or 'any address'}")
        elif made.family == getattr(socket, "AF_UNIX", None):
            observer.need("unix", f"{verb} {_name(address)}")

    return handler


def _looked_up(observer: Observer, details: Any) -> None:
    host = details[0]
    name = os.fsdecode(host) if isinstance(host, (str, bytes)) else ""
    if not is_local(name) and name != socket.gethostname():
        observer.need("internet", f"looks up {name}")


def _name(address: Any) -> str:
    text = os.fsdecode(address) if isinstance(address, (str, bytes)) else str(address)
    return text.replace("\0", "@")


def is_local(host: str) -> bool:
    """Whether a network with nothing but loopback has this host; "" and 0.0.0.0 are all that it has."""
    if host in ("", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


# ------------------------------------------------------------------ processes
def _started(observer: Observer, details: Any) -> None:
    command = details[0]
    if not isinstance(command, (str, bytes)):
        command = str(command)
    words = os.fsdecode(command).split() or [""]
    observer.need("processes", f"starts {os.path.basename(words[0])}")


def _spawned(observer: Observer, details: Any) -> None:
    observer.need("processes", f"starts {os.path.basename(os.fsdecode(details[1]))}")


def _forked(observer: Observer, details: Any) -> None:
    observer.need("processes", "forks")


# ------------------------------------------------------------------ files
def _opened(observer: Observer, details: Any) -> None:
    path, _, flags = details
    if isinstance(flags, int) and flags & _WRITES:
        observer.write(path)


def _database(observer: Observer, details: Any) -> None:
    name = os.fsdecode(details[0])
    if name and ":memory:" not in name and "mode=ro" not in name and "mode=memory" not in name:
        observer.write(name.partition("?")[0][5:] if name.startswith("file:") else name)


def _made_folder(observer: Observer, details: Any) -> None:
    # `makedirs` tries what is there already, which no sandbox minds.
    path, _, folder = details
    if not os.path.isdir(path):
        observer.write(path, folder)


def _removed(observer: Observer, details: Any) -> None:
    observer.write(details[0], details[1], missing=False)


def _renamed(observer: Observer, details: Any) -> None:
    observer.write(details[0], details[2], missing=False)
    observer.write(details[1], details[3])


def _linked(observer: Observer, details: Any) -> None:
    observer.write(details[1], details[-1])


def _changed(folder: int) -> Handler:
    """For events whose first detail is a path and whose `folder`-th, if any, is the folder it starts from."""

    def handler(observer: Observer, details: Any) -> None:
        observer.write(details[0], details[folder] if folder else None, missing=False)

    return handler


_HANDLERS: dict[str, Handler] = {
    "socket.__new__": _made,
    "socket.connect": _reached("connects to"),
    "socket.bind": _reached("listens on"),
    "socket.sendto": _reached("sends to"),
    "socket.sendmsg": _reached("sends to"),
    "socket.getaddrinfo": _looked_up,
    "socket.gethostbyname": _looked_up,
    "subprocess.Popen": _started,
    "os.system": _started,
    "os.exec": _started,
    "os.posix_spawn": _started,
    "os.spawn": _spawned,
    "pty.spawn": _started,
    "os.fork": _forked,
    "os.forkpty": _forked,
    "open": _opened,
    "sqlite3.connect": _database,
    "os.mkdir": _made_folder,
    "os.remove": _removed,
    "os.rmdir": _removed,
    "os.rename": _renamed,
    "os.symlink": _linked,
    "os.link": _linked,
    "os.truncate": _changed(0),
    "os.chmod": _changed(2),
    "os.chown": _changed(3),
    "os.utime": _changed(3),
    "os.setxattr": _changed(0),
    "os.removexattr": _changed(0),
}
