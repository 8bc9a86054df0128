"""Processes that are made ahead of their drafts: each serves one, and none is left."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from doubles.runs import QUICK, Told, alive
from doubles.warm import BODY, GOOD, RIGHT, Warm
from flowmill.shapes import Collected, RunEnd, TestOrder

WHO = "    import os\n    raise RuntimeError(f'this is {os.getpid()}')\n"
MORE = "\n\nMORE = 1\n"
WAYS = pytest.mark.parametrize("more", ["", MORE], ids=["swap", "import"])


@pytest.fixture
async def warm(tmp_path: Path) -> AsyncIterator[Warm]:
    found = Warm(tmp_path)
    await found.baseline()
    yield found
    await found.runner.aclose()


async def until(done: Callable[[], object]) -> None:
    async def ask() -> None:
        while not done():  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0.01)

    await asyncio.wait_for(ask(), 30)


async def waiting(warm: Warm, draft: Callable[[], Awaitable[Told]]) -> frozenset[int]:
    """Have such drafts judged until a process waits for the next one.

    Not the first may do: what is loaded is loaded anew when something changes on this machine.
    """

    async def found() -> frozenset[int]:
        while not (pids := warm.runner.waiting()):
            await draft()
            await asyncio.sleep(0.1)
        return pids

    return await asyncio.wait_for(found(), 60)


def pid_of(told: Told) -> int:
    found = re.search(r"this is (\d+)", told.result("test_alias").message)
    assert found is not None, told
    return int(found.group(1))


async def gone(pids: frozenset[int]) -> None:
    await until(lambda: not any(map(alive, pids)))


@WAYS
async def test_a_draft_is_served_by_what_waits_and_no_process_serves_two(warm: Warm, more: str) -> None:
    served: list[int] = []

    async def until_three() -> None:
        ahead: frozenset[int] = frozenset()
        found = 0
        # All is loaded once more beside the first drafts that are imported: those may find none.
        while found < 3:
            served.append(pid_of(await warm.draft(WHO, more=more)))
            found += served[-1] in ahead
            assert served[-1] not in warm.runner.waiting()
            await asyncio.sleep(0.1)
            ahead = warm.runner.waiting()

    await asyncio.wait_for(until_three(), 60)
    assert len(set(served)) == len(served)
    await gone(frozenset(served))


@WAYS
async def test_what_waits_has_the_drafts_text_and_nothing_of_the_one_before(warm: Warm, more: str) -> None:
    for body, passed in ((GOOD, True), (BODY, False), (GOOD, True), (BODY, False)):
        after = await warm.draft(body, more=more)
        assert (after.outcomes == RIGHT, after.end.doubt) == (passed, "")
        await asyncio.sleep(0.1)  # as it comes out in use: mostly one waits by then


async def test_another_choice_of_tests_is_not_for_what_waits(warm: Warm) -> None:
    ahead = await waiting(warm, lambda: warm.draft(GOOD))
    text = warm.text.replace(BODY, GOOD).encode()
    one = TestOrder({warm.mod: text}, ("test_mod.py",), ("test_mod.py::test_alias",), limits=QUICK)
    after = await warm.told(one)
    assert (after.outcomes, after.end.path) == ({"test_alias": "passed"}, "swap")
    await gone(ahead)


async def test_one_that_is_killed_as_it_waits_is_made_up_for(warm: Warm) -> None:
    ahead = await waiting(warm, lambda: warm.draft(GOOD))
    for pid in ahead:
        os.kill(pid, signal.SIGKILL)
    await until(lambda: not warm.runner.waiting() & ahead)
    after = await warm.draft(GOOD)
    assert (after.outcomes, after.end.path) == (RIGHT, "swap")


async def test_a_crash_in_the_one_that_waited_is_gone_on_from(warm: Warm) -> None:
    await waiting(warm, lambda: warm.draft(GOOD))
    crash = "    import os\n    if items == [2]:\n        os.kill(os.getpid(), 9)\n    return sum(items)\n"
    after = await warm.draft(crash)
    assert after.outcomes == RIGHT | {"test_alias": "crashed"}


async def test_a_draft_that_does_not_fit_goes_the_other_way_and_tells_its_tests_once(warm: Warm) -> None:
    await waiting(warm, lambda: warm.draft(GOOD))
    text = warm.text.replace("@keep\ndef total", "import os as other\n\n\n@keep\ndef total")
    order = TestOrder({warm.mod: text.encode()}, ("test_mod.py",), limits=QUICK)
    *messages, end = [message async for message in warm.runner.run(order)]
    assert isinstance(end, RunEnd)
    assert (end.path, end.slower) == ("import", "it imports other, which is something else in the module")
    assert sum(isinstance(message, Collected) for message in messages) == 1


async def test_doctests_and_made_tests_see_the_draft(warm: Warm) -> None:
    body = '    """The sum.\n\n    >>> total([2, 2])\n    4\n    """\n    return sum(items)\n'
    text = warm.text.replace('    """The sum of the items."""\n' + BODY, body).encode()
    made = "import mod\nAT_IMPORT = mod.total([1])\ndef test_made(): assert AT_IMPORT == 1\n"
    order = TestOrder({warm.mod: text}, ("test_mod.py",), doctest=warm.target, made=made, limits=QUICK)
    await waiting(warm, lambda: warm.told(order))
    after = await warm.told(order)
    assert set(after.outcomes.values()) == {"passed"}, after
    assert len(after.outcomes) == len(RIGHT) + 2


async def test_they_are_let_go_when_nobody_comes(tmp_path: Path) -> None:
    warm = Warm(tmp_path, idle=0.2)
    await warm.baseline()
    ahead = await waiting(warm, lambda: warm.draft(GOOD))
    await gone(ahead)
    assert (await warm.draft(GOOD)).outcomes == RIGHT
    await warm.runner.aclose()
    assert not warm.runner.waiting()


async def test_closing_ends_them(warm: Warm) -> None:
    ahead = await waiting(warm, lambda: warm.draft(GOOD))
    await warm.runner.aclose()
    assert not [pid for pid in ahead if alive(pid)]


async def test_of_a_project_that_is_loaded_anew_what_is_asked_for_runs(tmp_path: Path) -> None:
    tests = (
        "import mod, pytest\n"
        "def test_total(): assert mod.total([3]) == 3\n"
        "def test_total_not(): assert False\n"
        "class TestKept:\n"
        "    @pytest.mark.parametrize('n', [1, 2])\n"
        "    def test_in(self, n): assert mod.total([n]) == n\n"
        "    def test_out(self): assert False\n"
    )
    warm = Warm(tmp_path, tests=tests)
    await warm.baseline()
    text = (warm.text.replace(BODY, GOOD) + MORE).encode()
    keep = ("test_mod.py::TestKept::test_in[2]", "test_mod.py::test_total")
    after = await warm.told(TestOrder({warm.mod: text}, ("test_mod.py",), keep, limits=QUICK))
    assert after.outcomes == {"test_total": "passed", "TestKept::test_in[2]": "passed"}
    assert (after.end.path, after.end.problem, after.end.detail) == ("import", None, "")
    await warm.runner.aclose()
