"""All that is shown of runs, put together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flowmill.paths import cache_dir
from flowmill_server.client import Client
from flowmill_server.show.events import EventFeed
from flowmill_server.show.files import RunFiles
from flowmill_server.show.hearer import Hearer, Table
from flowmill_server.show.lenses import LensRefresher
from flowmill_server.show.messages import Deeds, Messages
from flowmill_server.show.pace import Clock, Spawn
from flowmill_server.show.progress import Hint, Progress
from flowmill_server.show.status import StatusLog
from flowmill_server.show.viewer import Viewer
from flowmill_server.show.virtual import VirtualDocuments


def runs_folder() -> Path:
    return cache_dir() / "runs"


class Showing:
    """Holds what streams to the user; hears of every run from its beginning on."""

    def __init__(
        self,
        client: Client,
        runs: Table,
        deeds: Deeds,
        hint: Hint,
        spawn: Spawn,
        clock: Clock | None = None,
        folder: Callable[[], Path] = runs_folder,
    ) -> None:
        clock = clock or Clock()
        self._files = RunFiles(folder)
        self.progress = Progress(client, spawn, hint, runs.cancel, clock)
        self.virtual = VirtualDocuments(client, runs, spawn, clock)
        self.viewer = Viewer(client, self.virtual, self._files, spawn)
        self._lenses = LensRefresher(client, spawn, clock)
        # In this order: the facts before what is said about them, and questions to the user last.
        parts: tuple[Hearer, ...] = (
            EventFeed(client),
            StatusLog(client),
            self.progress,
            self.virtual,
            self.viewer,
            self._lenses,
            Messages(client, self.viewer, deeds, spawn),
        )
        for part in parts:
            runs.listen(part)

    async def close(self) -> None:
        """Nothing more is shown, and no file is left."""
        self.progress.close()
        self.virtual.close()
        self._lenses.close()
        await self._files.close()
