"""The growing file of a download, with its digest kept up to date as bytes arrive."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from flowmill.errors import ModelError

Progress = Callable[[int, int, str], None]
"""Called with (bytes done, bytes in all, where they come from, in words). Raising stops the pull."""

CHUNK = 1 << 20


class SourceFailed(Exception):
    """One source cannot give the rest; the next one goes on from the bytes that are there."""


class Part:
    """Bytes of the wanted file from its beginning on, whichever source they came from.

    Because sources append the same bytes, its length alone says where to resume.
    """

    def __init__(self, path: Path, total: int, progress: Progress) -> None:
        self.path = path
        self.total = total
        self.size = 0
        self._progress = progress
        self._digest = hashlib.sha256()
        self._file = path.open("a+b")
        try:
            self.cut(min(os.fstat(self._file.fileno()).st_size, total))
        except OSError:
            self._file.close()
            raise

    def __enter__(self) -> Part:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def complete(self) -> bool:
        return self.size == self.total

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def cut(self, size: int) -> None:
        """Keep the first `size` bytes only."""
        self._file.truncate(size)
        self._file.seek(0)
        self._digest = hashlib.sha256()
        while data := self._file.read(CHUNK):
            self._digest.update(data)
        self.size = size

    def write(self, data: bytes, source: str) -> None:
        """Append; more than the wanted file holds means that the source offers another file."""
        if self.size + len(data) > self.total:
            raise SourceFailed(f"{source} offers a larger file than expected")
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise unwritable(self, error) from error
        self._digest.update(data)
        self.size += len(data)
        self._progress(self.size, self.total, source)

    def hint(self, extra: int, source: str) -> None:
        """Show bytes that are on their way but not in the file yet."""
        self._progress(min(self.size + extra, self.total), self.total, source)


def unwritable(part: Part, error: OSError) -> ModelError:
    """The one line for a write that the system refused."""
    where = part.path.parent
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return ModelError(
            f"cannot write {part.path}: {error.strerror}; move the cache with FLOWMILL_CACHE_DIR"
        )
    rest = (part.total - part.size) / 1e9
    return ModelError(
        f"the disk of {where} is full; free {rest:.1f} GB there, or move the cache with FLOWMILL_CACHE_DIR",
        hint="Pull again then: it goes on where it stopped.",
    )
