"""The life of the server process: from the first message to an end that leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from flowmill_server.greeting import Greeting
from flowmill_server.protocol import FlowProtocol
from flowmill_server.wire.alive import is_alive
from flowmill_server.wire.channels import Channel
from flowmill_server.wire.frames import FrameReader
from flowmill_server.wire.threads import Reader, Writer

logger = logging.getLogger(__name__)

WATCH_SECONDS = 0.3
FLUSH_SECONDS = 1.0
COLLECT_SECONDS = 10.0
"""After which what start-up left lying about is collected: nobody waits for an answer by then."""
EXIT_SECONDS = 1.0
"""For what is left, such as threads that wait for a disk, before the process ends without them."""
SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run(protocol: FlowProtocol, channel: Channel, greeting: Greeting | None = None) -> int:
    """Serve this editor until either side ends it; the exit code."""
    return asyncio.run(_serve(protocol, channel, greeting or Greeting(FrameReader(), (), answered=False)))


async def _serve(protocol: FlowProtocol, channel: Channel, greeting: Greeting) -> int:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_log_failure)
    ended: asyncio.Future[int] = loop.create_future()

    def end(code: int, reason: str) -> None:
        if not ended.done():
            logger.info("Ending: %s", reason)
            ended.set_result(code)

    def gone(reason: str) -> None:
        end(0 if protocol.phase == "down" else 1, reason)

    def broken() -> None:
        with suppress(RuntimeError):  # the loop ended first
            loop.call_soon_threadsafe(gone, "the editor takes nothing any more")

    for number in SIGNALS:
        with suppress(NotImplementedError):  # where loops have no signals, Ctrl-C still interrupts
            loop.add_signal_handler(number, end, 128 + number, signal.Signals(number).name)
    writer = Writer(channel.write, broken)
    protocol.attach(writer.put, end)
    protocol.greeted, protocol.editor_seen = greeting.answered, greeting.editor_seen
    for incoming in greeting.incoming:
        protocol.receive(incoming)
    closed = partial(gone, "the editor closed the connection")
    Reader(channel.read, protocol.receive, closed, greeting.frames).start()
    loop.call_later(COLLECT_SECONDS, gc.collect)
    watching = asyncio.ensure_future(_watch(protocol))
    watching.add_done_callback(
        lambda task: None if task.cancelled() else gone("the editor's process is gone")
    )
    code = await ended
    watching.cancel()
    await protocol.close()
    await protocol.settle()
    writer.close(FLUSH_SECONDS)
    _leave_soon(code)
    return code


async def _watch(protocol: FlowProtocol) -> None:
    """Return when the editor's process, as `initialize` named it, is there no more."""
    while True:
        # A process that was not there when it spoke is one of another machine or container.
        if protocol.editor_seen and protocol.editor_pid is not None and not is_alive(protocol.editor_pid):
            return
        await asyncio.sleep(WATCH_SECONDS)


def _log_failure(_loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    logger.error("%s", context.get("message", "A task failed"), exc_info=context.get("exception"))


def _leave_soon(code: int) -> None:
    """From here on asyncio and the interpreter wait for tasks and threads, and know no limit."""
    timer = threading.Timer(EXIT_SECONDS, os._exit, (code,))
    timer.daemon = True
    timer.start()
