"""Leads a run of tests from one process to the next, until every test is told or the run is over."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable

from flowmill.runner.hearing import Hearing
from flowmill.runner.ledger import Ledger
from flowmill.shapes import RunnerMessage

SETTLE_SECONDS = 5.0
"""How long a process may take to leave when it has said that it is done."""

Start = Callable[[tuple[str, ...] | None], Awaitable[Hearing]]
"""Starts a process for the tests that are left, or for all (None). Raises StartError."""


async def conduct(ledger: Ledger, start: Start) -> AsyncGenerator[RunnerMessage, None]:
    """Yield what is to be told of the run; a process that loses a test is replaced by another one."""
    while ledger.open:
        child = await start(ledger.begin_attempt())
        try:
            while ledger.attempt_open:
                for message in await _hear(child, ledger):
                    yield message
        except BaseException:  # a cancel too must leave no process
            await child.end()
            raise
        await (child.leave() if ledger.said_finish else child.end())


async def _hear_the_rest(child: Hearing, ledger: Ledger) -> None:
    """Nothing may come after the end of a report; what does is held against it."""
    try:
        while (line := await child.line(0.0)) is not None:
            ledger.feed(line, time.monotonic())
    except TimeoutError:
        return
    except ValueError as error:
        ledger.stop("output", f"the tests' process wrote a report that is not ours: {error}")


async def _hear(child: Hearing, ledger: Ledger) -> list[RunnerMessage]:
    """Wait for the next thing the process says or fails to say; give what is to be told."""
    try:
        line = await child.line(ledger.patience(time.monotonic()))
        told = [] if line is None else ledger.feed(line, time.monotonic())
    except TimeoutError:
        return ledger.overdue(time.monotonic())
    except ValueError as error:
        ledger.stop("output", f"the tests' process wrote a report that is not ours: {error}")
        return []
    if line is not None and not ledger.said_finish:
        return told
    if line is None:
        returncode = await child.settle(SETTLE_SECONDS)
        return ledger.exited(returncode, child.output.text(), time.monotonic())
    ends = child.over if ledger.in_order else child.settle
    returncode = await ends(SETTLE_SECONDS)
    await _hear_the_rest(child, ledger)
    return ledger.finished(returncode, child.output.text(), time.monotonic())
