"""What a child process says: a report line by line, and whatever it prints."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import IO

LINE_BYTES = 256 * 1024
WAITING_LINES = 2_000
"""Lines that may wait to be taken before the pipe is left to fill up."""


class Output:
    """What a process printed: the head and the tail of it, never more than `cap` bytes."""

    def __init__(self, cap: int) -> None:
        self._half = max(cap // 2, 1)
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0
        self.total = 0

    def add(self, data: bytes) -> None:
        self.total += len(data)
        room = self._half - len(self._head)
        self._head += data[:room] if room > 0 else b""
        self._tail += data[max(room, 0) :]
        # Cutting only at twice the size keeps the cost of a flood linear.
        if len(self._tail) > 2 * self._half:
            self._cut()

    def _cut(self) -> None:
        excess = max(len(self._tail) - self._half, 0)
        self._dropped += excess
        del self._tail[:excess]

    def text(self) -> str:
        self._cut()
        gap = f"\n... {self._dropped} bytes left out ...\n".encode() if self._dropped else b""
        return (bytes(self._head) + gap + bytes(self._tail)).decode("utf-8", "replace")


class _Drain(asyncio.Protocol):
    """Empties a pipe as fast as it fills, so that the child never blocks on its output."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.closed = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self._output.add(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)


class _Lines(asyncio.Protocol):
    """The lines of a pipe as they come; it is read no faster than they are taken.

    `failed` is set by a line that is longer than any that is ours.
    """

    def __init__(self, news: Callable[[], None]) -> None:
        self.whole: deque[bytes] = deque()
        self._news = news
        self.failed = self.ended = False
        self._rest = b""
        self._pipe: asyncio.ReadTransport | None = None
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.ReadTransport)
        self._pipe = transport

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.whole.extend(line + b"\n" for line in lines)
        self.failed = (
            self.failed or len(self._rest) > LINE_BYTES or any(len(line) > LINE_BYTES for line in lines)
        )
        if self._pipe is not None and len(self.whole) > WAITING_LINES:
            self._paused = True
            self._pipe.pause_reading()
        self._news()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self._news()

    def take(self) -> bytes | None:
        """The next line that is there. Raises ValueError if a line is too long."""
        if self.failed:
            raise ValueError(f"a line is over the limit of {LINE_BYTES // 1024} kB")
        if not self.whole:
            return None
        line = self.whole.popleft()
        if self._paused and not self.whole and self._pipe is not None:
            self._paused = False
            self._pipe.resume_reading()
        return line


class Hearing:
    """A running child as far as it can be heard; who started it knows how to end it."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self._lines = _Lines(self._wake)
        self._waiter: asyncio.Future[bool] | None = None
        self._pipes: list[asyncio.ReadTransport] = []
        self._drain = _Drain(output)
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def listen(self, results: IO[bytes], output: IO[bytes]) -> None:
        loop = asyncio.get_running_loop()
        left = [(self._lines, results), (self._drain, output)]
        try:
            while left:
                # From here on the transport closes it.
                protocol, pipe = left.pop(0)
                transport, _ = await loop.connect_read_pipe(lambda protocol=protocol: protocol, pipe)
                self._pipes.append(transport)
        except BaseException:  # a cancel too
            for _, pipe in left:
                pipe.close()
            self.hang_up()
            raise

    def exited(self, code: int) -> None:
        """It is gone, with this status, negative for a signal."""
        if not self._exit.done():
            self._exit.set_result(code)
            self._wake()

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal, None while it runs."""
        return self._exit.result() if self._exit.done() else None

    async def line(self, timeout: float) -> bytes | None:
        """The next line of the report, None when the process has ended and no line is left.

        Raises TimeoutError after `timeout` seconds, ValueError if a line is over 256 kB.
        """
        until = time.monotonic() + timeout
        while (line := self._lines.take()) is None and not self._lines.ended:
            if self._exit.done():
                # What it wrote before it died is in the pipe; an orphan may keep the pipe open for ever.
                await self._news(0.1)
                return self._lines.take()
            if not await self._news(max(until - time.monotonic(), 0.0)):
                raise TimeoutError
        return line

    async def _news(self, timeout: float) -> bool:
        """Wait for more of the report, its end, or the exit; False when the time is over."""
        loop = asyncio.get_running_loop()
        waiter = self._waiter = loop.create_future()
        # Much cheaper than a task, and there are several lines to a test.
        timer = loop.call_later(timeout, self._wake, False)
        try:
            return await waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _wake(self, news: bool = True) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(news)

    async def over(self, timeout: float) -> int | None:
        """Wait for the end of the report or the exit; the exit status, which is 0 as long as it is not known.

        None if it goes on. What has closed its report has nothing left that anybody could be told.
        """
        until = time.monotonic() + timeout
        while not self._lines.ended and not self._exit.done():
            if not await self._news(max(until - time.monotonic(), 0.0)):
                return None
        return self._exit.result() if self._exit.done() else 0

    async def settle(self, timeout: float | None) -> int | None:
        """Wait up to `timeout` seconds (None: for ever) for the exit, and shortly for the last of the output."""
        await asyncio.wait({self._exit}, timeout=timeout)
        if self._exit.done():
            await asyncio.wait({self._drain.closed}, timeout=0.2)
        return self.returncode

    def when_gone(self, call: Callable[[], None]) -> None:
        """Have `call` made when it has ended."""
        self._exit.add_done_callback(lambda _: call())

    async def gone(self, timeout: float | None = None) -> None:
        """Wait for the exit of a process that was killed."""
        await asyncio.wait({self._exit}, timeout=timeout)

    def hang_up(self) -> None:
        """Close both pipes."""
        for pipe in self._pipes:
            pipe.close()

    async def deafen(self) -> None:
        """Close both pipes, and wait until that is done."""
        self.hang_up()
        # The transports close their files in the next round of the loop.
        await asyncio.sleep(0)

    async def leave(self) -> None:
        """Let it end, now that it has closed its report; what is left of it is ended without waiting for that."""
        await self.end()

    async def end(self) -> None:
        """Kill it and all that it started; nothing of it lives when this returns."""
        raise NotImplementedError
