"""Runs tests in a fresh process of the project's interpreter, one per run."""

from __future__ import annotations

import base64
import json
import os
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator
from pathlib import Path

from flowmill.errors import ProjectError
from flowmill.runner.ledger import Ledger
from flowmill.runner.process import Process, StartError, scrubbed_env, spawn
from flowmill.runner.program import program
from flowmill.shapes import Project, RunnerMessage, Target, TestOrder


class ColdRunner:
    """Each run is a process of its own: slow to start, and nothing of one draft can reach the next.

    Bytecode goes to `cache`, written only by runs that trace, which run the code as the
    user has it; other runs read it. Scratch files live until the run ends.
    """

    def __init__(self, project: Project, cache: Path) -> None:
        self._project = project
        self._cache = cache
        self._scratches: set[Path] = set()
        self._processes: set[Process] = set()

    async def run(self, order: TestOrder) -> AsyncGenerator[RunnerMessage, None]:
        """Yield at most one `Collected`, results as they happen, and one `RunEnd`; see `protocols.Runner`."""
        ledger = Ledger(order.limits, str(self._project.python), time.monotonic())
        scratch = self._new_scratch()
        try:
            while ledger.open:
                async with self._spawn(order, scratch, ledger.begin_attempt()) as process:
                    self._processes.add(process)
                    while ledger.attempt_open:
                        for message in await _hear(process, ledger):
                            yield message
                    self._processes.discard(process)
        except StartError as error:
            ledger.stop("no_python", str(error))
        finally:
            self._drop(scratch)
        yield ledger.end(time.monotonic())

    async def aclose(self) -> None:
        """End what still runs and remove every scratch folder."""
        for process in list(self._processes):
            await process.end()
        for scratch in list(self._scratches):
            self._drop(scratch)

    def _spawn(self, order: TestOrder, scratch: Path, only: tuple[str, ...] | None) -> spawn:
        return spawn(
            [str(self._project.python), str(program(self._cache))],
            cwd=self._project.root,
            env=self._environment(scratch),
            stdin=json.dumps(self._order(order, scratch, only)).encode(),
            output_bytes=order.limits.output_bytes,
        )

    def _environment(self, scratch: Path) -> dict[str, str]:
        return scrubbed_env(
            {
                "TMPDIR": str(scratch / "tmp"),
                "HYPOTHESIS_STORAGE_DIRECTORY": str(scratch / "hypothesis"),
                "COVERAGE_FILE": str(scratch / "coverage"),
                # For the subprocesses of tests: ours decides for itself.
                "PYTHONDONTWRITEBYTECODE": "1",
            }
        )

    def _order(self, order: TestOrder, scratch: Path, only: tuple[str, ...] | None) -> dict[str, object]:
        goal = order.trace or order.doctest
        return {
            "parent": os.getpid(),
            "scratch": str(scratch),
            "pycache": str(self._cache / "pycache"),
            "write_bytecode": order.trace is not None,
            "overlay": {str(path): base64.b64encode(data).decode() for path, data in order.overlay.items()},
            "files": list(order.files),
            "keep": list(order.keep),
            "only": None if only is None else list(only),
            "goal": None if goal is None else _goal(goal),
            "doctest": None if order.doctest is None else _goal(order.doctest),
            "trace": order.trace is not None,
            "made": order.made,
            "test_seconds": order.limits.test_seconds,
        }

    def _new_scratch(self) -> Path:
        # In the system's temporary folder, since paths of sockets made below it must be short.
        try:
            scratch = Path(tempfile.mkdtemp(prefix="flowmill-"))
            self._scratches.add(scratch)
            (scratch / "tmp").mkdir()
        except OSError as error:
            where = tempfile.gettempdir()
            raise ProjectError(f"the tests need a scratch folder in {where}: {error.strerror}") from error
        return scratch

    def _drop(self, scratch: Path) -> None:
        shutil.rmtree(scratch, ignore_errors=True)
        self._scratches.discard(scratch)


async def _hear(process: Process, ledger: Ledger) -> list[RunnerMessage]:
    """Wait for the next thing the process says or fails to say; give what is to be told."""
    try:
        line = await process.line(ledger.patience(time.monotonic()))
        told = [] if line is None else ledger.feed(line, time.monotonic())
    except TimeoutError:
        return ledger.overdue(time.monotonic())
    except ValueError as error:
        ledger.stop("output", f"the tests' process wrote a report that is not ours: {error}")
        return []
    if line is not None and not ledger.said_finish:
        return told
    returncode = await process.settle(1.0)
    ended = ledger.exited if line is None else ledger.finished
    return ended(returncode, process.output.text(), time.monotonic())


def _goal(target: Target) -> dict[str, object]:
    return {
        "file": str(target.file),
        "qualname": target.qualname,
        "start": target.start,
        "end": target.end,
    }
