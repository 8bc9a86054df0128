"""The sandbox of Windows: a job object that bounds a process and all it starts, and a token without rights.

Untested on Windows: the structures' layout and the order of the calls are tested with a
stand-in for the system's libraries. A job bounds memory, time and the number of
processes and ends them together; the token, at low integrity, cannot write to what is
the user's. Neither closes the network nor hides what the user may read.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from flowmill.errors import ProjectError

LIMIT_JOB_TIME = 0x4
LIMIT_ACTIVE_PROCESS = 0x8
LIMIT_PROCESS_MEMORY = 0x100
LIMIT_JOB_MEMORY = 0x200
LIMIT_DIE_ON_UNHANDLED_EXCEPTION = 0x400
LIMIT_KILL_ON_JOB_CLOSE = 0x2000
EXTENDED_LIMITS, UI_RESTRICTIONS = 9, 4
"""Kinds of information about a job."""
ALL_UI = 0xFF
"""No handles of other windows, no clipboard, no desktop, no shutdown."""
HUNDRED_NANOSECONDS = 10_000_000
"""A second, in the unit of Windows."""

# c_uint32 rather than DWORD, which is a C long and as wide as the system's: the layout is the same anywhere.
DWORD, SIZE, LONGLONG = ctypes.c_uint32, ctypes.c_uint64, ctypes.c_int64


class BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION of 64-bit Windows."""

    _fields_ = (
        ("PerProcessUserTimeLimit", LONGLONG),
        ("PerJobUserTimeLimit", LONGLONG),
        ("LimitFlags", DWORD),
        ("MinimumWorkingSetSize", SIZE),
        ("MaximumWorkingSetSize", SIZE),
        ("ActiveProcessLimit", DWORD),
        ("Affinity", SIZE),
        ("PriorityClass", DWORD),
        ("SchedulingClass", DWORD),
    )


class IoCounters(ctypes.Structure):
    """IO_COUNTERS."""

    _fields_ = tuple(
        (name, ctypes.c_uint64)
        for name in ("ReadOps", "WriteOps", "OtherOps", "ReadBytes", "WriteBytes", "OtherBytes")
    )


class ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION of 64-bit Windows."""

    _fields_ = (
        ("Basic", BasicLimits),
        ("IoInfo", IoCounters),
        ("ProcessMemoryLimit", SIZE),
        ("JobMemoryLimit", SIZE),
        ("PeakProcessMemoryUsed", SIZE),
        ("PeakJobMemoryUsed", SIZE),
    )


class WindowsApi(Protocol):
    """The calls that are needed, each raising OSError with the system's reason. Handles are numbers."""

    def create_job(self) -> int: ...

    def set_job(self, job: int, kind: int, data: bytes) -> None: ...

    def own_token(self) -> int: ...

    def restrict(self, token: int) -> int:
        """A copy of the token without privileges and administrators' groups."""
        ...

    def lower_integrity(self, token: int) -> None: ...

    def start_suspended(self, token: int, command: str, cwd: str, environ: str) -> tuple[int, int]:
        """The handles of a process whose first instruction has not run, and of its thread."""
        ...

    def assign(self, job: int, process: int) -> None: ...

    def resume(self, thread: int) -> None: ...

    def terminate_job(self, job: int) -> None: ...

    def terminate(self, process: int) -> None: ...

    def close(self, handle: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Jailed:
    """A process in its job. `end` kills it with all that it started, and gives the handles back."""

    api: WindowsApi
    job: int
    process: int

    def end(self) -> None:
        self.api.terminate_job(self.job)
        self.api.close(self.process)
        self.api.close(self.job)


def start(
    api: WindowsApi, policy: Mapping[str, object], command: str, *, cwd: str, environ: Mapping[str, str]
) -> Jailed:
    """Start the command inside the policy's limits; it runs nothing before it is in its job.

    Raises ProjectError if the system refuses any step; then no process is left.
    """
    try:
        with ExitStack() as undo:
            job = _opened(api, undo, api.create_job())
            api.set_job(job, EXTENDED_LIMITS, bytes(limits(policy)))
            api.set_job(job, UI_RESTRICTIONS, bytes(DWORD(ALL_UI)))
            with ExitStack() as tokens:
                token = _opened(api, tokens, api.restrict(_opened(api, tokens, api.own_token())))
                api.lower_integrity(token)
                process, thread = api.start_suspended(token, command, cwd, environment_block(environ))
                undo.callback(api.close, process)
                undo.callback(api.terminate, process)
                tokens.callback(api.close, thread)
                api.assign(job, process)
                api.resume(thread)
            undo.pop_all()
    except OSError as error:
        raise ProjectError(f"the tests cannot be started in a job: {error.strerror or error}") from error
    return Jailed(api, job, process)


def limits(policy: Mapping[str, object]) -> ExtendedLimits:
    """The policy's numbers; without processes the job holds one, with them as many as it says."""
    told = ExtendedLimits()
    told.Basic.LimitFlags = (
        LIMIT_JOB_TIME
        | LIMIT_ACTIVE_PROCESS
        | LIMIT_PROCESS_MEMORY
        | LIMIT_JOB_MEMORY
        | LIMIT_DIE_ON_UNHANDLED_EXCEPTION
        | LIMIT_KILL_ON_JOB_CLOSE
    )
    told.Basic.PerJobUserTimeLimit = int(str(policy["cpu_seconds"])) * HUNDRED_NANOSECONDS
    told.Basic.ActiveProcessLimit = int(str(policy["process_count"])) if policy["processes"] else 1
    told.ProcessMemoryLimit = told.JobMemoryLimit = int(str(policy["memory_bytes"]))
    return told


def environment_block(environ: Mapping[str, str]) -> str:
    """The variables as CreateProcess takes them: sorted without regard to case, each ended by a zero."""
    pairs = sorted(environ.items(), key=lambda pair: pair[0].upper())
    return "".join(f"{name}={value}\0" for name, value in pairs) + "\0"


def _opened(api: WindowsApi, stack: ExitStack, handle: int) -> int:
    stack.callback(api.close, handle)
    return handle
