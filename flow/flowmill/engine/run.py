"""A run from its first event to its last: `Run.work` names every stage in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from flowmill.context.fit import fit
from flowmill.context.gather import gather
from flowmill.engine.agreement import agree, enough_unverified, settle_by_agreement
from flowmill.engine.baseline import Baseline, BaselineTaker
from flowmill.engine.board import Board
from flowmill.engine.confirm import confirm
from flowmill.engine.desk import Desk, Task
from flowmill.engine.emitter import Emitter
from flowmill.engine.holding import function_of, hold_back
from flowmill.engine.judge import Judge, Site
from flowmill.engine.mend import Surroundings
from flowmill.engine.meter import BudgetSpent, Meter
from flowmill.engine.release import release
from flowmill.engine.request import Result, RunRequest, Tools
from flowmill.engine.verdict import Suite, Verdict, counts, is_green, score
from flowmill.errors import FlowmillError
from flowmill.events import Evidence, Record, RunFinished, RunStarted
from flowmill.project.selection import module_name
from flowmill.protocols import CandidateSource, Model
from flowmill.shapes import Candidate, ModelProfile, Status
from flowmill.source.functions import Function, find, find_functions
from flowmill.source.imports import module_names
from flowmill.source.text import SourceFile
from flowmill.strategies import STRATEGIES

RESERVE_TOKENS = 600
"""Kept free of context in every prompt: the varying end, with a failing case in it."""


class Run:
    """One run. Iterate over `records()` once; `result` is there when it is exhausted."""

    def __init__(self, request: RunRequest, tools: Tools, run_id: str = "") -> None:
        """Raises `TargetError` if the function is not there: nothing has begun then."""
        self.id = run_id
        self.request = request
        self.file = _read(request)
        self.function = find(self.file, request.qualname)
        self.target = self.function.target(self.file.path)
        self.result: Result | None = None
        self._tools = tools
        self.meter = Meter(request.budget)
        self._emitter = Emitter(tools.redact)
        self._task: asyncio.Task[None] | None = None
        self._model: asyncio.Task[Model] | None = None
        self._board: Board | None = None
        self._ending = False
        """Set by the first cancel, and once only tidying up is left, which nothing may interrupt."""

    @property
    def seconds_left(self) -> float:
        return self.meter.remaining

    def cancel(self) -> None:
        """End the run: children die, the model's stream closes, and the last event says "cancelled"."""
        if self._task is not None and not self._ending:
            self._ending = True
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
        request, failure = self.request, None
        self._emitter.emit(
            RunStarted(request.mode, self.target, request.model_name, request.strategy, request.budget)
        )
        self._model = asyncio.create_task(self._connect())
        try:
            try:
                status = await self._stages()
            except asyncio.CancelledError:
                status = "cancelled"
            except FlowmillError as error:
                self._emitter.note(str(error), "warning")
                status, failure = self._status(), error
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
        """Let go of the model and the tests, whatever state they are in."""
        try:
            if not connecting.done():
                connecting.cancel()
                await asyncio.wait([connecting])
            if not connecting.cancelled() and connecting.exception() is None:
                await connecting.result().aclose()
        finally:
            await self._tools.runner.aclose()

    async def _stages(self) -> Status:
        request, emitter = self.request, self._emitter
        taker = BaselineTaker(
            request, self.target, self.function.is_stub, self._tools.runner, self.meter, emitter
        )
        baseline = await taker.take()
        suite, problem = baseline.suite, baseline.problem
        start = Verdict(
            0, None, self.function.source, self.file.data, "", suite.baseline, True, problem=problem
        )
        self._board = Board(start, baseline.suite)
        if _nothing_fails(start, baseline.suite):
            if not request.force:
                emitter.note(
                    "nothing fails here: every test that reaches the function passes (--force rewrites it all the same)"
                )
                return "unchanged"
            # The user wants another body, so the one that is there sets no mark to beat.
            self._board = Board(replace(start, results={}), replace(baseline.suite, was_stub=True))
        assert self._model is not None
        with emitter.stage("model"):
            model = await self._model
        task = await self._task_of(model.profile)
        judge = self._judge_of(task)
        desk = Desk(task, model, self.meter, emitter)
        if not self._board.suite.counting and not self._board.suite.open_ended:
            await agree(desk, self._board)
        await self._search(desk, judge, baseline)
        return self._status()

    async def _task_of(self, profile: ModelProfile) -> Task:
        """Gather what prompts need, hold some tests back, and fit the rest to the model's context."""
        board, request = self._board, self.request
        assert board is not None
        suite = board.suite
        with self._emitter.stage("context"):
            full = await asyncio.to_thread(
                gather, request.project, self.file, self.function, suite.tests, request.buffers
            )
            held = {function_of(i) for i in hold_back([t.id for t in full.tests])}
            shown = replace(full, tests=tuple(t for t in full.tests if function_of(t.id) not in held))
            limit = (
                min(profile.context, profile.prompt + profile.reply) if profile.prompt else profile.context
            )
            fitted = fit(shown, replace(profile, context=limit), RESERVE_TOKENS)
        if fitted.cut:
            self._emitter.note("left out of the prompt, which is full: " + ", ".join(fitted.cut))
        in_prompt = {function_of(t.id) for t in fitted.tests}
        board.reconsider(
            replace(suite, visible=frozenset(i for i in suite.counting if function_of(i) in in_prompt))
        )
        sources = {function_of(t.id): t.text for t in full.tests}
        names = frozenset(module_names(self.file.tree))
        module, _ = module_name(request.project.root, self.file.path)
        return Task(
            mode=request.mode,
            function=self.function,
            context=fitted,
            profile=profile,
            around=Surroundings(self.function, names, module, _siblings(self.function, self.file)),
            test_sources={
                t.id: sources[function_of(t.id)] for t in suite.tests if function_of(t.id) in sources
            },
            rejected=request.rejected,
            seed=request.seed,
        )

    def _judge_of(self, task: Task) -> Judge:
        assert self._board is not None
        request = self.request
        sources = tuple(dict.fromkeys(task.test_sources.values()))
        site = Site(request.project.root, self.file, self.function, request.buffers, sources)
        return Judge(site, self._board, self._tools.runner, self.meter, self._emitter, request.test_seconds)

    async def _search(self, desk: Desk, judge: Judge, baseline: Baseline) -> None:
        """Draft and judge side by side until a draft is verified and confirmed, or the budget is spent."""
        board, emitter = self._board, self._emitter
        assert board is not None
        source: CandidateSource = STRATEGIES[self.request.strategy](desk)
        queue: asyncio.Queue[Candidate | None] = asyncio.Queue(maxsize=2)
        producer = asyncio.create_task(_produce(source, board, queue))
        try:
            with emitter.stage("drafts"):
                while (
                    candidate := await asyncio.wait_for(queue.get(), max(0.01, self.meter.remaining))
                ) is not None:
                    await judge.judge(candidate, desk.made)
                    if board.verified and await confirm(judge, board, baseline.wider, emitter, self.meter):
                        return
                    if enough_unverified(board):
                        return
                    release(board, emitter)
                    board.arrived()
            await producer
        except BudgetSpent as spent:
            emitter.note(f"stopped: {spent}")
        except (asyncio.TimeoutError, TimeoutError):
            emitter.note(f"stopped: {BudgetSpent('seconds', self.request.budget)}")
        finally:
            producer.cancel()
            await asyncio.wait([producer])
            settle_by_agreement(board, emitter)

    def _status(self) -> Status:
        board = self._board
        if board is None:
            return "failed"
        if board.verified:
            return "verified"
        if board.best.number:
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


