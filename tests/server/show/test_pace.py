"""How often something is shown, by a clock that is turned by hand."""

from __future__ import annotations

import asyncio

from doubles.showing import Beside, HandClock
from flowmill_server.show.pace import Clock, Pace, Refresher


def test_the_first_is_shown_at_once_and_the_last_in_any_case() -> None:
    clock, shown = HandClock(), list[float]()
    pace = Pace(lambda: shown.append(clock.time), 0.25, clock)
    for _ in range(100):
        pace.poke()
        clock.advance(0.01)
    clock.advance(5)
    assert shown == [100.0, 100.25, 100.5, 100.75, 101.0]


def test_a_beat_goes_on_without_news_until_it_is_stopped() -> None:
    clock, shown = HandClock(), list[float]()
    pace = Pace(lambda: shown.append(clock.time), 0.25, clock, beat=1.0)
    pace.poke()
    clock.advance(2.5)
    assert shown == [100.0, 101.0, 102.0]
    pace.poke()
    clock.advance(0.9)
    assert shown == [100.0, 101.0, 102.0, 102.5]
    pace.stop()
    pace.poke()
    clock.advance(10)
    assert len(shown) == 4
    assert clock.pending == 0


def test_what_is_poked_while_it_waits_needs_no_second_timer() -> None:
    clock = HandClock()
    pace = Pace(lambda: None, 1.0, clock)
    for _ in range(10):
        pace.poke()
    assert clock.pending == 1


async def test_a_request_is_not_made_twice_at_a_time_and_never_forgotten() -> None:
    clock, beside, asked = HandClock(), Beside(), list[asyncio.Future[None]]()

    def ask() -> asyncio.Future[None]:
        asked.append(asyncio.get_running_loop().create_future())
        return asked[-1]

    refresher = Refresher(ask, 0.5, beside.spawn, clock)
    for _ in range(8):
        refresher.poke()
        clock.advance(0.5)
        await beside.settle()
    assert len(asked) == 1
    asked[0].set_result(None)
    await beside.settle()
    assert len(asked) == 2
    asked[1].set_result(None)
    await beside.settle()
    clock.advance(10)
    assert len(asked) == 2
    refresher.stop()


async def test_the_real_clock_calls_later() -> None:
    done = asyncio.Event()
    Clock().later(0.0, done.set)
    await asyncio.wait_for(done.wait(), 5)
