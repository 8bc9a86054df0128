"""The engine's process, which host.py starts. Ends, with all it started, when its input ends."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import pickle
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from flowmill.engine.affected import affected
from flowmill.engine.request import RunRequest
from flowmill.engine.run import Run
from flowmill.errors import FlowmillError
from flowmill.journal import Journal
from flowmill.machine import machine_cores
from flowmill.paths import cache_dir
from flowmill.project.function_map import FunctionMap
from flowmill.runner.warm import WarmRunner
from flowmill.shapes import Overlay
from flowmill.wiring import Workplace, open_guard, open_run, open_workplace, request_for
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
    Told,
    Up,
    frame,
)
from flowmill_server.engine.usable import usable

logger = logging.getLogger(__name__)


class Worker:
    """Does what it is asked, everything at once; its answers leave in the order they were given."""

    def __init__(self, output: int) -> None:
        self._output = output
        self._turns = asyncio.Semaphore(machine_cores())
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._open: dict[str, Run] = {}
        self._finding: dict[int, asyncio.Task[None]] = {}

    def take(self, request: Request) -> None:
        if isinstance(request, StartRun):
            self._runs[request.run] = task = asyncio.create_task(self._run(request))
            task.add_done_callback(lambda _: self._never_begun(request.run))
        elif isinstance(request, CancelRun):
            self._cancel(request.run)
        elif isinstance(request, FindAffected):
            self._finding[request.number] = task = asyncio.create_task(self._find(request))
            task.add_done_callback(lambda _: self._finding.pop(request.number, None))
        elif task := self._finding.get(request.number):
            task.cancel()

    async def close(self) -> None:
        """Cancel everything, and wait until none of its processes is left."""
        for run in list(self._runs):
            self._cancel(run)
        for task in self._finding.values():
            task.cancel()
        left = [*self._runs.values(), *self._finding.values()]
        if left:
            await asyncio.wait(left)

    def send(self, reply: Reply) -> None:
        # A pipe that is full holds everything up here, and nothing that an editor waits for.
        with suppress(BrokenPipeError):  # the end of the input says that the server has gone
            left = memoryview(frame(reply))
            while left:
                left = left[os.write(self._output, left) :]

    def _cancel(self, name: str) -> None:
        run, task = self._open.get(name), self._runs.get(name)
        if run is not None:
            run.cancel()
        elif task is not None:
            task.cancel()

    def _never_begun(self, name: str) -> None:
        """A task that is cancelled before its first step does not even get to its `finally`."""
        if self._runs.pop(name, None) is not None:
            self.send(Ended(name, problem="cancelled", code=130))

    # -------------------------------------------------------------- runs
    async def _run(self, start: StartRun) -> None:
        ended = Ended(start.run)
        try:
            ended = await self._told(start)
        except asyncio.CancelledError:
            ended = Ended(start.run, problem="cancelled", code=130)
        except FlowmillError as error:
            ended = Ended(start.run, problem=str(error), hint=error.hint, code=error.exit_code)
        except Exception as error:  # the other runs go on
            logger.exception("run %s broke", start.run)
            ended = Ended(start.run, problem=f"internal error: {type(error).__name__}: {error}", code=1)
        finally:
            self._runs.pop(start.run, None)
            self._open.pop(start.run, None)
            self.send(ended)

    async def _told(self, start: StartRun) -> Ended:
        """Tell a run from its first event to its last."""
        place, buffers = await asyncio.to_thread(_open, start)
        with Journal.open(redact=place.mask) as journal:
            request = _request(place, start, buffers)
            run = open_run(place, request, journal, run_id=start.run, turns=self._turns)
            self._open[start.run] = run
            self.send(Opened(run.id, run.target, place.warnings))
            problem, hint, code = "", "", 0
            try:
                async with aclosing(run.records()) as records:
                    async for record in records:
                        journal.append(record)
                        self.send(Told(record))
            except FlowmillError as error:
                # The run has told its end; this is why it came so early.
                problem, hint, code = str(error), error.hint, error.exit_code
            return Ended(run.id, run.result, problem or journal.problem, hint, code)

    # -------------------------------------------------------------- affected tests
    async def _find(self, request: FindAffected) -> None:
        answer = Affected(request.number, None)
        try:
            answer = await self._found(request)
        except asyncio.CancelledError:
            answer = Affected(request.number, None, "cancelled")
        except FlowmillError as error:
            answer = Affected(request.number, None, str(error))
        except Exception as error:  # the runs go on
            logger.exception("looking for affected tests broke")
            answer = Affected(request.number, None, f"internal error: {type(error).__name__}: {error}")
        finally:
            self.send(answer)

    async def _found(self, request: FindAffected) -> Affected:
        place, buffers = await asyncio.to_thread(_open, request)
        known = FunctionMap.open(cache_dir(), place.project.root)
        runner = WarmRunner(place.project, cache_dir(), open_guard(place))
        spec = replace(request.spec, root=place.project.root, buffers=buffers)
        try:
            async with self._turns:
                return Affected(request.number, await affected(spec, runner, known))
        finally:
            await runner.aclose()
            known.close()


def _open(asked: StartRun | FindAffected) -> tuple[Workplace, Overlay]:
    file = asked.file if isinstance(asked, StartRun) else asked.spec.saved[0]
    seen = asked.place
    editor, problems = usable(seen.editor, file, seen.folder, os.environ)
    place = open_workplace(file, {}, os.environ, editor=editor, trusted=seen.trusted, folder=seen.folder)
    return replace(place, warnings=(*problems, *place.warnings)), _unsaved(seen, file)


def _unsaved(place: Place, target: Path) -> Overlay:
    """The buffers that differ from their files; that of the target is needed in any case."""
    return {path: data for path, data in place.buffers.items() if path == target or _differs(path, data)}


def _differs(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() != data
    except OSError:
        return True


def _request(place: Workplace, start: StartRun, buffers: Overlay) -> RunRequest:
    request = request_for(place, start.mode, start.file, start.qualname)
    budget = request.budget if start.asks else replace(request.budget, calls=0)
    return replace(
        request,
        force=start.force or request.force,
        budget=budget,
        buffers=buffers,
        rejected=start.rejected,
        given=start.given,
    )


async def _serve(source: BinaryIO, output: int) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**16)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), source)
    worker = Worker(output)
    worker.send(Up())
    try:
        while True:
            size = HEADER.unpack(await reader.readexactly(HEADER.size))[0]
            worker.take(pickle.loads(await reader.readexactly(size)))
    except (asyncio.IncompleteReadError, ConnectionError):
        logger.info("the server has gone")
    finally:
        await worker.close()
        # Nobody waits for threads that import or read, nor for the interpreter to tidy up: half a second.
        atexit._run_exitfuncs()
        os._exit(0)


def main() -> int:
    """Serve the two pipes that are standard input and output, which nobody else may write into from now on."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s engine %(levelname)s %(message)s")
    logger.setLevel(logging.INFO)
    source, output = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    try:
        asyncio.run(_serve(os.fdopen(source, "rb", 0), output))
    except KeyboardInterrupt:
        return 130
    return 0
