"""Runs drafts on the shortest way there is: into loaded code, past loaded plugins, or from cold.

The first run of the user's own code loads the tests for all that follow. Whatever does
not work here works from cold, and `RunEnd.slower` says why a run was not faster.
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from flowmill.errors import ProjectError
from flowmill.runner.cold import ColdRunner
from flowmill.runner.conduct import conduct
from flowmill.runner.guard import FRESH_SECONDS, Guard
from flowmill.runner.launch import Start, launch
from flowmill.runner.ledger import Ledger
from flowmill.runner.nursery import Litter, Nursery, rest_of
from flowmill.runner.orders import Scratches
from flowmill.runner.pool import Pool
from flowmill.runner.process import StartError
from flowmill.runner.spares import IDLE_SECONDS
from flowmill.runner.swap import Swap, plan, restore_lines
from flowmill.runner.zygote import ZygoteLost
from flowmill.shapes import Project, RunEnd, RunnerMessage, RunPath, Target, TestOrder, TestResult

FORKS = sys.platform == "linux"
"""Elsewhere system libraries do not survive a fork."""
REFRESH_SECONDS = FRESH_SECONDS * 0.6
LOOK_SECONDS = 0.5
"""How often to look whether files that were loaded have changed."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a run gets to its tests: the zygote it starts from, what is swapped, why not faster.

    `file` is the one that holds the function under work.
    """

    path: RunPath
    pool: Pool | None = None
    swap: Swap | None = None
    slower: str = ""
    file: Path = Path()


class WarmRunner:
    """Serves `protocols.Runner`; falls back to the cold runner, which also serves orders for a clean run.

    Processes wait for the next draft for `idle` seconds after the last one.
    """

    def __init__(
        self,
        project: Project,
        cache: Path,
        guard: Guard | None = None,
        *,
        forks: bool = FORKS,
        idle: float = IDLE_SECONDS,
    ) -> None:
        self._idle = idle
        self._project = project
        self._cache = cache
        self._guard = guard or Guard(project, cache)
        self._cold = ColdRunner(project, cache, self._guard)
        self._scratches = Scratches()
        self._nursery = Nursery(project, cache, self._guard, self._scratches, forks=forks, idle=idle)
        self._litter: Litter | None = None
        self._why_none = "no test was run on the code as it stands"
        self._looked = 0.0
        self._in_vain: tuple[str, ...] | None = None
        """Files that could not be loaded together."""
        self._loading: asyncio.Task[None] | None = None
        self._preloading: asyncio.Task[None] | None = None
        self._attending: asyncio.Task[None] | None = None
        self._served = 0.0

    async def run(self, order: TestOrder) -> AsyncGenerator[RunnerMessage, None]:
        """Yield at most one `Collected`, results as they happen, and one `RunEnd`; see `protocols.Runner`."""
        await self._guard.prepare()
        way = await self._way(order)
        while way.pool is not None:
            told = False
            async with aclosing(self._warm(order, way)) as messages:
                async for message in messages:
                    if isinstance(message, Way):
                        way = message
                        break
                    told = True
                    yield message
                else:
                    return
            assert not told, "a run goes another way only before it has told anything"
        async with aclosing(self._cold.run(order)) as messages:
            async for message in messages:
                yield replace(message, slower=way.slower) if isinstance(message, RunEnd) else message

    def waiting(self) -> frozenset[int]:
        """The processes that wait for a draft; none of them has seen one."""
        return self._nursery.waiting()

    async def aclose(self) -> None:
        """Leave no process and no file behind."""
        for task in (self._loading, self._preloading, self._attending):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        await self._nursery.aclose()
        await self._cold.aclose()
        self._scratches.drop_all()

    # -------------------------------------------------------------- which way
    async def _way(self, order: TestOrder) -> Way:
        if order.clean:
            return Way("cold", slower="a clean run was asked for")
        if not order.untrusted and order.trace is not None:
            await self._load(order)
        litter = self._litter
        if litter is None or litter.lost:
            return Way("cold", slower=self._why_none)
        covers = self._covers(litter, order)
        free = self._loading is None or self._loading.done()
        # The old one serves until the new one is there.
        wider = None if covers or not order.untrusted else _wider(litter.order, order)
        if free and wider is not None and wider.files != self._in_vain:
            self._loading = asyncio.create_task(self._load_wider(litter, wider))
        elif free and time.monotonic() - self._looked > LOOK_SECONDS:
            self._loading = asyncio.create_task(self._load_if_stale(litter))
        if not covers:
            return Way("cold", slower="other test files were loaded")
        return self._shortest(order, litter)

    def _covers(self, litter: Litter, order: TestOrder) -> bool:
        """Whether what the order wants to run is all among what was loaded, and can be told from the rest."""
        loaded = litter.order.files
        if order.files == ():
            return True
        if order.files is None or loaded is None:
            among = order.keep and order.files and self._were_loaded(litter, order.files)
            return order.files is loaded or bool(among)
        same = set(order.files) == set(loaded)
        return same or (bool(order.keep) and set(order.files) <= set(loaded))

    def _were_loaded(self, litter: Litter, files: Iterable[str]) -> bool:
        """What the configuration chose is known only by the modules that were imported."""
        found = {Path(file).resolve() for _, file in litter.loaded.modules}
        return all((self._project.root / file).resolve() in found for file in files)

    def _shortest(self, order: TestOrder, litter: Litter) -> Way:
        why = self._not_in_place(order, litter)
        target = _goal(litter.order)
        data = order.overlay.get(target.file)
        if not why and data in (None, litter.order.overlay.get(target.file)):
            return Way("swap", litter.collected, file=target.file)
        if not why:
            swap = _planned(litter, data or b"")
            if isinstance(swap, Swap):
                return Way("swap", litter.collected, swap, file=target.file)
            why = swap
        return self._past_plugins(litter, why)

    def _not_in_place(self, order: TestOrder, litter: Litter) -> str:
        target = _goal(litter.order)
        if litter.loaded.ran:
            return "the function runs while the tests are loaded"
        if litter.loaded.threads and self._nursery.forks:
            return "the loaded tests have started a thread"
        if rest_of(order.overlay, target.file) != rest_of(litter.order.overlay, target.file):
            return "other open files have changed"
        return ""

    def _past_plugins(self, litter: Litter, why: str) -> Way:
        if self._preloading is None:
            self._preloading = asyncio.create_task(self._preload(litter))
        return Way("import", litter.bare, slower=why, file=_goal(litter.order).file)

    # -------------------------------------------------------------- loading
    async def _load(self, order: TestOrder) -> None:
        """Have these tests loaded, unless they are. Raises ProjectError if no draft may be run here."""
        given = self._with_target(order)
        if self._litter is not None and not self._litter.lost and self._litter.order == given:
            return
        try:
            fresh = await self._nursery.litter(given)
        except (ZygoteLost, StartError) as error:
            self._install(None, f"the tests could not be loaded ahead: {error}")
        else:
            self._install(fresh)

    async def _load_if_stale(self, litter: Litter) -> None:
        """Looked at now and then, and beside a draft: many may come within a second, and none should wait."""
        self._looked = time.monotonic()
        if await asyncio.to_thread(litter.is_stale):
            await self._load_in_place_of(litter, litter.order)

    async def _load_in_place_of(self, old: Litter, order: TestOrder) -> None:
        """Load beside what else goes on, unless others are put in the old ones' place meanwhile."""
        fresh, why = None, ""
        try:
            fresh = await self._nursery.litter(order, before=old.stamp)
        except (ZygoteLost, ProjectError) as error:
            why = f"the tests could not be loaded ahead: {error}"
        self._replace(old, fresh, why)

    async def _load_wider(self, old: Litter, order: TestOrder) -> None:
        """Load more files than there are; where that fails, what there is goes on serving."""
        try:
            self._replace(old, await self._nursery.litter(order, before=old.stamp))
        except (ZygoteLost, ProjectError):
            self._in_vain = order.files

    async def _preload(self, old: Litter) -> None:
        """Load all anew, past what the tests import from elsewhere; the old ones serve until then."""
        with suppress(ZygoteLost, ProjectError):
            fresh = await self._nursery.litter(old.order, preload=old.loaded, before=old.stamp)
            if not self._replace(old, fresh):
                self._preloading = None

    def _replace(self, old: Litter, fresh: Litter | None, why_none: str = "") -> bool:
        """False, and the fresh ones go, where somebody else was faster."""
        if self._litter is old:
            self._install(fresh, why_none)
            return True
        if fresh is not None:
            self._nursery.retire(fresh)
        return False

    def _install(self, fresh: Litter | None, why_none: str = "") -> None:
        old, self._litter, self._why_none, self._in_vain = self._litter, fresh, why_none, None
        if old is not None:
            self._nursery.retire(old)

    def _with_target(self, order: TestOrder) -> TestOrder:
        target = _goal(order)
        overlay = dict(order.overlay)
        if target.file not in overlay:
            with suppress(OSError):
                overlay[target.file] = target.file.read_bytes()
        return replace(order, overlay=overlay)

    async def _attend(self) -> None:
        """Keep the policy fresh as long as spares wait for the next draft."""
        while time.monotonic() - self._served < self._idle:
            await asyncio.sleep(REFRESH_SECONDS)
            with suppress(ProjectError):  # The next draft meets the same, and tells it.
                await self._guard.refresh()
        self._attending = None

    # -------------------------------------------------------------- one run
    async def _warm(self, order: TestOrder, way: Way) -> AsyncGenerator[RunnerMessage | Way, None]:
        """What the run tells, or, before anything, the way that it has to go instead."""
        assert way.pool is not None
        policy = self._guard.shared_policy(order)
        swap = way.swap.wire() if way.swap else None
        start = Start(order, way.pool, way.file, swap, policy, self._cache / "pycache")
        witness = self._guard.witness(order, policy)
        self._served = time.monotonic()
        self._attending = self._attending or asyncio.create_task(self._attend())
        async with launch(start, self._scratches) as launched:
            python, nonce = str(self._project.python), launched.nonce
            ledger = Ledger(order.limits, python, time.monotonic(), nonce, witness)
            try:
                async with aclosing(conduct(ledger, launched.process)) as messages:
                    async for message in messages:
                        yield _restored(message, way.swap)
            except ZygoteLost as error:
                if not ledger.tests:
                    yield Way("cold", slower=str(error))
                    return
                ledger.stop("crashed", f"the process that had the tests loaded is gone: {error}")
        if ledger.unfit and self._litter is not None:
            yield self._past_plugins(self._litter, ledger.unfit)
            return
        end = replace(ledger.end(time.monotonic()), path=way.path, slower=way.slower)
        yield self._guard.learn(order, end, witness)


def _goal(order: TestOrder) -> Target:
    assert order.trace is not None
    return order.trace


def _wider(loaded: TestOrder, order: TestOrder) -> TestOrder | None:
    """What is to be loaded so that it covers this order too, None if nothing more would be."""
    if loaded.files is None or not order.files:
        return None
    more = tuple(file for file in order.files if file not in loaded.files)
    return replace(loaded, files=(*loaded.files, *more)) if more and order.keep else None


def _planned(litter: Litter, data: bytes) -> Swap | str:
    target = _goal(litter.order)
    try:
        base = importlib.util.decode_source(litter.order.overlay[target.file])
        return plan(base, importlib.util.decode_source(data), target)
    except (SyntaxError, UnicodeDecodeError) as error:
        return f"the file cannot be decoded: {error}"


def _restored(message: RunnerMessage, swap: Swap | None) -> RunnerMessage:
    if swap is None or not isinstance(message, TestResult) or not message.details:
        return message
    return replace(message, details=restore_lines(swap, message.details))
