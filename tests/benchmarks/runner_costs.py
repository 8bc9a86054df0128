"""What the runner costs and carries: candidates a second, memory, the sandbox's share, many tests."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import time
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import cold_pytest
from case_sets import Case, CaseSet
from grid import grid
from judged import judge, opened
from made_project import OWN, MadeProject, make
from memory_use import descendants, settled, shared_out
from trial import Trial, TrialError, trial_of

from flowmill.options import Sandbox
from flowmill.protocols import Runner
from flowmill.shapes import Project, RunPath, TestOrder

MOST_IN_A_FILE = 1_000
"""More than that pytest itself takes minutes to load."""
_WARM: tuple[RunPath, ...] = ("swap", "import")


@dataclass(frozen=True, slots=True)
class Conditions:
    """What all parts have in common."""

    python: Path
    rounds: int
    sandbox: Sandbox
    patience: float
    """Seconds that a warm process may take to be there."""


@asynccontextmanager
async def held(project: Project, sandbox: Sandbox) -> AsyncGenerator[Runner, None]:
    """A runner with a cache of its own, closed at the end."""
    with tempfile.TemporaryDirectory(prefix="flowmill-cache-") as cache:
        runner = opened(project, Path(cache), sandbox)
        try:
            yield runner
        finally:
            await runner.aclose()


@contextmanager
def temporary(word: str) -> Generator[Path, None, None]:
    with tempfile.TemporaryDirectory(prefix=f"flowmill-{word}-") as name:
        yield Path(name).resolve()


# ------------------------------------------------------------------ candidates a second
async def rate(conditions: Conditions, drafts: int, lanes: int) -> str:
    """Distinct drafts a second for a function with two tests of no length, by the number of lanes at once."""
    body: list[list[str]] = []
    with temporary("rate") as folder:
        made = make(folder, conditions.python, len(OWN))
        async with held(made.project, conditions.sandbox) as runner:
            path = await _warm(runner, made, conditions.patience)
            for width in sorted({1, lanes}):
                orders = (made.draft(number) for number in itertools.count())
                rates = [await _rate(runner, orders, drafts, width) for _ in range(3)]
                body.append([path, str(width), str(drafts), f"{median(rates):.0f}", f"{min(rates):.0f}"])
    return grid(("path", "lanes", "drafts", "candidates/s, median of 3", "least"), body, markdown=True)


async def _rate(runner: Runner, orders: Iterator[TestOrder], drafts: int, lanes: int) -> float:
    waiting = list(itertools.islice(orders, drafts))

    async def lane() -> None:
        while waiting:
            judged = await judge(runner, waiting.pop())
            if judged.fault:
                raise TrialError(f"rate: {judged.fault}")

    started = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(lanes)))
    return drafts / (time.perf_counter() - started)


async def _warm(runner: Runner, made: MadeProject, patience: float) -> str:
    """Take the baseline and wait until drafts are swapped; the path that they take in the end."""
    await judge(runner, made.baseline())
    deadline = time.monotonic() + patience
    for number in itertools.count(1_000_000):
        judged = await judge(runner, made.draft(number))
        if judged.fault:
            raise TrialError(f"the made project: {judged.fault}")
        if judged.end.path == "swap" or time.monotonic() > deadline:
            await settled(patience)
            return judged.end.path
        await asyncio.sleep(0.1)
    raise AssertionError("there is always another number")


# ------------------------------------------------------------------ memory
async def memory(conditions: Conditions, cases: Sequence[tuple[CaseSet, Case]]) -> str:
    """What waits for the next draft (shared pages once) against plain pytest's peak of resident memory.

    Once after drafts that were swapped, once after one that had to be imported, for which more may be kept.
    """
    body: list[list[str]] = []
    for case_set, case in cases:
        with trial_of(case_set, case, conditions.python) as trial:
            peak = (await cold_pytest.said(conditions.python, trial.original, trial.tests)).peak
            line = [trial.name, f"{peak / 1e6:.0f}"]
            async with held(trial.project, conditions.sandbox) as runner:
                await judge(runner, trial.baseline())
                for path in _WARM:
                    judged, _ = await trial.ready(runner, path, conditions.patience)
                    processes = descendants()
                    warm = shared_out(processes)
                    share = f"{warm / peak:.2f}" if peak else "-"
                    line += [judged.end.path, str(len(processes)), f"{warm / 1e6:.0f}", share]
            body.append(line)
    head = ["package", "cold peak, RSS MB", *("path", "processes", "PSS MB", "ratio") * len(_WARM)]
    return grid(head, body, markdown=True)


# ------------------------------------------------------------------ the sandbox's share
async def sandbox(conditions: Conditions, cases: Sequence[tuple[CaseSet, Case]]) -> str:
    """The same drafts with the sandbox and without it, in turns."""
    body: list[list[str]] = []
    for case_set, case in cases:
        with trial_of(case_set, case, conditions.python) as trial:
            closed, open_ = await _both(trial, conditions)
        cost = f"{100 * (median(closed) / median(open_) - 1):+.1f} %"
        body.append(
            [trial.name, f"`{trial.qualname}`", *(f"{1000 * median(s):.1f}" for s in (closed, open_)), cost]
        )
    return grid(("package", "function", "auto ms", "off ms", "cost"), body, markdown=True)


async def _both(trial: Trial, conditions: Conditions) -> tuple[list[float], list[float]]:
    closed: list[float] = []
    open_: list[float] = []
    async with held(trial.project, "auto") as confined, held(trial.project, "off") as free:
        for runner in (confined, free):
            await judge(runner, trial.baseline())
            await trial.ready(runner, "swap", conditions.patience)
        for number in range(3 * conditions.rounds):
            pairs = [(confined, closed), (free, open_)]
            for runner, seconds in pairs if number % 2 else reversed(pairs):
                judged = await judge(runner, trial.draft(number))
                if judged.fault:
                    raise TrialError(f"{trial.name}: {judged.fault}")
                seconds.append(judged.seconds)
    return closed, open_


# ------------------------------------------------------------------ many tests
async def many(conditions: Conditions, sizes: Sequence[int]) -> str:
    """The verdict of the same drafts in projects that differ only in how many other tests they have."""
    body: list[list[str]] = []
    for layout in ("files of 100", "one file"):
        least: float | None = None
        one_file = layout == "one file"
        for size in [min(size, MOST_IN_A_FILE) for size in sizes] if one_file else sizes:
            path, verdict, cold = await _among(conditions, size, one_file=one_file)
            least = least or verdict
            figures = [f"{1000 * cold:.0f}", f"{1000 * verdict:.1f}", f"{verdict / least:.2f}"]
            body.append([layout, str(size), path, *figures])
    head = ("layout", "tests in all", "path", "cold pytest ms", "draft ms", "of the first")
    return grid(head, body, markdown=True)


async def _among(conditions: Conditions, size: int, *, one_file: bool) -> tuple[str, float, float]:
    """Path, median seconds of a draft, median seconds of plain pytest on the same two tests."""
    with temporary("many") as folder:
        made = make(folder / "project", conditions.python, size, one_file=one_file)
        whole = make(folder / "original", conditions.python, size, one_file=one_file)
        whole.fill()
        async with held(made.project, conditions.sandbox) as runner:
            path = await _warm(runner, made, conditions.patience)
            drafts: list[float] = []
            cold: list[float] = []
            for number in range(conditions.rounds):
                cold.append(await cold_pytest.timed(conditions.python, whole.project.root, OWN))
                drafts.append((await judge(runner, made.draft(number))).seconds)
    return path, median(drafts), median(cold)
