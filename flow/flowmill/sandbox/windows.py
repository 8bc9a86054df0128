"""The calls of `jobs.WindowsApi` through the system's own libraries. Untested on Windows."""

from __future__ import annotations

import ctypes
from typing import Any

SUSPENDED, UNICODE_ENVIRONMENT, NO_WINDOW = 0x4, 0x400, 0x8000000
TOKEN_RIGHTS = 0x1 | 0x2 | 0x8 | 0x80  # assign primary, duplicate, query, adjust default
NO_PRIVILEGES, NOT_ADMINISTRATOR = 0x1, 0x4
INTEGRITY_LEVEL = 25
"""The kind of information about a token that says what it may write to."""
LOW = "S-1-16-4096"
GROUP_INTEGRITY = 0x20
ENDED = 137
DWORD = ctypes.c_uint32


class StartupInfo(ctypes.Structure):
    """STARTUPINFOW."""

    _fields_ = (
        ("cb", DWORD), ("lpReserved", ctypes.c_wchar_p), ("lpDesktop", ctypes.c_wchar_p),
        ("lpTitle", ctypes.c_wchar_p), ("dwX", DWORD), ("dwY", DWORD), ("dwXSize", DWORD), ("dwYSize", DWORD),
        ("dwXCountChars", DWORD), ("dwYCountChars", DWORD), ("dwFillAttribute", DWORD), ("dwFlags", DWORD),
        ("wShowWindow", ctypes.c_uint16), ("cbReserved2", ctypes.c_uint16), ("lpReserved2", ctypes.c_void_p),
        ("hStdInput", ctypes.c_void_p), ("hStdOutput", ctypes.c_void_p), ("hStdError", ctypes.c_void_p),
    )  # fmt: skip


class ProcessInformation(ctypes.Structure):
    """PROCESS_INFORMATION."""

    _fields_ = (
        ("hProcess", ctypes.c_void_p), ("hThread", ctypes.c_void_p), ("dwProcessId", DWORD), ("dwThreadId", DWORD),
    )  # fmt: skip


class MandatoryLabel(ctypes.Structure):
    """TOKEN_MANDATORY_LABEL."""

    _fields_ = (("Sid", ctypes.c_void_p), ("Attributes", DWORD))


class Libraries:
    """`jobs.WindowsApi` by kernel32 and advapi32, each loaded with `use_last_error=True`.

    `failed` makes the exception of the last error: `ctypes.WinError` on Windows.
    """

    def __init__(self, kernel32: Any, advapi32: Any, failed: Any) -> None:
        self._kernel, self._security, self._failed = kernel32, advapi32, failed
        # Handles are as wide as pointers; ctypes takes every result for an int of 32 bits otherwise.
        for name in ("CreateJobObjectW", "GetCurrentProcess"):
            getattr(kernel32, name).restype = ctypes.c_void_p

    def create_job(self) -> int:
        return self._checked(self._kernel.CreateJobObjectW(None, None))

    def set_job(self, job: int, kind: int, data: bytes) -> None:
        self._checked(self._kernel.SetInformationJobObject(_handle(job), kind, data, len(data)))

    def own_token(self) -> int:
        token = ctypes.c_void_p()
        own = _handle(self._kernel.GetCurrentProcess())
        self._checked(self._security.OpenProcessToken(own, TOKEN_RIGHTS, ctypes.byref(token)))
        return token.value or 0

    def restrict(self, token: int) -> int:
        made = ctypes.c_void_p()
        flags = NO_PRIVILEGES | NOT_ADMINISTRATOR
        none = (0, None, 0, None, 0, None)
        self._checked(self._security.CreateRestrictedToken(_handle(token), flags, *none, ctypes.byref(made)))
        return made.value or 0

    def lower_integrity(self, token: int) -> None:
        sid = ctypes.c_void_p()
        self._checked(self._security.ConvertStringSidToSidW(LOW, ctypes.byref(sid)))
        try:
            label = MandatoryLabel(sid.value, GROUP_INTEGRITY)
            size = ctypes.sizeof(label)
            set_to = self._security.SetTokenInformation
            self._checked(set_to(_handle(token), INTEGRITY_LEVEL, ctypes.byref(label), size))
        finally:
            self._kernel.LocalFree(sid)

    def start_suspended(self, token: int, command: str, cwd: str, environ: str) -> tuple[int, int]:
        told, made = StartupInfo(), ProcessInformation()
        told.cb = ctypes.sizeof(told)
        flags = SUSPENDED | UNICODE_ENVIRONMENT | NO_WINDOW
        line = ctypes.create_unicode_buffer(command)  # the call writes into it
        block = ctypes.create_unicode_buffer(environ, len(environ) + 1)
        start = self._security.CreateProcessAsUserW
        places = (ctypes.byref(told), ctypes.byref(made))
        self._checked(start(_handle(token), None, line, None, None, True, flags, block, cwd, *places))
        return made.hProcess or 0, made.hThread or 0

    def assign(self, job: int, process: int) -> None:
        self._checked(self._kernel.AssignProcessToJobObject(_handle(job), _handle(process)))

    def resume(self, thread: int) -> None:
        if self._kernel.ResumeThread(_handle(thread)) in (-1, 0xFFFFFFFF):
            raise self._failed()

    def terminate_job(self, job: int) -> None:
        self._kernel.TerminateJobObject(_handle(job), ENDED)

    def terminate(self, process: int) -> None:
        self._kernel.TerminateProcess(_handle(process), ENDED)

    def close(self, handle: int) -> None:
        self._kernel.CloseHandle(_handle(handle))

    def _checked(self, result: int) -> int:
        if not result:
            raise self._failed()
        return result


def _handle(number: int) -> ctypes.c_void_p:
    return ctypes.c_void_p(number)
