"""What files contain, in short, so that it is noticed when they change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from flowmill.shapes import Overlay

Hashes = Mapping[str, str]
"""By file relative to the root, with forward slashes; "" for one that is not there."""
CHANGING = "?"
"""Stands for the content of a file that was written to in the meantime: equal to no content."""


def hashes_of(
    root: Path, files: Iterable[str], overlay: Overlay | None = None, *, since: float | None = None
) -> dict[str, str]:
    """What these files contain now, the overlay's texts standing in for those on disk.

    With `since`, a time in seconds since the epoch, files that were written later are CHANGING.
    """
    return {file: _hash(root / file, overlay or {}, since) for file in dict.fromkeys(files)}


def _hash(path: Path, overlay: Overlay, since: float | None) -> str:
    try:
        if path in overlay:
            data = overlay[path]
        elif since is not None and path.stat().st_mtime > since:
            return CHANGING
        else:
            data = path.read_bytes()
    except OSError:
        return ""
    return hashlib.sha256(data).hexdigest()[:32]
