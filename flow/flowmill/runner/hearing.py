"""What a child process says: a report line by line, and whatever it prints."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import IO

LINE_BYTES = 256 * 1024


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


class Hearing:
    """A running child as far as it can be heard; who started it knows how to end it."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self._lines = asyncio.StreamReader(limit=LINE_BYTES)
        self._reading: asyncio.Task[bytes] | None = None
        self._pipes: list[asyncio.ReadTransport] = []
        self._drain = _Drain(output)
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def listen(self, results: IO[bytes], output: IO[bytes]) -> None:
        loop = asyncio.get_running_loop()
        lines = asyncio.StreamReaderProtocol(self._lines)
        for protocol, pipe in ((lines, results), (self._drain, output)):
            transport, _ = await loop.connect_read_pipe(lambda protocol=protocol: protocol, pipe)
            self._pipes.append(transport)

    def exited(self, code: int) -> None:
        """It is gone, with this status, negative for a signal."""
        if not self._exit.done():
            self._exit.set_result(code)

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal, None while it runs."""
        return self._exit.result() if self._exit.done() else None

    async def line(self, timeout: float) -> bytes | None:
        """The next line of the report, None when the process has ended and no line is left.

        Raises TimeoutError after `timeout` seconds, ValueError if a line is over 256 kB.
        """
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._lines.readline())
        reading = self._reading
        await asyncio.wait({reading, self._exit}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not reading.done() and self._exit.done():
            # What it wrote before it died is in the pipe; an orphan may keep the pipe open for ever.
            await asyncio.wait({reading}, timeout=0.1)
            if not reading.done():
                return None
        if not reading.done():
            raise TimeoutError
        self._reading = None
        line = reading.result()
        return line if line.endswith(b"\n") else None

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
        if self._reading is not None:
            self._reading.cancel()
        await asyncio.wait({self._exit}, timeout=timeout)

    async def deafen(self) -> None:
        """Close both pipes."""
        for pipe in self._pipes:
            pipe.close()
        # The transports close their files in the next round of the loop.
        await asyncio.sleep(0)

    async def end(self) -> None:
        """Kill it and all that it started; nothing of it lives when this returns."""
        raise NotImplementedError
