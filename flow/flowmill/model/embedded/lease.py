"""The folder where the users of one server meet it, and the rules of its locks.

`start`  held by whoever is joining or starting the server, so that one is started.
`lease`  shared by every user for as long as they live; the server takes it alone
         now and then, and succeeds only when nobody is left.
`alive`  held by the server's processes together, so that it is free exactly when
         all of them are gone, however they ended.
`state`  where the server listens and its key, or why it could not start.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from flowmill.model.embedded.locks import FileLock

LOG_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class Listening:
    """A server that has loaded its model. `pid` is its outermost process."""

    base_url: str
    api_key: str
    pid: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a server could not start, or ended, in one line, and what to do."""

    error: str
    hint: str


State = Listening | Refusal


@dataclass(frozen=True, slots=True)
class MeetingPlace:
    """The folder of one server; two of them know nothing of each other."""

    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def create(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def start_lock(self) -> FileLock:
        return FileLock(self.folder / "start")

    def lease(self) -> FileLock:
        """What a user holds."""
        return FileLock(self.folder / "lease", shared=True)

    def last_call(self) -> FileLock:
        """The lease taken alone: possible only when no user is left."""
        return FileLock(self.folder / "lease")

    def alive(self) -> FileLock:
        return FileLock(self.folder / "alive")

    def read(self) -> State | None:
        """What the server wrote last; None if nothing, or nothing that makes sense."""
        try:
            data: object = json.loads((self.folder / "state").read_text())
        except (OSError, ValueError):
            return None
        if not isinstance(data, dict):
            return None
        fields = cast("dict[str, Any]", data)
        for kind in (Listening, Refusal):
            try:
                return kind(**fields)
            except TypeError:
                continue
        return None

    def write(self, state: State) -> None:
        """Replace the state at once, readable by nobody else: it holds the key."""
        new = self.folder / "state.new"
        new.unlink(missing_ok=True)
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as file:
            json.dump(asdict(state), file)
        new.replace(self.folder / "state")

    def forget(self) -> None:
        (self.folder / "state").unlink(missing_ok=True)

    def open_log(self) -> int:
        """A descriptor that appends to the log, begun anew when it has grown too long."""
        fd = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.cap_log()
        return fd

    def cap_log(self) -> None:
        """Writers append, so the file may be emptied under them."""
        if self.log.stat().st_size > LOG_BYTES:
            os.truncate(self.log, 0)
