"""A run's documents as files of the cache, for clients that cannot ask the server for a document.

Written only when the user wants to see one, in a thread, and gone when the run's result is
accepted or discarded, or the server ends.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from flowmill_server.show.virtual import Name

logger = logging.getLogger(__name__)

MOST_RUNS = 16
STALE_SECONDS = 24 * 3600.0
"""Folders this old were left behind by a server that was killed."""


class RunFiles:
    """One folder per run below `folder()`; the oldest give way when there are many."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder
        self._runs: dict[str, set[Name]] = {}
        self._swept = False
        self._writing = asyncio.Lock()

    def names(self, run: str) -> frozenset[Name]:
        """Which of the run's documents were written."""
        return frozenset(self._runs.get(run, ()))

    async def write(self, run: str, name: Name, text: str) -> Path | None:
        """The file, or None with a line in the log if it cannot be written."""
        async with self._writing:
            given_up = self._make_room(run)
            self._runs.setdefault(run, set()).add(name)
            return await asyncio.to_thread(self._write, given_up, run, name, text)

    async def write_again(self, run: str, name: Name, text: str) -> None:
        """The file's new content, if it was written and has not gone meanwhile."""
        async with self._writing:
            if name in self._runs.get(run, ()):
                await asyncio.to_thread(self._write, [], run, name, text)

    async def remove(self, run: str) -> None:
        """The run's files go; none need be there."""
        async with self._writing:
            if self._runs.pop(run, None) is not None:
                await asyncio.to_thread(_remove, self._folder() / run)

    async def close(self) -> None:
        """All files that this server wrote go."""
        for run in list(self._runs):
            await self.remove(run)

    def _make_room(self, run: str) -> list[str]:
        others = [known for known in self._runs if known != run]
        given_up = others[: max(0, len(others) - MOST_RUNS + 1)]
        for old in given_up:
            del self._runs[old]
        return given_up

    # ------------------------------------------------------------------ in a thread
    def _write(self, given_up: list[str], run: str, name: Name, text: str) -> Path | None:
        folder = self._folder()
        for old in given_up:
            _remove(folder / old)
        try:
            if not self._swept:
                self._swept = True
                _sweep(folder)
            (folder / run).mkdir(parents=True, exist_ok=True, mode=0o700)
            path = folder / run / name
            path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
        except OSError as error:
            logger.warning("%s of run %s cannot be kept in %s: %s", name, run, folder, error)
            return None
        return path


def _sweep(folder: Path) -> None:
    for old in folder.iterdir() if folder.is_dir() else ():
        if time.time() - old.stat().st_mtime > STALE_SECONDS:
            _remove(old)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