async def _produce(source: CandidateSource, board: Board, queue: asyncio.Queue[Candidate | None]) -> None:
    """Hand candidates over until the source ends or fails; then say so, and fail as it did."""
    failure: Exception | None = None
    try:
        async with aclosing(source.candidates(board)) as candidates:
            async for candidate in candidates:
                board.expect()
                await queue.put(candidate)
    except Exception as error:
        failure = error
    await queue.put(None)
    if failure is not None:
        raise failure


def _read(request: RunRequest) -> SourceFile:
    buffer = request.buffers.get(request.file)
    return SourceFile.read(request.file) if buffer is None else SourceFile.from_bytes(request.file, buffer)


def _siblings(function: Function, file: SourceFile) -> frozenset[str]:
    owner = function.qualname.rpartition(".")[0]
    return frozenset(f.name for f in find_functions(file) if f.qualname.rpartition(".")[0] == owner)


def _nothing_fails(start: Verdict, suite: Suite) -> bool:
    return not suite.was_stub and is_green(start, suite)


def _evidence(board: Board, best: Verdict | None) -> Evidence:
    suite = board.suite
    ids = suite.counting | suite.doctests
    now = best.results if best else suite.baseline
    return Evidence(
        counts(suite.baseline, ids),
        counts(now, frozenset(now) if suite.open_ended else ids),
        counts(now, suite.held_back),
    )


def _closest(board: Board) -> Verdict | None:
    """The best draft; where none beats a stub, the one that came closest, to be shown and not applied."""
    if board.best.number:
        return board.best
    ran = [v for v in board.verdicts if not v.refused]
    return max(ran, key=lambda v: score(v, board.suite)) if ran and board.suite.was_stub else None
