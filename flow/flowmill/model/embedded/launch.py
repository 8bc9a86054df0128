"""Joins the embedded model's server, starting it if it does not run."""

from __future__ import annotations

import asyncio
import http.client
import os
import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from flowmill.errors import ModelError
from flowmill.model.embedded import openvino, spawn
from flowmill.model.embedded.catalogue import Weights
from flowmill.model.embedded.engine import EngineOrder
from flowmill.model.embedded.lease import Listening, MeetingPlace, Refusal
from flowmill.model.embedded.locks import FileLock
from flowmill.model.embedded.weights import installed
from flowmill.paths import cache_dir

ENGINE = (sys.executable, "-m", "flowmill.model.embedded.engine")


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """How a server is started. `port` other than 0 asks for a server of its own on that port."""

    command: Sequence[str] = ENGINE
    port: int = 0
    seconds: float = 180.0
    """Limit for loading the model."""
    idle: int = 600


class EmbeddedServer:
    """A running server in shared use: alive at least until `aclose`, or this process's end.

    After ten idle minutes it drops the model from memory and loads it again with the
    next request, so `base_url` stays valid. `context` is in tokens, per conversation; `width` is how many
    answers come about as fast together as one alone.
    """

    def __init__(self, place: MeetingPlace, lease: FileLock, state: Listening, facts: spawn.Facts) -> None:
        self.base_url = state.base_url
        self.api_key = state.api_key
        self.context = facts.context
        self.width = facts.width
        self._place = place
        self._lease = lease

    def problem(self) -> str | None:
        """Why the server is gone, in words; None while it runs."""
        with self._place.alive() as alive:
            if not alive.take():
                return None
        state = self._place.read()
        reason = f"{state.error}. {state.hint}" if isinstance(state, Refusal) else "it was ended from outside"
        return f"the embedded model's server stopped: {reason}"

    async def aclose(self) -> None:
        """Let go of the server; the last one to do so waits until its processes are gone."""
        if self._lease.fd < 0:
            return
        self._lease.drop()
        with self._place.start_lock() as start:
            # Whoever holds this lock is joining: the server stays.
            if start.take():
                await spawn.gone(self._place)

    async def __aenter__(self) -> EmbeddedServer:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


async def connect(
    model: Weights, cache: Path | None = None, options: LaunchOptions | None = None
) -> EmbeddedServer:
    """Join the model's server, started first if need be; the caller must `aclose` what it gets.

    Raises `ModelError` in one line if the weights are missing or the server cannot
    start. Cancelling leaves no process behind.
    """
    options = options or LaunchOptions()
    folder = cache or cache_dir()
    file = installed(model, folder)
    if file is None:
        raise ModelError(f"{model.name} is not downloaded", hint=f"Run: flowmill model pull {model.name}")
    place = _meeting_place(folder, model, options.port)
    deadline = time.monotonic() + options.seconds
    with place.start_lock() as start:
        lease = place.lease()
        try:
            if not (await spawn.taken(start, deadline) and await spawn.taken(lease, deadline)):
                raise ModelError(
                    f"another flowmill is still starting {model.name}", hint=f"Its log: {place.log}"
                )
            state = await spawn.running(place, _order(model, file, options), options.command, deadline)
            facts = await asyncio.to_thread(_facts, state, model)
        except BaseException:  # a cancel too must let the server go
            lease.drop()
            await spawn.gone(place)
            raise
        return EmbeddedServer(place, lease, state, facts)


def _facts(state: Listening, model: Weights) -> spawn.Facts:
    try:
        return spawn.facts(state)
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
        raise ModelError(f"the server of {model.name} does not tell its properties: {error}") from error


def _meeting_place(cache: Path, model: Weights, port: int) -> MeetingPlace:
    place = MeetingPlace(cache / "server" / (f"{model.name}-{port}" if port else model.name))
    try:
        place.create()
    except OSError as error:
        raise ModelError(
            f"cannot write {place.folder}: {error.strerror}", hint="Move the cache with FLOWMILL_CACHE_DIR"
        ) from error
    return place


def _order(model: Weights, file: Path, options: LaunchOptions) -> EngineOrder:
    return EngineOrder(
        name=model.name,
        file=str(file),
        api_key=secrets.token_urlsafe(32),
        port=options.port,
        idle=options.idle,
        # Decided here: the server's processes get nothing that is called FLOWMILL_….
        batches=model.batches and not options.port and openvino.is_wanted(os.environ),
    )
