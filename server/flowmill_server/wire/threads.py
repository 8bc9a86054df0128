"""The two threads between the editor's pipe and the loop: a slow editor or a full pipe holds neither up."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress

from flowmill_server.wire.frames import FrameReader, Incoming

CHUNK = 1 << 16
MOST_WAITING = 256
"""Messages that were read and not handled yet; then the editor's pipe fills and it waits itself."""
MOST_UNSENT = 64 << 20
"""Bytes that the editor has not taken; one that reads so little is gone or hangs."""


class Reader:
    """Hands each whole message to the loop, in order; `ended` is called in the loop at end of file."""

    def __init__(
        self,
        read: Callable[[int], bytes],
        deliver: Callable[[Incoming], None],
        ended: Callable[[], None],
        frames: FrameReader,
    ) -> None:
        self._read = read
        self._deliver = deliver
        self._ended = ended
        self._frames = frames
        self._room = threading.Semaphore(MOST_WAITING)
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        # A daemon: a read that waits for an editor cannot be broken off, and must not hold up the end.
        threading.Thread(target=self._run, name="flowmill-reader", daemon=True).start()

    def _run(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
            self._relay()
            self._loop.call_soon_threadsafe(self._ended)

    def _relay(self) -> None:
        with suppress(OSError):  # a connection that breaks has ended
            while data := self._read(CHUNK):
                for incoming in self._frames.feed(data):
                    self._room.acquire()
                    self._loop.call_soon_threadsafe(self._hand, incoming)

    def _hand(self, incoming: Incoming) -> None:
        self._room.release()
        self._deliver(incoming)


class Writer:
    """Sends in order, from any thread, and never makes the caller wait.

    `broken` is called once, from any thread, when the editor is gone or takes nothing any more.
    """

    def __init__(self, write: Callable[[bytes], None], broken: Callable[[], None]) -> None:
        self._write = write
        self._broken = broken
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._unsent = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="flowmill-writer", daemon=True)
        self._thread.start()

    def put(self, data: bytes) -> None:
        """Send that some time; nothing is sent any more once the writer was closed or broke."""
        with self._lock:
            if self._closed:
                return
            self._unsent += len(data)
            self._closed = full = self._unsent > MOST_UNSENT
            self._queue.put(data)
        if full:
            self._broken()

    def close(self, seconds: float) -> None:
        """Wait that long at most until all is sent."""
        with self._lock:
            self._closed = True
        self._queue.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            while data := self._queue.get():
                self._write(data)
                with self._lock:
                    self._unsent -= len(data)
        except OSError:
            with self._lock:
                self._closed = True
            self._broken()
