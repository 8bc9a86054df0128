"""A network of one's own, in which nothing but loopback exists."""

from __future__ import annotations

import fcntl
import os
import socket
import struct

from . import capabilities
from .kernel import Kernel

_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1


def enter_network(kernel: Kernel) -> None:
    """Leave the machine's network for an empty one with loopback up.

    Whoever may not do that as he is does it in a user namespace in which he stays who he
    is. Raises OSError; the process is then of no use, so try it in a copy first.
    """
    if capabilities.effective(kernel) >> capabilities.SYS_ADMIN & 1:
        kernel.unshare(_NEW_NET)
    else:
        user, group = os.geteuid(), os.getegid()
        kernel.unshare(_NEW_USER | _NEW_NET)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
    _raise_loopback()


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        request = struct.pack("16sH22x", b"lo", 0)
        flags = struct.unpack("16sH22x", fcntl.ioctl(asking, _GET_FLAGS, request))[1]
        fcntl.ioctl(asking, _SET_FLAGS, struct.pack("16sH22x", b"lo", flags | _UP))
