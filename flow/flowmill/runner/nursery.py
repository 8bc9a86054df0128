"""Zygotes of one project: made, kept up to date, and ended.

A bare one has pytest and its plugins, and, once it is known what the tests import, that
too; a collected one has the tests. Where a fork is safe they are forked from each other
and serve every run; elsewhere a run takes a single-use one, and the next is made meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from flowmill.runner.deaths import aside, last_line
from flowmill.runner.guard import Guard, housed
from flowmill.runner.orders import Errand, Scratches, new_nonce
from flowmill.runner.pool import Pool
from flowmill.runner.process import spawn
from flowmill.runner.program import program
from flowmill.runner.spares import Kind, Spares
from flowmill.runner.zygote import CONTROL, Loaded, Zygote, ZygoteLost, control_pair
from flowmill.shapes import Overlay, Project, TestOrder

OUTPUT_BYTES = 100_000
LOAD_SECONDS = 120.0
COARSE_NS = 20_000_000
"""How far the clock that files are stamped with may be behind ours."""
CONFIGURATION = ("pyproject.toml", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg", "conftest.py")
Stamp = Mapping[str, tuple[int, int]]
CHANGED = (-1, -1)
"""What no file is: one that was written while the tests were loaded may have been read before."""


@dataclass(frozen=True, slots=True)
class Litter:
    """What a run can start from: a zygote of either kind, and how the files were that it has loaded."""

    order: TestOrder
    bare: Pool
    collected: Pool
    loaded: Loaded
    stamp: Stamp

    @property
    def lost(self) -> bool:
        return self.bare.lost or self.collected.lost

    def is_stale(self) -> bool:
        """Whether a file that was loaded has changed on disk."""
        return stamp_of(self.stamp) != self.stamp


class Nursery:
    """Makes zygotes. `forks` False makes single-use ones; `idle` is how long spares wait for a draft.

    Its scratch folders are dropped by whoever made `scratches`.
    """

    def __init__(
        self, project: Project, cache: Path, guard: Guard, scratches: Scratches, *, forks: bool, idle: float
    ) -> None:
        self._idle = idle
        self._project = project
        self._cache = cache
        self._guard = guard
        self._scratches = scratches
        self._made: list[Zygote] = []
        self._spares: list[Spares] = []
        self._retiring: set[asyncio.Task[None]] = set()
        self.forks = forks

    async def litter(
        self, order: TestOrder, *, preload: Loaded | None = None, before: Stamp | None = None
    ) -> Litter:
        """Load the tests of this order, with the code as it is. Raises ZygoteLost or ProjectError.

        `preload` is what an earlier load found: what of it is not the project's is
        imported before a run of the project itself begins. `before` is how its files were:
        what was written while they were loaded, and is again, the tests write themselves.
        """
        names = () if preload is None else await self._clean(order, preload)
        began = time.time_ns() - COARSE_NS
        async with AsyncExitStack() as unless_loaded:
            bare = await self._spawn(order, "bare", names)
            unless_loaded.push_async_callback(self._end, [bare])
            if self.forks:
                await self._wait(bare, order)
                errand = self._errand(order, "collected")
                collected = await bare.grow(errand.data(), OUTPUT_BYTES)
                self._made.append(collected)
                unless_loaded.push_async_callback(self._end, [collected])
            else:
                collected = await self._spawn(order, "collected")
                unless_loaded.push_async_callback(self._end, [collected])
                await self._wait(bare, order)
            loaded = await self._wait(collected, order)
            stamp = self._stamp(order, loaded, began, before or {})
            unless_loaded.pop_all()
        return Litter(
            order,
            self._pool(bare, order, "bare", names),
            self._pool(collected, order, "collected"),
            loaded,
            stamp,
        )

    def _pool(self, first: Zygote, order: TestOrder, kind: str, preload: tuple[str, ...] = ()) -> Pool:
        async def make() -> Zygote:
            zygote = await self._spawn(order, kind, preload)
            async with AsyncExitStack() as unless_loaded:
                unless_loaded.push_async_callback(self._end, [zygote])
                await self._wait(zygote, order)
                unless_loaded.pop_all()
            return zygote

        if self.forks:
            spares = Spares(first, self._scratches, self._spare, self._idle)
            self._spares.append(spares)
            return Pool(first, None, spares)
        return Pool(first, make)

    def _spare(self, kind: Kind, scratch: Path, nonce: str) -> Errand:
        pycache, policy = self._cache / "pycache", housed(kind.policy, scratch)
        return Errand(kind.order, scratch, pycache, nonce, policy, awaits=True)

    async def _clean(self, order: TestOrder, loaded: Loaded) -> tuple[str, ...]:
        """Names of what the tests import from elsewhere, without those that bring the project along."""
        names = [name for name, _ in self._foreign(order, loaded)]
        while True:
            trial = await self._spawn(order, "bare", tuple(names))
            try:
                found = await self._wait(trial, order)
            finally:
                await self._end([trial])
            if not self._own(order, found):
                return tuple(names)
            before = _before_own(found, self._project.root)
            fewer = [name for name in names if name in before]
            names = fewer if len(fewer) < len(names) else []

    def retire(self, litter: Litter) -> None:
        """End these zygotes when the last of their runs is over."""
        task = asyncio.create_task(self._retire(litter.collected, litter.bare))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _retire(self, *pools: Pool) -> None:
        # The collected ones first: they were forked from the bare one, which is busy till then.
        for pool in pools:
            await pool.unused()
            zygotes = await pool.aclose()
            self._spares = [spares for spares in self._spares if spares is not pool.spares]
            for zygote in zygotes:
                await zygote.idle()
            await self._end(zygotes)

    def waiting(self) -> frozenset[int]:
        """The processes that wait for a draft."""
        return frozenset[int]().union(*(spares.pids() for spares in self._spares))

    async def aclose(self) -> None:
        for task in list(self._retiring):
            task.cancel()
            await asyncio.wait([task])
        for spares in self._spares:
            await spares.aclose()
        # The last first: those that were forked from others.
        await self._end(self._made[::-1])

    async def _end(self, zygotes: list[Zygote]) -> None:
        for zygote in zygotes:
            await zygote.end()
            if zygote in self._made:
                self._made.remove(zygote)

    # -------------------------------------------------------------- one zygote
    def _errand(self, order: TestOrder, kind: str, preload: tuple[str, ...] = ()) -> Errand:
        # It loads all that the files hold, runs choose among it. The target's text is
        # given even where it is that of the disk, so that what is loaded is known exactly.
        given = replace(order, keep=(), made=None)
        scratch = self._scratches.make()
        return Errand(
            given,
            scratch,
            self._cache / "pycache",
            new_nonce(),
            self._guard.policy_of_drafts(scratch, order.limits.run_seconds),
            zygote=kind,
            single=not self.forks,
            preload=preload,
        )

    async def _spawn(self, order: TestOrder, kind: str, preload: tuple[str, ...] = ()) -> Zygote:
        errand = self._errand(order, kind, preload)
        ours, theirs = control_pair()
        with ExitStack() as unless_started, theirs:
            unless_started.callback(ours.close)
            process = await spawn(
                [str(self._project.python), str(program(self._cache))],
                cwd=self._project.root,
                env=self._guard.environment(errand.scratch) | {CONTROL: str(theirs.fileno())},
                stdin=errand.data(),
                output_bytes=OUTPUT_BYTES,
                pass_fds=(theirs.fileno(),),
            ).start()
            unless_started.pop_all()
        zygote = Zygote(ours, process, single=not self.forks)
        self._made.append(zygote)
        return zygote

    async def _wait(self, zygote: Zygote, order: TestOrder) -> Loaded:
        # What hangs here hangs in the run itself too, which is to tell it in time.
        seconds = min(LOAD_SECONDS, order.limits.run_seconds)
        try:
            return await asyncio.wait_for(zygote.loaded(), seconds)
        except ZygoteLost as error:
            raise ZygoteLost(f"{error}{aside(await _last_words(zygote))}") from error
        except asyncio.TimeoutError as error:
            raise ZygoteLost(f"the tests are not loaded after {seconds:g} s") from error

    # -------------------------------------------------------------- what it has loaded
    def _foreign(self, order: TestOrder, loaded: Loaded) -> list[tuple[str, str]]:
        own = {name.partition(".")[0] for name, _ in self._own(order, loaded)}
        return [(name, file) for name, file in loaded.modules if name.partition(".")[0] not in own]

    def _own(self, order: TestOrder, loaded: Loaded) -> list[tuple[str, str]]:
        target = order.trace.file.resolve() if order.trace else None
        return [(name, file) for name, file in loaded.modules if _is_own(file, self._project.root, target)]

    def _stamp(self, order: TestOrder, loaded: Loaded, began: int, before: Stamp) -> Stamp:
        """How the files are; `began` is when the first of them may have been read, as `time.time_ns` has it."""
        root = self._project.root
        own = {str(Path(file)) for _, file in self._own(order, loaded)}
        folders = {folder for file in own for folder in Path(file).parents if folder.is_relative_to(root)}
        own |= {str(folder / "conftest.py") for folder in folders}
        own |= {str(folder / name) for folder in (root, *root.parents[:2]) for name in CONFIGURATION}
        places = {str(Path(file).parent.parent) for _, file in loaded.modules if "site-packages" in file}
        sites = {place for place in places if place.endswith("site-packages")}
        overlaid = {str(path) for path in order.overlay}
        found = stamp_of(dict.fromkeys((own | sites | {str(self._project.python)}) - overlaid))
        # A time that is still to come says nothing of when it was written.
        now = time.time_ns()
        late = {file for file, (at, _) in found.items() if began <= at <= now and before.get(file) != CHANGED}
        return {**found, **dict.fromkeys(late, CHANGED)}


async def _last_words(zygote: Zygote) -> str:
    """Why it ended, as its report or else its output has it."""
    await zygote.child.settle(1.0)
    with suppress(TimeoutError, ValueError):
        while (line := await zygote.child.line(0.1)) is not None:
            found = cast("dict[str, object]", json.loads(line))
            if found.get("k") == "broken":
                return f"{found.get('message')}"
    return last_line(zygote.child.output.text())


def _is_own(file: str, root: Path, target: Path | None) -> bool:
    path = Path(file)
    if "site-packages" in path.parts:
        return path.resolve() == target
    return path.is_relative_to(root)


def _before_own(loaded: Loaded, root: Path) -> set[str]:
    """Names of the modules that were loaded before the first of the project's."""
    names: set[str] = set()
    for name, file in loaded.modules:
        if _is_own(file, root, None):
            break
        names.add(name)
    return names


def stamp_of(files: Mapping[str, object]) -> Stamp:
    """When each file was changed last, and its size; zeros for one that is not there."""
    found: dict[str, tuple[int, int]] = {}
    for file in files:
        found[file] = (0, 0)
        with suppress(OSError):
            stat = os.stat(file)
            found[file] = (stat.st_mtime_ns, stat.st_size)
    return found


def rest_of(overlay: Overlay, file: Path) -> dict[Path, bytes]:
    """The overlay without this file."""
    return {path: data for path, data in overlay.items() if path != file}
