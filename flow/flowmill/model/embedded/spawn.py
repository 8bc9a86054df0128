"""Starting a server's processes, asking whether they are well, and seeing them off."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flowmill.errors import ModelError
from flowmill.model.embedded.engine import EngineOrder
from flowmill.model.embedded.lease import Listening, MeetingPlace, Refusal
from flowmill.model.embedded.locks import FileLock
from flowmill.model.embedded.serve import GuardOrder
from flowmill.sandbox.environment import without_secrets

GUARD = (sys.executable, "-m", "flowmill.model.embedded.serve")
POLL = 0.03
GOODBYE = 1.0
"""Seconds that a server gets to end after the last user has left; it notices in a tenth of one."""


async def taken(lock: FileLock, deadline: float) -> bool:
    """Wait for a lock that others hold briefly; False if it is not free in time."""
    while not lock.take():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(POLL)
    return True


async def running(
    place: MeetingPlace, order: EngineOrder, command: Sequence[str], deadline: float
) -> Listening:
    """The server that runs here, else a new one. The caller holds `start` and a lease."""
    started = False
    while time.monotonic() < deadline:
        alive = place.alive()
        try:
            if alive.take():
                if started:
                    raise _refused(place, order)
                started = True
                _spawn(place, order, command, alive)
        finally:
            # The new processes keep the lock through the descriptor that they inherited.
            alive.hand_over()
        state = place.read()
        if isinstance(state, Listening) and await asyncio.to_thread(_healthy, state):
            return state
        await asyncio.sleep(POLL)
    raise ModelError(
        f"{order.name} did not load in time",
        hint=f"Try again when the machine is less busy. Its log: {place.log}",
    )


async def gone(place: MeetingPlace) -> None:
    """If nobody holds a lease any more, wait until the server has noticed and its processes are gone."""
    with place.last_call() as lease:
        if not lease.take():
            return
    with place.alive() as alive:
        await taken(alive, time.monotonic() + GOODBYE)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a server says of itself: tokens that one conversation may have, and how many answers to ask for at once."""

    context: int
    width: int


def facts(state: Listening) -> Facts:
    """Ask the server; llama.cpp's says nothing of a width."""
    properties: Any = json.loads(_get(state, "/props"))
    return Facts(int(properties["default_generation_settings"]["n_ctx"]), int(properties.get("width", 1)))


def _spawn(place: MeetingPlace, order: EngineOrder, command: Sequence[str], alive: FileLock) -> None:
    place.forget()
    guard_order = GuardOrder(
        str(place.folder), list(command), order.name, order.api_key, order.to_line(), alive.fd
    )
    log = place.open_log()
    try:
        # The cache folder as working directory: the user's modules must not shadow ours.
        guard = subprocess.Popen(
            GUARD,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=place.folder,
            env=_environment(),
            pass_fds=(alive.fd,),
            start_new_session=True,
        )
    finally:
        os.close(log)
    assert guard.stdin
    with guard.stdin as pipe:
        pipe.write(guard_order.to_line().encode())
    # It may outlive this run in the service of others: reap it whenever it ends.
    threading.Thread(target=guard.wait, daemon=True).start()


def _environment() -> dict[str, str]:
    """Ours without the user's keys and tokens: the server has no use for them."""
    return without_secrets(os.environ)


def _refused(place: MeetingPlace, order: EngineOrder) -> ModelError:
    state = place.read()
    if isinstance(state, Refusal):
        return ModelError(state.error, hint=state.hint)
    return ModelError(f"the server of {order.name} ended while it started", hint=f"Its log: {place.log}")


def _healthy(state: Listening) -> bool:
    try:
        _get(state, "/health")
    except (OSError, http.client.HTTPException):
        return False
    return True


def _get(state: Listening, path: str) -> bytes:
    """A direct request: a proxy that the environment names has no business on loopback."""
    parts = urllib.parse.urlsplit(state.base_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {state.api_key}"})
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise http.client.HTTPException(f"{path} answered {answer.status}")
    return body
