"""Ctrl-C at every stage: 130, nothing written, no child left, at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from doubles.command import Ended, Running, Scripted
from doubles.openai_server import Reply
from doubles.projects import CALC, GOOD, HALF, HALF_BODY, STUB, add_answer, calc
from flowmill.events import RunFinished
from flowmill.journal import Journal

GENERATE = ("generate", "calc.py::add", "--apply", "--json")
SECONDS = 10.0
"""What ending may take on a busy machine; it takes a tenth of one."""


class Door:
    """A FIFO at which a test of the project stops."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "door"
        self.stop = f"open({str(self.path)!r}).read()"
        """The code that stops there."""
        os.mkfifo(self.path)

    @asynccontextmanager
    async def reached(self) -> AsyncGenerator[None]:
        """Wait until somebody stands there, and keep them waiting."""
        opening = asyncio.ensure_future(asyncio.to_thread(os.open, self.path, os.O_WRONLY))
        done, _ = await asyncio.wait({opening}, timeout=60)
        # If nobody came, opening the other end lets the thread go.
        other = None if done else os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        end = await opening
        try:
            assert other is None, "no test came to the door"
            yield
        finally:
            os.close(end)


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


async def interrupted(running: Running, number: signal.Signals = signal.SIGINT) -> Ended:
    running.send(number)
    ended = await asyncio.wait_for(running.end(), SECONDS)
    assert (ended.code, ended.err, ended.changed) == (130, "", ())
    return ended


async def test_while_tests_are_collected(tmp_path: Path, scripted: Scripted, door: Door) -> None:
    calc(
        tmp_path, test_calc_py=f"import calc\n\n{door.stop}\n\ndef test():\n    assert calc.add(1, 2) == 3\n"
    )
    flowmill = await scripted(GOOD)
    async with flowmill.start(*GENERATE) as running, door.reached():
        ended = await interrupted(running)
    assert ended.finished["status"] == "cancelled"
    assert not ended.of("tests.selected")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_while_the_tests_run_on_the_code_as_it_stands(
    number: signal.Signals, tmp_path: Path, scripted: Scripted, door: Door
) -> None:
    calc(
        tmp_path,
        test_calc_py=f"import calc\n\ndef test():\n    {door.stop}\n    assert calc.add(1, 2) == 3\n",
    )
    flowmill = await scripted(GOOD)
    async with flowmill.start(*GENERATE) as running, door.reached():
        await running.until("tests.selected")
        assert running.children()
        ended = await interrupted(running, number)
    assert ended.finished["status"] == "cancelled"
    assert flowmill.server.requests == []


