"""What the preview takes from the rest of the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from flowmill.shapes import Mode
from flowmill_server.runs.job import Job, Origin, State
from flowmill_server.text.document import Document
from flowmill_server.text.outline import FunctionSpan

Level = Literal["info", "warning", "error"]
Spawn = Callable[[Coroutine[Any, Any, None]], object]
"""Lets something go on beside the handler."""


class Editor(Protocol):
    """The client, as far as edits go."""

    apply_edit: bool
    document_changes: bool
    change_annotations: bool

    async def ask(self, method: str, params: object = None, *, seconds: float | None = 10) -> Any | None: ...

    def show_message(self, text: str, level: Level = "info", *, once: bool = False) -> None: ...

    def log(self, text: str, level: Level = "info") -> None: ...


class RunTable(Protocol):
    """The runs, and the two kinds of test run that the preview asks for."""

    @property
    def jobs(self) -> Mapping[str, Job]: ...

    def request(
        self, mode: Mode, document: Document, span: FunctionSpan, *, origin: Origin = "user"
    ) -> Job: ...

    def recheck(self, job: Job, document: Document) -> Job | None: ...

    def cancel(self, run: str) -> Job | None: ...

    def at(self, uri: str, qualname: str) -> Job | None: ...

    def move(self, job: Job, state: State) -> None: ...


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds. `settle`: a text counts as what the user wants when it has been left alone for so long."""

    settle: float = 0.3
    retest: float = 1.0
    answer: float = 20.0
    confirm: float = 600.0
    """How long an editor may take that asks the user first."""
    arrive: float = 2.0
    """How long an edit that was made may take to be told of."""


class Debounce:
    """Does something to a document once it has been left alone for a while."""

    def __init__(self, seconds: float, act: Callable[[str], object]) -> None:
        self._seconds = seconds
        self._act = act
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def again(self, uri: str) -> None:
        """Wait anew."""
        self.drop(uri)
        self._timers[uri] = asyncio.get_running_loop().call_later(self._seconds, self._due, uri)

    def drop(self, uri: str) -> None:
        timer = self._timers.pop(uri, None)
        if timer is not None:
            timer.cancel()

    def _due(self, uri: str) -> None:
        del self._timers[uri]
        self._act(uri)


class News:
    """Wakes whoever waits for a document to change."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}

    def tell(self, uri: str) -> None:
        for future in self._waiting.pop(uri, []):
            if not future.done():
                future.set_result(None)

    async def wait(self, uri: str, seconds: float) -> bool:
        """Whether there was news of that document within so many seconds."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(uri, []).append(future)
        try:
            await asyncio.wait({future}, timeout=seconds)
            return future.done()
        finally:
            left = [other for other in self._waiting.pop(uri, []) if other is not future]
            if left:
                self._waiting[uri] = left
