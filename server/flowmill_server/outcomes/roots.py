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
        self._known: dict[Path, tuple[int, Path]] = {}
        self._doubts = 0
        """How often what is known came into doubt; with each place, how often it had by then."""

    def known(self, path: Path) -> Path | None:
        """The project's folder as it was last looked up, if it ever was."""
        found = self._known.get(path.parent)
        return found[1] if found else None

    async def find(self, path: Path) -> Path:
        """The project's folder."""
        doubts, found = self._doubts, self._known.get(path.parent)
        if found is not None and found[0] == doubts:
            return found[1]
        root = await asyncio.to_thread(_root, path, self._given(path), self._folder(path))
        self._keep(path, doubts, root)
        return root

    def learn(self, path: Path, root: Path) -> None:
        """Take the word of whoever knows: the engine."""
        self._keep(path, self._doubts, root)

    def doubt(self) -> None:
        """The settings or a project file have changed: look again, and meanwhile go by what was known.

        Editors send their settings again unasked, also in the middle of a run.
        """
        self._doubts += 1

    def _keep(self, path: Path, doubts: int, root: Path) -> None:
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[path.parent] = (doubts, root)


def _root(path: Path, given: str | None, folder: Path | None) -> Path:
    try:
        return find_root(path, Path(given) if given else None, folder)
    except UsageError:
        # Whoever starts a run there is told; here it only decides what tests share a queue.
        return find_root(path, None, folder)
