"""Everything that ends a run with one line to the user; each kind carries its exit code.

FlowmillError
├── UsageError 2            wrong usage, settings or target
│   └── TargetError 2       no such function, ambiguous name, syntax error in the file
├── ProjectError 3          the project's tests cannot run
└── ModelError 4            model unreachable, refused, out of quota
"""

from __future__ import annotations

from typing import ClassVar


class FlowmillError(Exception):
    """`str(error)` is one clear line: what, where, what to do. `hint` is an optional second one."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(FlowmillError):
    exit_code: ClassVar[int] = 2


class TargetError(UsageError):
    pass


class ProjectError(FlowmillError):
    exit_code: ClassVar[int] = 3


class ModelError(FlowmillError):
    exit_code: ClassVar[int] = 4
