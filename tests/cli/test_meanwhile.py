"""What the rest of the world does while a run works: files that change, disks that are full or not ours."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest

from doubles.command import Flowmill, Scripted
from doubles.openai_server import Reply
from doubles.projects import ADDS, CALC, GOOD, STUB, add_answer, calc

GENERATE = ("generate", "calc.py::add", "--max-calls", "1", "--apply", "--json")
AS_NON_ROOT = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner")


def held(gate: asyncio.Event, body: str = "return a + b") -> Reply:
    """The answer comes when the gate opens; its first piece comes before."""
    return Reply(("```python\n", add_answer(body).removeprefix("```python\n")), gate=gate)


async def test_a_change_elsewhere_in_the_file_is_kept(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    gate = asyncio.Event()
    flowmill = await scripted(held(gate))
    theirs = CALC.replace("PI = 3.14  # kept", "PI = 3.14159\nE = 2.72").replace("items[-1]", "items[0]")
    async with flowmill.start(*GENERATE) as running:
        await running.until("draft.delta", draft=1)
        (flowmill.root / "calc.py").write_text(theirs)
        gate.set()
        ended = await running.end()
    assert ended.code == 0
    assert "the file had changed elsewhere; the edit was carried over" in ended.err
    assert flowmill.read("calc.py").decode() == theirs.replace(STUB, ADDS)


@pytest.mark.parametrize(
    "theirs", [CALC.replace(STUB, "    return 0\n"), "def other(): ...\n", "def add(:\n"]
)
async def test_a_change_in_the_function_is_never_overwritten(
    theirs: str, tmp_path: Path, scripted: Scripted
) -> None:
    calc(tmp_path)
    gate = asyncio.Event()
    flowmill = await scripted(held(gate))
    async with flowmill.start(*GENERATE) as running:
        await running.until("draft.delta", draft=1)
        (flowmill.root / "calc.py").write_text(theirs)
        gate.set()
        ended = await running.end()
    assert ended.code == 1
    assert "calc.py: add changed while flowmill worked; nothing was written: run it again" in ended.err
    assert ended.err.count("changed while flowmill worked") == 1
    assert flowmill.read("calc.py").decode() == theirs


async def test_a_file_that_is_gone_is_not_brought_back(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    gate = asyncio.Event()
    flowmill = await scripted(held(gate))
    async with flowmill.start(*GENERATE) as running:
        await running.until("draft.delta", draft=1)
        (flowmill.root / "calc.py").unlink()
        gate.set()
        ended = await running.end()
    assert ended.code == 1
    assert "calc.py cannot be written: No such file" in ended.err
    assert not (flowmill.root / "calc.py").exists()


async def test_two_runs_on_one_function(tmp_path: Path, scripted: Scripted) -> None:
    """The first to end is written; the second finds the function changed, and says so."""
    calc(tmp_path)
    gate = asyncio.Event()
    flowmill = await scripted(held(gate, "return sum((a, b))"), GOOD)
    async with flowmill.start(*GENERATE) as slow:
        await slow.until("draft.delta", draft=1)
        quick = await flowmill.run(*GENERATE)
        gate.set()
        late = await slow.end()
    assert (quick.code, quick.err) == (0, "")
    assert late.code == 1
    assert late.finished["status"] == "verified"
    assert "add changed while flowmill worked; nothing was written" in late.err
    assert flowmill.read("calc.py").decode() == CALC.replace(STUB, ADDS)


async def test_two_runs_in_one_file(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path, calc_py=CALC.replace("return 2 * a", "raise NotImplementedError"))
    gate = asyncio.Event()
    twice = "```python\ndef twice(a):\n    return 2 * a\n```\n"
    flowmill = await scripted(held(gate), twice)
    async with flowmill.start(*GENERATE) as slow:
        await slow.until("draft.delta", draft=1)
        quick = await flowmill.run("generate", "calc.py::twice", "--max-calls", "1", "--apply", "--json")
        gate.set()
        late = await slow.end()
    assert (quick.code, late.code) == (0, 0)
    assert flowmill.read("calc.py").decode() == CALC.replace(STUB, ADDS)


def as_non_root(flowmill: Flowmill) -> Flowmill:
    """The command with the rights of an ordinary user."""
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root may write anywhere, and there is no setpriv to lower its rights")
        flowmill.wrapper = AS_NON_ROOT
    return flowmill


async def test_a_project_that_may_not_be_written(tmp_path: Path, scripted: Scripted) -> None:
    """It is worked on as any other; only --apply cannot keep its word, and says so."""
    root = calc(tmp_path)
    flowmill = as_non_root(await scripted(GOOD))
    root.chmod(0o555)
    try:
        ended = await flowmill.run(*GENERATE)
    finally:
        root.chmod(0o755)
    assert (ended.code, ended.finished["status"], ended.changed) == (1, "verified", ())
    assert "calc.py cannot be written: Permission denied; nothing was written" in ended.err
    assert ended.err.count("cannot be written") == 1


async def test_a_cache_that_cannot_be_is_one_warning(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(GOOD)
    flowmill.cache = tmp_path / "file"
    flowmill.cache.touch()
    ended = await flowmill.run(*GENERATE)
    assert (ended.code, ended.changed) == (0, ("calc.py",))
    assert ended.err.startswith(f"flowmill: this run is not kept in the journal: {flowmill.cache}")
    assert len(ended.err.splitlines()) == 1


async def test_a_disk_that_fills_up_meanwhile(tmp_path: Path, scripted: Scripted) -> None:
    """No file may grow beyond a size that the journal soon needs: the run goes on without it."""
    tests = """\
    import pytest
    import calc

    @pytest.mark.parametrize("n", range(60))
    def test_it(n):
        try:
            assert calc.add(n, 1) == n + 1
        except NotImplementedError:
            pytest.fail("\\n".join(["word " * 30] * 30))
    """
    calc(tmp_path, test_calc_py=tests)
    flowmill = await scripted(GOOD)
    journal = flowmill.keep_own_journal()
    limited = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))"
    flowmill.wrapper = (sys.executable, "-c", f"{limited}; os.execv(sys.argv[1], sys.argv[1:])")
    ended = await flowmill.run(*GENERATE)
    assert (ended.code, ended.changed) == (0, ("calc.py",))
    assert ended.err.startswith(f"flowmill: this run is not kept in the journal: {journal}")
    assert len(ended.err.splitlines()) == 1
    kept = [path.read_bytes() for path in journal.iterdir() if path.is_file()]
    assert any(b"run.started" in data for data in kept), "it was kept as far as there was room"


async def test_a_file_that_may_not_be_written_in_a_folder_that_may(
    tmp_path: Path, scripted: Scripted
) -> None:
    root = calc(tmp_path)
    flowmill = as_non_root(await scripted(GOOD))
    root.chmod(0o777)
    (root / "calc.py").chmod(0o444)
    ended = await flowmill.run(*GENERATE)
    assert (ended.code, ended.finished["status"], ended.changed) == (1, "verified", ())
    assert "calc.py cannot be written: Permission denied; nothing was written" in ended.err
