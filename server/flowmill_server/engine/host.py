"""The server's end of the engine's process: started when it is first needed, started anew if it dies."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress

from flowmill.engine.affected import AffectedSpec
from flowmill_server.engine.messages import (
    HEADER,
    Affected,
    CancelRun,
    Ended,
    FindAffected,
    Opened,
    Place,
    Reply,
    Request,
    StartRun,
    StopFinding,
    Told,
    frame,
)

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 1.5
"""How long the engine may take to end its children before it is killed itself."""
REST_SECONDS = 300.0
"""After so long without work the engine is let go, and with it its memory; the next request starts a new one."""
Hear = Callable[[Opened | Told | Ended], None]


class Engine:
    """Runs and test runs in the engine's process. All methods belong to the server's event loop.

    Whatever happens to the process, every run that was started hears `Ended` once.
    """

    def __init__(self, *, rest_seconds: float = REST_SECONDS) -> None:
        self._rest_seconds = rest_seconds
        self._timer: asyncio.TimerHandle | None = None
        self._leaving: dict[asyncio.Task[None], asyncio.subprocess.Process] = {}
        """Processes that were let go, by the reading of what they still say."""
        self._process: asyncio.subprocess.Process | None = None
        self._starting: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._waiting: list[bytes] = []
        self._runs: dict[str, Hear] = {}
        self._finding: dict[int, asyncio.Future[Affected]] = {}
        self._number = 0
        self._closed = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def start(self, run: StartRun, hear: Hear) -> None:
        """Begin a run; `hear` gets `Opened`, what is told, and `Ended`, never before this has returned."""
        self._runs[run.run] = hear
        self._send(run)

    def cancel(self, run: str) -> None:
        if run in self._runs:
            self._send(CancelRun(run))

    async def affected(self, spec: AffectedSpec, place: Place) -> Affected:
        """What the tests say that a saved file may have broken. Cancelling this ends their processes."""
        self._number += 1
        number = self._number
        answer: asyncio.Future[Affected] = asyncio.get_running_loop().create_future()
        self._finding[number] = answer
        self._send(FindAffected(number, spec, place))
        try:
            return await answer
        except asyncio.CancelledError:
            self._send(StopFinding(number))
            raise
        finally:
            self._finding.pop(number, None)
            self._rest_later()

    async def close(self) -> None:
        """End the process and all below it; returns when they are gone."""
        self._closed = True
        if self._starting is not None:
            await asyncio.wait([self._starting])
        self._stay()
        self._let_go()
        ending = dict(self._leaving)
        if not ending:
            return
        _, late = await asyncio.wait(ending, timeout=CLOSE_SECONDS)
        for reading in late:
            logger.warning("the engine did not end in %s s and is killed", CLOSE_SECONDS)
            with suppress(ProcessLookupError):
                ending[reading].kill()
        if late:
            await asyncio.wait(late)
        self._lost("the server is ending")

    # -------------------------------------------------------------- rest
    def _stay(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _rest_later(self) -> None:
        """Let the process go some time if nothing more is asked of it."""
        self._stay()
        if not self._runs and not self._finding and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(self._rest_seconds, self._let_go)

    def _let_go(self) -> None:
        process, reading = self._process, self._reading
        if process is None or reading is None:
            return
        self._process = self._reading = None
        self._leaving[reading] = process
        reading.add_done_callback(lambda _: self._leaving.pop(reading, None))
        assert process.stdin is not None
        process.stdin.close()

    # -------------------------------------------------------------- the process
    def _send(self, request: Request) -> None:
        self._stay()
        data = frame(request)
        if self._process is not None:
            self._write(data)
            return
        self._waiting.append(data)
        if self._starting is None and not self._closed:
            self._starting = asyncio.create_task(self._start())

    def _write(self, data: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        # The transport keeps what the pipe does not take: a request is as large as the open documents.
        self._process.stdin.write(data)

    async def _start(self) -> None:
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "flowmill_server.engine.worker"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                limit=2**20,
            )
        except OSError as error:
            self._lost(f"the engine cannot be started: {error.strerror or error}")
            return
        finally:
            self._starting = None
        waiting, self._waiting = self._waiting, []
        for data in waiting:
            self._write(data)
        self._reading = asyncio.create_task(self._read(self._process))

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        try:
            while True:
                size = HEADER.unpack(await process.stdout.readexactly(HEADER.size))[0]
                self._take(pickle.loads(await process.stdout.readexactly(size)))
        except (asyncio.IncompleteReadError, ConnectionError):
            code = await process.wait()
            if process is not self._process:
                return  # it was let go
            self._process = None
            logger.error("the engine ended with %s", code)
            self._lost(f"the engine stopped unexpectedly ({_ending(code)}): run it again")

    def _take(self, reply: Reply) -> None:
        if isinstance(reply, Affected):
            answer = self._finding.get(reply.number)
            if answer is not None and not answer.done():
                answer.set_result(reply)
            return
        name = reply.record.run if isinstance(reply, Told) else reply.run
        hear = self._runs.pop(name, None) if isinstance(reply, Ended) else self._runs.get(name)
        if hear is not None:
            _tell(hear, reply)
        if isinstance(reply, Ended):
            self._rest_later()

    def _lost(self, why: str) -> None:
        """Nothing more will be heard of what was going on."""
        self._waiting.clear()
        runs, self._runs = self._runs, {}
        for run, hear in runs.items():
            _tell(hear, Ended(run, problem=why, code=1))
        for number, answer in self._finding.items():
            if not answer.done():
                answer.set_result(Affected(number, None, why))


def _tell(hear: Hear, reply: Opened | Told | Ended) -> None:
    """One listener's fault must not end the reading for all."""
    try:
        hear(reply)
    except Exception:  # the next answer is to be heard
        logger.exception("an answer of the engine could not be shown")


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
