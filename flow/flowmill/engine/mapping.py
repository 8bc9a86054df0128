"""Fills the function map in the background: one test file after the other, while that harms nobody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from flowmill.errors import FlowmillError
from flowmill.project.function_map import FunctionMap
from flowmill.project.function_map_lesson import is_storable, plain
from flowmill.project.hashes import hashes_of
from flowmill.project.pytest_config import collectable_files, read_config
from flowmill.protocols import Runner
from flowmill.shapes import Census, Overlay, RunEnd, TestLimits, TestOrder, TestResult

HOPELESS = frozenset({"no_python", "no_pytest", "usage", "output"})


@dataclass(frozen=True, slots=True)
class BuildLimits:
    """What one go at the map may use in all, and a file of it."""

    seconds: float = 300.0
    tests: int = 10_000
    file_seconds: float = 60.0
    test_seconds: float = 10.0


class MapBuilder:
    """Runs the test files that `known` does not know, then those whose sources have changed.

    `harmless` is asked before every file. What was learned from a file is kept at once, so
    that a later go continues where this one was stopped. One go at a time.
    """

    def __init__(
        self,
        root: Path,
        known: FunctionMap,
        runner: Runner,
        harmless: Callable[[], bool],
        *,
        overlay: Overlay | None = None,
        limits: BuildLimits | None = None,
    ) -> None:
        self.known = known
        self._root = root
        self._runner = runner
        self._harmless = harmless
        self._overlay = overlay or {}
        self._limits = limits or BuildLimits()
        self._task: asyncio.Task[int] | None = None
        self.problem = ""
        """Why the last go ended early, if something was in its way."""

    def start(self) -> None:
        """Begin in the background, if nothing speaks against it."""
        if (self._task is None or self._task.done()) and self._harmless():
            self._task = asyncio.create_task(self.build())

    async def stop(self) -> None:
        """End at once what `start` began. Raises what broke it, if anything did."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()

    async def aclose(self) -> None:
        """Stop, and close the runner and the map."""
        try:
            await self.stop()
        finally:
            await self._runner.aclose()
            self.known.close()

    async def build(self) -> int:
        """Give the number of test files that were run."""
        ends = time.monotonic() + self._limits.seconds
        ran = tests = 0
        for file in await asyncio.to_thread(self._waiting):
            left = ends - time.monotonic()
            if left <= 0 or tests >= self._limits.tests or not self._harmless():
                break
            try:
                results, end = await self._run(file, left)
            except FlowmillError as error:
                # Nobody has asked for this: whoever does will be told.
                self.problem = str(error)
                break
            if end is None or end.problem in HOPELESS:
                break
            tests += len(results)
            ran += 1
        return ran

    def _waiting(self) -> list[str]:
        """The files to run: those not tried in their present state, small ones first, then those that are due."""
        paths = collectable_files(read_config(self._root))
        inside = (path for path in paths if path.is_relative_to(self._root) and is_storable(str(path)))
        files = [path.relative_to(self._root).as_posix() for path in inside]
        now = hashes_of(self._root, (*files, *self.known.all_files()), self._overlay)
        stale = self.known.stale(now)
        tried = self.known.tried_files()
        due = {test.partition("::")[0] for test in stale.due}
        sizes = {file: _size(self._root / file) for file in files}
        new = sorted((file for file in files if tried.get(file) != now[file]), key=lambda file: sizes[file])
        return new + sorted(due & set(files) - set(new), key=lambda file: sizes[file])

    async def _run(self, file: str, left: float) -> tuple[dict[str, TestResult], RunEnd | None]:
        began = time.time()
        results: dict[str, TestResult] = {}
        end: RunEnd | None = None
        async with aclosing(self._runner.run(self._order(file, left))) as messages:
            async for message in messages:
                if isinstance(message, TestResult):
                    results[message.id] = message
                elif isinstance(message, RunEnd):
                    end = message
        if end is not None and end.problem not in HOPELESS:
            await asyncio.to_thread(self._keep, file, results, end, began)
        return results, end

    def _order(self, file: str, left: float) -> TestOrder:
        seconds = min(left, self._limits.file_seconds)
        limits = TestLimits(seconds, self._limits.test_seconds)
        return TestOrder(self._overlay, (file,), census=True, untrusted=False, limits=limits)

    def _keep(self, file: str, results: Mapping[str, TestResult], end: RunEnd, began: float) -> None:
        hashes = hashes_of(self._root, {file, *sources(end.census)}, self._overlay, since=began)
        self.known.learn_file(file, end.census, results, hashes, complete=end.problem is None)


def sources(census: Census | None) -> set[str]:
    """The files that hold the functions of a census."""
    return set() if census is None else {file for ran in census.tests.values() for file, _ in ran}


def learn(
    known: FunctionMap,
    root: Path,
    overlay: Overlay,
    census: Census,
    results: Mapping[str, TestResult],
    began: float,
) -> None:
    """Keep what a run that somebody asked for has shown besides; `began` as `time.time()` has it."""
    files = {plain(root.resolve(), test).partition("::")[0] for test in census.tests} | sources(census)
    known.learn(census, results, hashes_of(root, files, overlay, since=began))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
