from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pytest

from flowmill.errors import ProjectError
from flowmill.sandbox.jobs import (
    EXTENDED_LIMITS,
    UI_RESTRICTIONS,
    BasicLimits,
    ExtendedLimits,
    IoCounters,
    environment_block,
    limits,
    start,
)
from flowmill.sandbox.windows import Libraries, MandatoryLabel, ProcessInformation, StartupInfo

POLICY: dict[str, object] = {
    "memory_bytes": 1 << 30,
    "cpu_seconds": 65,
    "process_count": 64,
    "processes": False,
}
STEPS = ["CreateJobObjectW", "SetInformationJobObject", "SetInformationJobObject", "GetCurrentProcess",
         "OpenProcessToken", "CreateRestrictedToken", "ConvertStringSidToSidW", "SetTokenInformation", "LocalFree",
         "CreateProcessAsUserW", "AssignProcessToJobObject", "ResumeThread"]  # fmt: skip


class Call:
    """One function of a library: notes that it was called, fills what it is to fill, and gives its result."""

    def __init__(self, library: Library, name: str) -> None:
        self._library, self._name = library, name
        self.restype: object = None

    def __call__(self, *arguments: Any) -> int:
        self._library.calls.append((self._name, arguments))
        if self._name == self._library.refuses:
            return -1 if self._name == "ResumeThread" else 0
        made = self._library.makes.get(self._name)
        return made(*arguments) if made else 1


class Library:
    """A stand-in for a system library that refuses one call at most."""

    def __init__(self, calls: list[tuple[str, tuple[Any, ...]]], refuses: str) -> None:
        self.calls, self.refuses = calls, refuses
        self.makes: dict[str, Callable[..., int]] = {
            "CreateJobObjectW": lambda *_: 0x1_0000_0001,
            "GetCurrentProcess": lambda: 0xFFFF_FFFF_FFFF_FFFF,
            "OpenProcessToken": lambda *args: self._fill(args[-1], 2),
            "CreateRestrictedToken": lambda *args: self._fill(args[-1], 3),
            "ConvertStringSidToSidW": lambda *args: self._fill(args[-1], 77),
            "CreateProcessAsUserW": lambda *args: self._start(args[-1]),
        }
        self._functions: dict[str, Call] = {}

    def __getattr__(self, name: str) -> Call:
        return self._functions.setdefault(name, Call(self, name))

    @staticmethod
    def _fill(out: Any, handle: int) -> int:
        out._obj.value = handle
        return 1

    @staticmethod
    def _start(out: Any) -> int:
        out._obj.hProcess, out._obj.hThread = 4, 5
        return 1


class Windows:
    """The two libraries, and what was asked of them in order."""

    def __init__(self, refuses: str = "") -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        library = Library(self.calls, refuses)
        self.api = Libraries(library, library, lambda: OSError(5, "Access is denied"))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def handles(self, name: str) -> list[int]:
        return [arguments[0].value for called, arguments in self.calls if called == name]

    def start(self) -> Any:
        return start(self.api, POLICY, "python x", cwd="C:\\", environ={"PATH": "p"})


def test_the_structures_are_laid_out_as_on_64_bit_windows() -> None:
    sizes = {BasicLimits: 64, IoCounters: 48, ExtendedLimits: 144, ProcessInformation: 24, MandatoryLabel: 16}
    assert {each: ctypes.sizeof(each) for each in sizes} == sizes
    assert ctypes.sizeof(StartupInfo) == 104
    assert BasicLimits.ActiveProcessLimit.offset == 40
    assert ExtendedLimits.ProcessMemoryLimit.offset == 112
    assert StartupInfo.dwFlags.offset == 60
    assert StartupInfo.hStdInput.offset == 80


def test_the_policys_numbers_reach_the_job() -> None:
    told = limits(POLICY)
    assert told.Basic.LimitFlags == 0x4 | 0x8 | 0x100 | 0x200 | 0x400 | 0x2000
    assert (told.Basic.PerJobUserTimeLimit, told.Basic.ActiveProcessLimit) == (650_000_000, 1)
    assert (told.ProcessMemoryLimit, told.JobMemoryLimit) == (1 << 30, 1 << 30)
    assert limits(POLICY | {"processes": True}).Basic.ActiveProcessLimit == 64


def test_a_process_runs_only_once_it_is_in_its_job() -> None:
    windows = Windows()
    jailed = windows.start()
    assert [name for name in windows.names if name != "CloseHandle"] == STEPS
    assert [arguments[1] for name, arguments in windows.calls if name == "SetInformationJobObject"] == [
        EXTENDED_LIMITS,
        UI_RESTRICTIONS,
    ]
    (made,) = [arguments for name, arguments in windows.calls if name == "CreateProcessAsUserW"]
    assert made[6] & 0x4, "it is not suspended"
    assert made[7][:] == "PATH=p\0\0\0"
    assert sorted(windows.handles("CloseHandle")) == [2, 3, 5]
    assert windows.handles("AssignProcessToJobObject") == [0x1_0000_0001]
    jailed.end()
    assert windows.names[-3:] == ["TerminateJobObject", "CloseHandle", "CloseHandle"]
    assert sorted(windows.handles("CloseHandle")) == [2, 3, 4, 5, 0x1_0000_0001]


@pytest.mark.parametrize(
    "refused", [step for step in STEPS if step not in ("GetCurrentProcess", "LocalFree")]
)
def test_no_process_and_no_handle_is_left_when_a_step_is_refused(refused: str) -> None:
    windows = Windows(refused)
    with pytest.raises(ProjectError, match="cannot be started in a job: Access is denied"):
        windows.start()
    begun = {"CreateJobObjectW": [0x1_0000_0001], "OpenProcessToken": [2], "CreateRestrictedToken": [3],
             "CreateProcessAsUserW": [4, 5]}  # fmt: skip
    opened = [
        handle
        for step, handles in begun.items()
        if step in windows.names and step != refused
        for handle in handles
    ]
    assert sorted(windows.handles("CloseHandle")) == sorted(opened)
    assert (windows.handles("TerminateProcess") == [4]) == (4 in opened)
    assert "ResumeThread" not in windows.names[:-1] or refused == "ResumeThread"


def test_the_environment_is_one_block() -> None:
    assert environment_block({"b": "2", "A": "1", "C": ""}) == "A=1\0b=2\0C=\0\0"
    assert environment_block({}) == "\0"
