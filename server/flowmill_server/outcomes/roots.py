"""Which project a file belongs to: looked up on the disk once a folder, and beside the read loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from flowmill.errors import UsageError
from flowmill.project.root import find_root

MOST = 1_000
"""Folders that are remembered."""


def _nowhere(path: Path) -> Path | None:
    return None


class Roots:
    """`given` tells the project folder that the user's settings name for a file, `folder` its workspace folder."""

    def __init__(
        self, given: Callable[[Path], str | None], folder: Callable[[Path], Path | None] = _nowhere
    ) -> None:
        self._given = given
        self._folder = folder
        self._known: dict[Path, Path] = {}

    def known(self, path: Path) -> Path | None:
        """The project's folder if it was looked up before."""
        return self._known.get(path.parent)

    async def find(self, path: Path) -> Path:
        """The project's folder."""
        found = self._known.get(path.parent)
        if found is None:
            found = await asyncio.to_thread(_root, path, self._given(path), self._folder(path))
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[path.parent] = found
        return found

    def learn(self, path: Path, root: Path) -> None:
        """Take the word of whoever knows: the engine."""
        self._known[path.parent] = root

    def forget(self) -> None:
        """After the settings or a project file have changed."""
        self._known.clear()


def _root(path: Path, given: str | None, folder: Path | None) -> Path:
    try:
        return find_root(path, Path(given) if given else None, folder)
    except UsageError:
        # Whoever starts a run there is told; here it only decides what tests share a queue.
        return find_root(path, None, folder)
