"""The one place that writes a user's file: whole, at once, and never over someone else's change."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from flowmill.engine.request import Result
from flowmill.errors import FlowmillError, TargetError
from flowmill.source.functions import find
from flowmill.source.splice import splice
from flowmill.source.text import SourceFile


class ChangedMeanwhile(FlowmillError):
    """The function changed while the run worked; nothing was written."""


def apply(result: Result) -> bool:
    """Put the result into the file; True if the file had changed elsewhere and the edit was carried over.

    Raises `ChangedMeanwhile` if the function itself is not what the run started from,
    `FlowmillError` if the file cannot be written.
    """
    path = result.target.file
    try:
        now = path.read_bytes()
        data = result.data if now == result.original else _rebased(result, now)
        write_whole(path, data)
    except OSError as error:
        raise FlowmillError(
            f"{path} cannot be written: {error.strerror or error}; nothing was written"
        ) from error
    return now != result.original


def _rebased(result: Result, now: bytes) -> bytes:
    """The edit on the changed file, if the function is untouched."""
    before = SourceFile.from_bytes(result.target.file, result.original)
    after = SourceFile.from_bytes(result.target.file, now)
    try:
        was = find(before, f"{result.target.qualname}@{result.target.start}")
        function = find(after, result.target.qualname)
        if function.source == was.source:
            return splice(after, function, result.draft)
    except (TargetError, ValueError):
        pass
    raise ChangedMeanwhile(
        f"{result.target.file}: {result.target.qualname} changed while flowmill worked; nothing was written: run it again"
    )


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
