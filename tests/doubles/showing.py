"""An editor on paper, a clock that is turned by hand, and a table of runs told by the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from lsprotocol import types

from doubles.records import FILE, RunTale
from flowmill.events import Record
from flowmill_server.client import Client
from flowmill_server.runs.job import Job, Listener, State
from flowmill_server.show.pace import Clock, Timer

URI = "file:///home/ada/boltons/boltons/iterutils.py"
NEVER = object()
"""As an answer: the client never answers."""


class _Call(Timer):
    def __init__(self, at: float, act: Callable[[], None]) -> None:
        self.at, self.act, self.cancelled = at, act, False

    def cancel(self) -> None:
        self.cancelled = True


class HandClock(Clock):
    """Time passes only by `advance`, which makes the calls that are due on the way."""

    def __init__(self) -> None:
        self.time = 100.0
        self._calls: list[_Call] = []

    @property
    def pending(self) -> int:
        return sum(not call.cancelled for call in self._calls)

    def now(self) -> float:
        return self.time

    def later(self, seconds: float, act: Callable[[], None]) -> Timer:
        self._calls.append(_Call(self.time + seconds, act))
        return self._calls[-1]

    def advance(self, seconds: float) -> None:
        until = self.time + seconds
        while due := [call for call in self._calls if not call.cancelled and call.at <= until + 1e-9]:
            call = min(due, key=lambda c: c.at)
            self._calls.remove(call)
            self.time = max(self.time, call.at)
            call.act()
        self.time = until
        self._calls = [call for call in self._calls if not call.cancelled]


class Paper:
    """The wire to an editor that writes down what it hears, and answers as the script says, else null."""

    def __init__(self) -> None:
        self._request_futures: dict[str | int, Any] = {}
        self._result_types: dict[str | int, Any] = {}
        self.told: list[tuple[str, Any]] = []
        self.asked: list[tuple[str, Any]] = []
        self.answers: dict[str, object] = {}
        self.open: dict[str, list[asyncio.Future[Any]]] = {}

    def notify(self, method: str, params: Any | None = None) -> None:
        self.told.append((method, params))

    def send_request_async(
        self, method: str, params: Any | None = None, msg_id: str | int | None = None
    ) -> asyncio.Future[Any]:
        self.asked.append((method, params))
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        answer = self.answers.get(method)
        if answer is NEVER:
            self.open.setdefault(method, []).append(future)
        elif isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
        return future

    def answer(self, method: str, value: object = None) -> None:
        """Answer the oldest request that was left open."""
        self.open[method].pop(0).set_result(value)

    def heard(self, method: str) -> list[Any]:
        """What was told by this method, or asked."""
        return [params for name, params in (*self.told, *self.asked) if name == method]

    @property
    def messages(self) -> list[str]:
        return [params.message for params in self.heard(types.WINDOW_SHOW_MESSAGE)]

    @property
    def logged(self) -> list[str]:
        return [params.message for params in self.heard(types.WINDOW_LOG_MESSAGE)]

    def progress(self) -> list[Any]:
        """The values of all progress, in order."""
        return [params.value for params in self.heard(types.PROGRESS)]


def client_on(paper: Paper, *able: str, name: str = "", flow: dict[str, object] | None = None) -> Client:
    """A client with just these capabilities."""
    client = Client(paper)
    for ability in able:
        assert hasattr(client, ability), ability
        setattr(client, ability, True)
    client.name = name
    client.flow = flow or {}
    return client


class Beside:
    """Runs what is spawned; `settle` waits until all of it stands still."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.add(asyncio.get_running_loop().create_task(work))

    async def settle(self, turns: int = 20) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in [task for task in self.tasks if task.done()]:
            self.tasks.discard(task)
            task.result()

    async def finish(self) -> None:
        """Wait for all that goes on, threads included."""
        while self.tasks:
            await asyncio.wait(self.tasks, timeout=20)
            await self.settle(1)

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


class ToldRuns:
    """The table of runs as far as listeners know it; the test says what happens."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.cancelled: list[str] = []
        self.listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        self.listeners.append(listener)

    def find(self, run: str) -> Job | None:
        return self.jobs.get(run)

    def cancel(self, run: str) -> Job | None:
        self.cancelled.append(run)
        return self.jobs.get(run)

    def begin(self, job: Job, state: State = "working") -> Job:
        self.jobs[job.run] = job
        for listener in self.listeners:
            listener.began(job)
        if state != "queued":
            self.move(job, state)
        return job

    def tell(self, job: Job, records: Sequence[Record]) -> None:
        for record in records:
            job.story.add(record)
            for listener in self.listeners:
                listener.told(job, record)

    def end(self, job: Job, state: State) -> None:
        job.state = state
        for listener in self.listeners:
            listener.ended(job)

    def move(self, job: Job, state: State) -> None:
        job.state = state
        for listener in self.listeners:
            listener.changed(job)


class Hints(list[tuple[str, str, "str | None"]]):
    """The lines that were put at functions, and taken away."""

    def put(self, uri: str, qualname: str, text: str | None) -> None:
        self.append((uri, qualname, text))


class Hand:
    """What the user does with results, written down."""

    def __init__(self) -> None:
        self.deeds: list[tuple[str, str]] = []

    async def accept(self, job: Job, hunks: Sequence[int] | None) -> None:
        assert hunks is None
        self.deeds.append(("accept", job.run))

    def discard(self, job: Job) -> None:
        self.deeds.append(("discard", job.run))


def a_job(run: str = "r0fabricat", qualname: str = "chunked") -> Job:
    return Job(run, "repair", URI, FILE, qualname, 1, "d1g3st")


def told_job(tale: RunTale, state: State) -> Job:
    """A job whose story is told already."""
    job = a_job(tale.run)
    for record in tale.records:
        job.story.add(record)
    job.state = state
    return job
