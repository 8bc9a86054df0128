"""The one place that writes a user's file: whole, at once, and never over someone else's change."""

from __future__ import annotations

import errno
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Literal

from flowmill.engine.request import Result
from flowmill.errors import FlowmillError, TargetError
from flowmill.shapes import Target
from flowmill.source.functions import Function, find, find_functions
from flowmill.source.splice import splice
from flowmill.source.text import SourceFile

Kind = Literal["changed", "gone", "unreadable", "conflict"]
"""What stands in the way of carrying an edit over: the function is another or not there any more,
the text is not Python, or what the draft brings along does not fit in."""


class ChangedMeanwhile(FlowmillError):
    """The function changed while the run worked; nothing was written. `detail` is the cause, where there is one."""

    def __init__(self, result: Result, kind: Kind, detail: str = "") -> None:
        name = f"{result.target.file}: {result.target.qualname}"
        super().__init__(f"{name} changed while flowmill worked; nothing was written: run it again")
        self.kind: Kind = kind
        self.detail = detail


def apply(result: Result) -> bool:
    """Put the result into the file; True if the file had changed elsewhere and the edit was carried over.

    Raises `ChangedMeanwhile` if the function itself is not what the run started from,
    `FlowmillError` if the file cannot be written.
    """
    path = result.target.file
    try:
        now = path.read_bytes()
        data = result.data if now == result.original else rebased(result, now)
        if not os.access(path, os.W_OK):
            # Replacing a file does not ask for the right to write it.
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        write_whole(path, data)
    except OSError as error:
        raise FlowmillError(
            f"{path} cannot be written: {error.strerror or error}; nothing was written"
        ) from error
    return now != result.original


def rebased(result: Result, now: bytes) -> bytes:
    """The result's text carried over to a text of the same file that differs elsewhere, as `carried` does."""
    return carried(result, now).data


def carried(result: Result, now: bytes) -> Result:
    """The result as if its run had begun from `now`, a text of the same file that differs elsewhere. Pure.

    Raises `ChangedMeanwhile` if the function itself is not what the run started from.
    """
    try:
        after = SourceFile.from_bytes(result.target.file, now)
        _ = after.tree
    except TargetError as error:
        raise ChangedMeanwhile(result, "unreadable", str(error)) from None
    before = SourceFile.from_bytes(result.target.file, result.original)
    function = _same_name(result, before, after)
    if function is None:
        raise ChangedMeanwhile(result, "gone")
    if function.source != _source(before, result.target):
        raise ChangedMeanwhile(result, "changed")
    try:
        data = splice(after, function, result.draft)
    except ValueError as error:
        raise ChangedMeanwhile(result, "conflict", str(error)) from None
    target = replace(result.target, start=function.first_line, end=function.last_line)
    return replace(result, target=target, original=now, data=data)


def _same_name(result: Result, before: SourceFile, after: SourceFile) -> Function | None:
    """The function that has the target's name; of several with that name, the one in the same place among them."""
    name = result.target.qualname
    try:
        return find(after, name)
    except TargetError:
        was, now = _all_named(before, name), _all_named(after, name)
    if now and len(was) != len(now):
        # Which of them it was is anyone's guess.
        raise ChangedMeanwhile(result, "changed")
    pairs = zip(was, now, strict=False)
    return next((new for old, new in pairs if old.first_line == result.target.start), None)


def _all_named(file: SourceFile, name: str) -> list[Function]:
    found = [function for function in find_functions(file) if function.qualname == name]
    return [function for function in found if not function.is_overload] or found


def _source(file: SourceFile, target: Target) -> str:
    """The target's lines, without the last one's newline: no need to parse a file that is known to hold it."""
    end = file.line_starts[target.end - 1] + len(file.line(target.end))
    return file.text[file.line_starts[target.start - 1] : end]


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file's contents in one step, keeping its mode and following a symbolic link."""
    path = path.resolve()
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(path.stat().st_mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
