"""A run from its first event to its last: `Run.work` names every stage in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

from flowmill.engine.baseline import BaselineTaker
from flowmill.engine.board import Board
from flowmill.engine.desk import Desk, Task
from flowmill.engine.emitter import Emitter
from flowmill.engine.judge import Judge, Site
from flowmill.engine.mapping import MapBuilder
from flowmill.engine.meter import BudgetSpent, Meter
from flowmill.engine.release import release
from flowmill.engine.request import Result, RunRequest, Tools
from flowmill.engine.search import Search
from flowmill.engine.tasking import make_task
from flowmill.engine.verdict import Suite, Verdict, baseline_passes, counted, counts, passed, score
from flowmill.errors import FlowmillError, TargetError
from flowmill.events import Evidence, Record, RunFinished, RunStarted
from flowmill.project.own import belongs_to_tests
from flowmill.project.pytest_config import read_config
from flowmill.protocols import Model
from flowmill.shapes import Status
from flowmill.source.functions import find
from flowmill.source.text import SourceFile


class Run:
    """One run. Iterate over `records()` once; `result` is there when it is exhausted.

    With a `mapping` the tests are chosen by what they execute, and it goes on learning until the run ends.
    """

    def __init__(
        self, request: RunRequest, tools: Tools, run_id: str = "", mapping: MapBuilder | None = None
    ) -> None:
        """Raises `TargetError` if the function is not there, or is part of the tests: nothing has begun then."""
        self.id = run_id
        self.request = request
        self.file = _read(request)
        self.function = find(self.file, request.qualname)
        self.target = self.function.target(self.file.path)
        self.result: Result | None = None
        self._tools = tools
        self._mapping = mapping
        self.meter = Meter(request.budget)
        self._emitter = Emitter(tools.redact, tools.mask)
        self._task: asyncio.Task[None] | None = None
        self._model: asyncio.Task[Model] | None = None
        self._board: Board | None = None
        self._search: Search | None = None
        self._begun = False
        self._ending = False
        """Set by the first cancel, and once only tidying up is left, which nothing may interrupt."""

    @property
    def seconds_left(self) -> float:
        return self.meter.remaining

    def cancel(self) -> None:
        """End the run: children die, the model's stream closes, and the last event says "cancelled"."""
        if not self._ending:
            self._ending = True
            # A task that is cancelled before its first step would end without a word.
            if self._begun and self._task is not None:
                self._task.cancel()

    async def records(self) -> AsyncGenerator[Record, None]:
        """Every event, the last one `run.finished`. Raises `FlowmillError` after it if the run broke off."""
        self._task = asyncio.create_task(self._work())
        try:
            while (stamped := await self._emitter.queue.get()) is not None:
                yield Record(self.id, *stamped)
            await self._task
        finally:
            self.cancel()
            await asyncio.wait([self._task])

    async def _work(self) -> None:
        self._begun = True
        request, failure = self.request, None
        self._emitter.emit(
            RunStarted(request.mode, self.target, request.model_name, request.strategy, request.budget)
        )
        self._model = asyncio.create_task(self._connect())
        status: Status = "failed"
        try:
            try:
                status = "cancelled" if self._ending else await self._stages(self._model)
            except asyncio.CancelledError:
                status = "cancelled"
            except FlowmillError as error:
                self._emitter.note(str(error), "warning")
                status, failure = self._status(), error
            finally:
                self._ending = True
                await self._leave(self._model)
                self._finish(status)
        finally:
            self._emitter.close()
        if failure is not None:
            raise failure

    async def _connect(self) -> Model:
        """Starting a model of our own is time that the model takes."""
        with self.meter.model_busy():
            return await self._tools.connect()

    async def _leave(self, connecting: asyncio.Task[Model]) -> None:
        """Let go of the model and the tests, whatever state they are in; the result stands all the same."""
        mapping = [self._mapping.aclose] if self._mapping is not None else []
        for close in (lambda: _disconnect(connecting), *mapping, self._tools.runner.aclose):
            try:
                await close()
            except Exception as error:  # of whatever kind: each of the others is to be let go of too
                self._emitter.note(f"the run did not end cleanly: {type(error).__name__}: {error}", "warning")

    async def _stages(self, connecting: asyncio.Task[Model]) -> Status:
        request, emitter = self.request, self._emitter
        known = self._mapping.known if self._mapping is not None else None
        taker = BaselineTaker(
            request, self.target, self.function.is_stub, self._tools.runner, self.meter, emitter, known
        )
        baseline = await taker.take()
        if self._mapping is not None:
            self._mapping.start()
        suite, problem = baseline.suite, baseline.problem
        start = Verdict(
            0, None, self.function.source, self.file.data, "", suite.baseline, True, problem=problem
        )
        self._board = Board(start, suite)
        forced = _nothing_fails(start, suite)
        if forced and not request.force:
            emitter.note(
                "nothing fails here: no test that reaches the function faults it (--force rewrites it all the same)"
            )
            return "unchanged"
        if forced:
            # The user wants another body, so the one that is there sets no mark to beat.
            self._board = Board(replace(start, results={}), replace(suite, was_stub=True))
        model = await self._connected(connecting)
        if model is None:
            return self._status()
        mode = "generate" if forced else request.mode
        task = await make_task(request, self.file, self.function, mode, self._board, model.profile, emitter)
        release(self._board, emitter)
        desk = Desk(task, model, self.meter, emitter)
        tools = self._tools
        self._search = Search(
            desk,
            self._judge_of(task),
            self._board,
            baseline.wider,
            self.meter,
            emitter,
            tools.lanes,
            shares_cores=tools.shares_cores,
        )
        await self._search.run(request.strategy, request.given)
        return self._status()

    async def _connected(self, connecting: asyncio.Task[Model]) -> Model | None:
        """The model, or None if the time is up before it is there."""
        if not self.request.budget.calls:
            return await connecting
        with self._emitter.stage("model"):
            await asyncio.wait({connecting}, timeout=self.meter.remaining)
            if connecting.done():
                return connecting.result()
        spent = BudgetSpent("seconds", self.request.budget)
        self._emitter.note(f"stopped before the model was there: {spent}")
        return None

    def _judge_of(self, task: Task) -> Judge:
        assert self._board is not None
        request = self.request
        sources = tuple(dict.fromkeys(task.test_sources.values()))
        site = Site(request.project.root, self.file, self.function, request.buffers, sources)
        return Judge(site, self._board, self._tools.runner, self.meter, self._emitter, request.test_seconds)

    def _status(self) -> Status:
        board = self._board
        if board is None:
            return "failed"
        best, suite = board.best, board.suite
        if best.number and self._search is not None and self._search.confirmed == best.number:
            return "verified"
        ids = suite.counting | suite.doctests
        if best.number and passed(best, suite, ids) >= baseline_passes(
            suite, ids, was_stub=self.function.is_stub
        ):
            return "improved"
        return "failed" if board.verdicts else "unchanged"

    def _finish(self, status: Status) -> None:
        """Emit the last event, with the best draft that there is."""
        board = self._board
        best = _closest(board) if board is not None else None
        evidence = _evidence(board, best) if board is not None else Evidence({}, {}, {})
        if best is not None and best.candidate is not None:
            improved = status in ("verified", "improved")
            draft = best.candidate.draft
            self.result = Result(
                self.target, self.file.data, best.data, draft, status == "verified", improved
            )
        meter = self.meter
        self._emitter.emit(
            RunFinished(
                status,
                best.number if best else None,
                best.diff if best else "",
                evidence,
                meter.calls,
                meter.usage,
                meter.seconds(),
            )
        )


