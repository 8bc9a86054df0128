"""Runs tests in a fresh process of the project's interpreter, one per run."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from flowmill.runner.conduct import conduct
from flowmill.runner.guard import Guard
from flowmill.runner.ledger import Ledger
from flowmill.runner.orders import Errand, Scratches, new_nonce
from flowmill.runner.process import Process, StartError, spawn
from flowmill.runner.program import program
from flowmill.shapes import Project, RunnerMessage, TestOrder


class ColdRunner:
    """Each run is a process of its own: slow to start, and nothing of one draft can reach the next.

    Bytecode goes to `cache`, written only by runs of code as the user has it; other runs
    read it. Scratch files live until the run ends.
    """

    def __init__(self, project: Project, cache: Path, guard: Guard | None = None) -> None:
        self._project = project
        self._cache = cache
        self._guard = guard or Guard(project, cache)
        self._scratches = Scratches()
        self._processes: set[Process] = set()

    async def run(self, order: TestOrder) -> AsyncGenerator[RunnerMessage, None]:
        """Yield at most one `Collected`, results as they happen, and one `RunEnd`; see `protocols.Runner`."""
        await self._guard.prepare()
        scratch = self._scratches.make()
        policy = self._guard.policy(order, scratch)
        nonce = new_nonce()
        witness = self._guard.witness(order, policy)
        ledger = Ledger(order.limits, str(self._project.python), time.monotonic(), nonce, witness)

        async def start(only: tuple[str, ...] | None) -> Process:
            errand = Errand(order, scratch, self._cache / "pycache", nonce, policy, only)
            return await self._start(errand)

        try:
            async with aclosing(conduct(ledger, start)) as messages:
                async for message in messages:
                    yield message
        except StartError as error:
            ledger.stop("no_python", str(error))
        finally:
            self._scratches.drop(scratch)
        yield self._guard.learn(order, ledger.end(time.monotonic()), witness)

    async def aclose(self) -> None:
        """End what still runs and remove every scratch folder."""
        for process in list(self._processes):
            await process.end()
        self._scratches.drop_all()

    async def _start(self, errand: Errand) -> Process:
        process = await spawn(
            [str(self._project.python), str(program(self._cache))],
            cwd=self._project.root,
            env=self._guard.environment(errand.scratch),
            stdin=errand.data(),
            output_bytes=errand.order.limits.output_bytes,
        ).start()
        self._processes.add(process)
        process.when_gone(lambda: self._processes.discard(process))
        return process
