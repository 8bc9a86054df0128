"""The runner under measurement, and one run of it with a clock beside it."""

from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from flowmill.options import Sandbox
from flowmill.protocols import Runner
from flowmill.runner.guard import Guard
from flowmill.runner.warm import WarmRunner
from flowmill.shapes import Project, RunEnd, TestOrder, TestResult


def opened(project: Project, cache: Path, sandbox: Sandbox) -> Runner:
    """The runner that flowmill itself would use in that project."""
    return WarmRunner(project, cache, Guard(project, cache, sandbox))


@dataclass(slots=True)
class Judged:
    """One run. `first` and `seconds` count from the order's start to the first outcome and to the verdict."""

    end: RunEnd = field(default_factory=lambda: RunEnd("crashed", "the runner gave no verdict"))
    results: dict[str, TestResult] = field(default_factory=dict[str, TestResult])
    first: float = 0.0
    seconds: float = 0.0

    @property
    def fault(self) -> str:
        """Why this is not a clean pass of at least one test, "" if it is."""
        if self.end.problem or self.end.doubt:
            return self.end.doubt or f"{self.end.problem}: {self.end.detail}"
        bad = [result for result in self.results.values() if result.outcome != "passed"]
        if bad:
            return f"{bad[0].id}: {bad[0].outcome}: {bad[0].message}"
        return "" if self.results else "no test ran"


async def judge(runner: Runner, order: TestOrder) -> Judged:
    """Run the order to its end."""
    judged = Judged()
    started = time.perf_counter()
    async with aclosing(runner.run(order)) as stream:
        async for message in stream:
            now = time.perf_counter() - started
            if isinstance(message, TestResult):
                judged.first = judged.first or now
                judged.results[message.id] = message
            elif isinstance(message, RunEnd):
                judged.end, judged.seconds = message, now
    return judged
