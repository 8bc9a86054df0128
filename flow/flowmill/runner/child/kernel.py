"""The system calls that the standard library does not wrap, by ctypes."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from typing import Any

PR_SET_PDEATHSIG = 1
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_SET_PTRACER = 0x59616D61


class Kernel:
    """Linux, as this process may ask it. Every refusal is an OSError."""

    def __init__(self, library: Any, ctypes: Any, machine: str) -> None:
        self._ctypes = ctypes
        self._syscall = library.syscall
        self._syscall.restype = ctypes.c_long
        self._syscall.argtypes = [ctypes.c_long] * 7
        self._prctl = library.prctl
        self._prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
        self._unshare = library.unshare
        self.machine = machine

    def buffer(self, data: bytes) -> Any:
        return self._ctypes.create_string_buffer(data, len(data))

    def address(self, buffer: Any) -> int:
        return self._ctypes.addressof(buffer)

    def call(self, number: int, *arguments: int) -> int:
        """Make the system call. Raises OSError if the kernel refuses it."""
        return self._checked(self._syscall(number, *arguments, *(0,) * (6 - len(arguments))))

    def prctl(self, option: int, *arguments: int) -> int:
        return self._checked(self._prctl(option, *arguments, *(0,) * (4 - len(arguments))))

    def unshare(self, flags: int) -> None:
        self._checked(self._unshare(flags))

    def _checked(self, result: int) -> int:
        if result == -1:
            number = self._ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result


def load_kernel() -> tuple[Kernel | None, str]:
    """The kernel's interface, or None and why there is none."""
    if not sys.platform.startswith("linux"):
        return None, "only Linux has it"
    try:
        # Not every interpreter was built with ctypes.
        ctypes: Any = importlib.import_module("ctypes")
        return Kernel(ctypes.CDLL(None, use_errno=True), ctypes, platform.machine()), ""
    except (ImportError, OSError, AttributeError) as error:
        return None, f"the interpreter's ctypes is missing or broken ({error})"