async def _disconnect(connecting: asyncio.Task[Model]) -> None:
    if not connecting.done():
        connecting.cancel()
        await asyncio.wait([connecting])
    if not connecting.cancelled() and connecting.exception() is None:
        await connecting.result().aclose()


def _read(request: RunRequest) -> SourceFile:
    buffer = request.buffers.get(request.file)
    file = SourceFile.read(request.file) if buffer is None else SourceFile.from_bytes(request.file, buffer)
    if belongs_to_tests(read_config(request.project.root), file.path, file.data):
        raise TargetError(
            f"{file.path} is a test file, and flowmill never edits those: name a function of the code it tests"
        )
    return file


def _nothing_fails(start: Verdict, suite: Suite) -> bool:
    """A written body that no test and no doctest faults; also one that no test reaches."""
    written = not (suite.was_stub or suite.open_ended or start.problem)
    ids = suite.counting | suite.doctests
    return written and passed(start, suite, ids) == len(ids)


def _evidence(board: Board, best: Verdict | None) -> Evidence:
    suite = board.suite
    ids = suite.counting | suite.doctests
    now = best.results if best else suite.baseline
    return Evidence(
        counts(suite.baseline, ids),
        counts(now, (counted(best, suite) if best else suite.counting) | suite.doctests),
        counts(now, suite.held_back),
    )


def _closest(board: Board) -> Verdict | None:
    """The best draft; where none beats a stub, the one that came closest, to be shown and not applied."""
    if board.best.number:
        return board.best
    ran = [v for v in board.verdicts if not v.refused]
    return max(ran, key=lambda v: score(v, board.suite)) if ran and board.suite.was_stub else None
