"""A process that waits with its tests loaded; every run of them is a fork of it, or it itself.

The parent's side of `child/zygote.py`. An order goes as a file, together with the
writing ends of a report and an output pipe, so that no process that ever ran a draft
stands between a run and its reader.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from flowmill.runner.hearing import Hearing, Output
from flowmill.runner.process import file_of, pipe

CONTROL = "FLOWMILL_CONTROL"
BEGIN_SECONDS = 10.0
DEATH_SECONDS = 3.0


class ZygoteLost(Exception):
    """The waiting process is gone or does not answer; `str(error)` says what is known of it."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a zygote says when it begins to wait. `ran`: the function under work ran while it was loaded."""

    ran: bool
    threads: int
    modules: tuple[tuple[str, str], ...]
    """Name and file, in the order of their import."""


class Zygote:
    """One waiting process. `child` is how it is heard and ended; it is ended by whoever made it."""

    def __init__(self, control: socket.socket, child: Hearing, *, single: bool = False) -> None:
        self._control = control
        self.child = child
        self._single = single
        self._buffer = bytearray()
        self._runs: dict[int, Forked] = {}
        self._began: dict[int, asyncio.Future[int]] = {}
        self._numbers = 0
        self._sending = asyncio.Lock()
        loop = asyncio.get_running_loop()
        self._loaded: asyncio.Future[Loaded] = loop.create_future()
        self.lost = False
        control.setblocking(False)
        loop.add_reader(control.fileno(), self._read)
        child.when_gone(self._gone)

    async def idle(self) -> None:
        """Wait until no run of it is under way and no zygote that it forked lives."""
        await asyncio.gather(*(run.settle(None) for run in self._runs.values()))

    async def loaded(self) -> Loaded:
        """Wait until it waits. Raises ZygoteLost if it never does."""
        return await asyncio.shield(self._loaded)

    async def fork(self, order: bytes, output_bytes: int, more: tuple[int, ...] = ()) -> Forked:
        """A run of its own for this order, which gets the descriptors `more` besides. Raises ZygoteLost."""
        return await self._fork(order, output_bytes, more)

    async def grow(self, order: bytes, output_bytes: int) -> Zygote:
        """Another zygote, forked from this one. Raises ZygoteLost."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                child = await self._fork(order, output_bytes, (theirs.fileno(),))
            except BaseException:  # a cancel too
                ours.close()
                raise
        return Zygote(ours, child)

    async def _fork(self, order: bytes, output_bytes: int, more: tuple[int, ...]) -> Forked:
        if self.lost:
            raise ZygoteLost("the waiting process has ended")
        self._numbers += 1
        number = self._numbers
        run = Forked(Output(output_bytes), lambda: self._end(number))
        began = self._began[number] = asyncio.get_running_loop().create_future()
        results, results_end = pipe()
        output, output_end = pipe()
        with results_end, output_end, file_of(order) as given:
            ends = [given.fileno(), results_end.fileno(), output_end.fileno(), *more]
            try:
                await run.listen(results, output)
                self._runs[number] = run
                async with self._sending:
                    self._send({"do": "run", "run": number}, ends)
                    run.pid = await asyncio.wait_for(began, BEGIN_SECONDS)
            except BaseException as error:  # a cancel too
                # It may have begun by now, and nobody will hear it.
                await self._end(number)
                self._runs.pop(number, None)
                await run.deafen()
                if isinstance(error, (OSError, asyncio.TimeoutError)):
                    raise ZygoteLost("the waiting process does not answer") from error
                raise
            finally:
                self._began.pop(number, None)
        return run

    def _send(self, message: dict[str, object], descriptors: list[int]) -> None:
        socket.send_fds(self._control, [json.dumps(message).encode() + b"\n"], descriptors)

    async def _end(self, number: int) -> None:
        if self._single:
            await self.child.end()
        elif not self.lost:
            with suppress(OSError):
                self._send({"do": "end", "run": number}, [])

    # -------------------------------------------------------------- what it says
    def _read(self) -> None:
        try:
            data = self._control.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hung_up()
            return
        self._buffer += data
        *lines, rest = bytes(self._buffer).split(b"\n")
        self._buffer = bytearray(rest)
        for line in lines:
            self._told(cast(dict[str, Any], json.loads(line)))

    def _told(self, message: dict[str, Any]) -> None:
        kind = message["k"]
        if kind == "ready":
            if not self._loaded.done():
                modules = tuple((name, file) for name, file in message.get("modules", ()))
                self._loaded.set_result(Loaded(message.get("ran", False), message.get("threads", 0), modules))
        elif kind == "began":
            began = self._began.get(message["run"])
            if began is not None and not began.done():
                began.set_result(message["pid"])
        elif kind == "ended":
            run = self._runs.pop(message["run"], None)
            if run is not None:
                run.exited(message["status"])

    def _hung_up(self) -> None:
        """A single-use one that became a run has no more to say, and lives on."""
        if self._single and self._runs:
            asyncio.get_running_loop().remove_reader(self._control.fileno())
        else:
            self._gone()

    def _gone(self) -> None:
        """It has ended, and with it, by the kernel's signal, all that it forked."""
        if self.lost:
            return
        self.lost = True
        code = self.child.returncode if self._single else None
        with suppress(ValueError, OSError):
            asyncio.get_running_loop().remove_reader(self._control.fileno())
        self._control.close()
        error = ZygoteLost("the waiting process has ended")
        for future in (self._loaded, *self._began.values()):
            if not future.done():
                future.set_exception(error)
                # Nobody may be waiting for it.
                future.exception()
        for run in self._runs.values():
            run.exited(-9 if code is None else code)
        self._runs.clear()

    async def end(self) -> None:
        """End it and every run of it."""
        self._gone()
        await self.child.end()


class Forked(Hearing):
    """A run that its zygote started, and ends when it is told to."""

    def __init__(self, output: Output, end: Callable[[], Awaitable[None]]) -> None:
        super().__init__(output)
        self.pid = 0
        self._end = end

    async def leave(self) -> None:
        if self.returncode is None:
            await self._end()
        self.when_gone(self.hang_up)

    async def end(self) -> None:
        if self.returncode is None:
            await self._end()
        await self.gone(DEATH_SECONDS)
        await self.deafen()


def control_pair() -> tuple[socket.socket, socket.socket]:
    """Ours and the zygote's end of the socket that orders go over."""
    ours, theirs = socket.socketpair()
    os.set_inheritable(theirs.fileno(), True)
    return ours, theirs
