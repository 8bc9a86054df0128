"""The server's end of the engine's process: started when it is first needed, started anew if it dies."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from flowmill.engine.affected import AffectedSpec
from flowmill.project.probe import OWN_FIRST
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
    Up,
    frame,
)

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 0.7
"""How long the engine may take to end its children before it is killed itself, which ends them too."""
CANCEL_SECONDS = 0.8
"""The same for what was cancelled, counted from the cancel: after a second nothing of it may be left."""
REST_SECONDS = 300.0
"""After so long without work the engine is let go, and with it its memory; the next request starts a new one."""
WORKER = (
    sys.executable,
    "-c",
    f"{OWN_FIRST}from flowmill_server.engine.worker import main; sys.exit(main())",
)
"""Its working directory is the server's, which most editors set to the user's project."""
Hear = Callable[[Opened | Told | Ended], None]


class Engine:
    """Runs and test runs in the engine's process. All methods belong to the server's event loop.

    Whatever happens to the process, every run that was started hears `Ended` once.
    """

    def __init__(self, *, rest_seconds: float = REST_SECONDS, command: Sequence[str] = WORKER) -> None:
        self._rest_seconds = rest_seconds
        self._command = command
        self._timer: asyncio.TimerHandle | None = None
        self._leaving: dict[asyncio.Task[None], asyncio.subprocess.Process] = {}
        """Processes that were let go, by the reading of what they still say."""
        self._process: asyncio.subprocess.Process | None = None
        self._starting: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._waiting: list[bytes] = []
        self._up = False
        """Whether the process reads what it is sent; before that it has started nothing."""
        self._runs: dict[str, Hear] = {}
        self._cancelled: set[str] = set()
        """Of these runs those that were cancelled and have not ended yet."""
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
        """Stop a run. If nothing else goes on by its end, the process goes too, within a second in any case."""
        if run in self._runs and run not in self._cancelled:
            self._cancelled.add(run)
            self._send(CancelRun(run))
            self._give_up()
            asyncio.get_running_loop().call_later(CANCEL_SECONDS, self._enforce)

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
        if self._leaving:
            await asyncio.wait([*self._leaving])
        self._lost("the server is ending")

    # -------------------------------------------------------------- rest
    def _stay(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def _idle(self) -> bool:
        return not self._runs and not self._finding

    def _rest_later(self) -> None:
        """Let the process go some time if nothing more is asked of it."""
        self._stay()
        if self._idle and not self._closed:
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
        asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._end_leaving, reading)

    def _end_leaving(self, reading: asyncio.Task[None]) -> None:
        if reading in self._leaving:
            logger.warning("the engine did not end in time and is killed")
            _kill(self._leaving[reading])

    @property
    def _only_cancelled(self) -> bool:
        """Whether the process is there for nothing but runs that were cancelled."""
        doomed = bool(self._runs) and self._runs.keys() <= self._cancelled and not self._finding
        return doomed and self._process is not None

    def _give_up(self) -> None:
        """A process that does not listen yet has nothing to end: it is not waited for."""
        if self._only_cancelled and not self._up:
            assert self._process is not None
            _kill(self._process)
            self._let_go()
            self._lost("")

    def _enforce(self) -> None:
        """A cancel was a moment ago: what has only cancelled runs to end does not get longer."""
        late = self._only_cancelled
        if late:
            self._let_go()  # first, so that the next request starts another
        for reading in self._leaving:
            self._end_leaving(reading)
        if late:
            self._lost("")

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
        problem, self._up = "", False
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                limit=2**20,
            )
        except OSError as error:
            problem = f"the engine cannot be started: {error.strerror or error}"
        finally:
            self._starting = None
        if self._process is None:
            # Not before: a run that begins because this one has ended starts a process anew.
            self._lost(problem)
            return
        waiting, self._waiting = self._waiting, []
        for data in waiting:
            self._write(data)
        self._reading = asyncio.create_task(self._read(self._process))
        self._give_up()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        try:
            await self._listen(process)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except Exception:  # what cannot be read cannot be gone on with either
            logger.exception("the engine said what cannot be understood")
            _kill(process)
        code = await process.wait()
        if process is not self._process:
            return  # it was let go
        self._process = None
        logger.error("the engine ended with %s", code)
        self._lost(f"the engine stopped unexpectedly ({_ending(code)}): run it again")

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while True:
            size = HEADER.unpack(await process.stdout.readexactly(HEADER.size))[0]
            reply: Reply = pickle.loads(await process.stdout.readexactly(size))
            if isinstance(reply, Up):
                self._up = self._up or process is self._process
            else:
                self._take(reply)

    def _take(self, reply: Opened | Told | Ended | Affected) -> None:
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
            self._ended(name)

    def _ended(self, run: str) -> None:
        """After a cancel nothing is to be left, unless there is other work; else the process stays warm a while."""
        cancelled = run in self._cancelled
        self._cancelled.discard(run)
        if cancelled and self._idle:
            self._stay()
            self._let_go()
        else:
            self._rest_later()

    def _lost(self, why: str) -> None:
        """Nothing more will be heard of what was going on; what was cancelled has ended as it should."""
        self._waiting.clear()
        runs, self._runs = self._runs, {}
        cancelled, self._cancelled = self._cancelled, set()
        for run, hear in runs.items():
            broken = Ended(run, problem=why, code=1)
            _tell(hear, Ended(run, problem="cancelled", code=130) if run in cancelled else broken)
        for number, answer in self._finding.items():
            if not answer.done():
                answer.set_result(Affected(number, None, why))


def _tell(hear: Hear, reply: Opened | Told | Ended) -> None:
    """One listener's fault must not end the reading for all."""
    try:
        hear(reply)
    except Exception:  # the next answer is to be heard
        logger.exception("an answer of the engine could not be shown")


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