async def test_while_the_model_reads(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(Reply((), ending="stall"))
    async with flowmill.start(*GENERATE) as running:
        await running.until("stage", name="drafts", state="started")
        ended = await interrupted(running)
    assert ended.finished["status"] == "cancelled"


async def test_while_the_model_streams(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(Reply(("```python\ndef add(a, b):\n",), ending="stall"))
    async with flowmill.start(*GENERATE) as running:
        await running.until("draft.delta", draft=1)
        ended = await interrupted(running)
        await asyncio.wait_for(flowmill.server.dropped.wait(), SECONDS)
    assert (ended.finished["status"], ended.finished["calls"]) == ("cancelled", 1)
    assert (ended.finished["best"], ended.finished["diff"]) == (None, "")


async def test_while_a_draft_is_tested(tmp_path: Path, scripted: Scripted, door: Door) -> None:
    calc(
        tmp_path,
        test_calc_py=f"import calc\n\ndef test():\n    assert calc.add(1, 2) == 3\n    {door.stop}\n",
    )
    flowmill = await scripted(GOOD)
    async with flowmill.start(*GENERATE, "--sandbox", "off") as running, door.reached():
        await running.until("draft", draft=1)
        ended = await interrupted(running)
    assert ended.finished["status"] == "cancelled"


async def test_while_the_winner_is_confirmed(tmp_path: Path, scripted: Scripted, door: Door) -> None:
    """Not confirmed is not verified: it is shown, and not written."""
    tests = f"""\
    import pathlib
    import calc

    def test():
        assert calc.add(1, 2) == 3
        with pathlib.Path({str(tmp_path / "runs")!r}).open("a") as runs:
            runs.write(".")
            if runs.tell() == 2:
                {door.stop}
    """
    calc(tmp_path, test_calc_py=tests)
    flowmill = await scripted(GOOD)
    async with flowmill.start(*GENERATE, "--sandbox", "off") as running, door.reached():
        await running.until("stage", name="confirm", state="started")
        ended = await interrupted(running)
    assert (ended.finished["status"], ended.finished["best"]) == ("cancelled", 1)


async def test_the_best_draft_so_far_is_shown(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(HALF, Reply(("```python\n",), ending="stall"))
    async with flowmill.start(*GENERATE[:-1], "--allow-unverified") as running:
        await running.until_line("draft 1 (model): 3/4 tests pass, best so far")
        ended = await interrupted(running)
    assert f"-    raise NotImplementedError\n+    {HALF_BODY}\n" in ended.out
    assert "Cancelled: the best draft so far is number 1; 3/4 tests pass with it." in ended.out
    assert ended.out.endswith("Nothing written.\n")


async def test_when_the_reader_leaves(tmp_path: Path, scripted: Scripted) -> None:
    """As with `| head`: the run ends quietly, and the journal has its end."""
    calc(tmp_path)
    flowmill = await scripted(Reply((), ending="stall"))
    cache = flowmill.keep_own_journal()
    code = tmp_path / "code"
    flowmill.wrapper = ("sh", "-c", f'{{ "$@"; echo $? >{code}; }} | head -n 1', "sh")
    ended = await flowmill.run("generate", "calc.py::add")
    assert (ended.out.count("\n"), ended.err, code.read_text()) == (1, "", "141\n")
    with Journal.open(cache / "journal.sqlite3") as journal:
        last = journal.recorded("last").records[-1].event
    assert isinstance(last, RunFinished)
    assert last.status == "cancelled"


async def test_repair_without_a_target(tmp_path: Path, scripted: Scripted, door: Door) -> None:
    calc(tmp_path, test_calc_py=f"def test():\n    {door.stop}\n")
    flowmill = await scripted(GOOD)
    async with flowmill.start("repair") as running, door.reached():
        running.send(signal.SIGINT)
        ended = await asyncio.wait_for(running.end(), SECONDS)
    assert (ended.code, ended.changed) == (130, ())
    assert ended.err.endswith("cancelled; nothing was written\n")


async def test_repair_without_a_target_after_a_file_was_written(
    tmp_path: Path, scripted: Scripted, door: Door
) -> None:
    """A plain kill while the tests are looked through again: what is written is named."""
    tests = f"""\
    import os
    import calc

    def test():
        assert calc.add(1, 2) == 3
        if b"return a + b" in os.read(os.open("calc.py", os.O_RDONLY), 1000):
            {door.stop}
    """
    broken = CALC.replace(STUB, "    return {1: 0}.get(a, 7)\n")
    calc(tmp_path, calc_py=broken, test_calc_py=tests)
    flowmill = await scripted(GOOD)
    options = ("--max-calls", "1", "--apply", "--sandbox", "off")
    async with flowmill.start("repair", *options) as running, door.reached():
        running.send(signal.SIGTERM)
        ended = await asyncio.wait_for(running.end(), SECONDS)
    assert (ended.code, ended.changed) == (130, ("calc.py",))
    assert ended.err.endswith("flowmill: cancelled; written before: calc.py\n")


async def test_repair_without_a_target_after_something_merely_better_was_written(
    tmp_path: Path, scripted: Scripted
) -> None:
    broken = CALC.replace(STUB, "    return a - b\n").replace("return 2 * a", "return a.two")
    calc(tmp_path, calc_py=broken)
    better = Reply((add_answer("return abs(a) + abs(b)"),), when="`add`")
    flowmill = await scripted(better, Reply(("```python\n",), ending="stall", when="`twice`"))
    options = ("--strategy", "sample", "--max-calls", "1", "--apply", "--allow-unverified")
    async with flowmill.start("repair", *options) as running:
        await running.until_line("Written to calc.py")
        running.send(signal.SIGINT)
        ended = await asyncio.wait_for(running.end(), SECONDS)
    assert (ended.code, ended.changed) == (130, ("calc.py",))
    assert ended.err.endswith("flowmill: cancelled; written before: calc.py\n")
