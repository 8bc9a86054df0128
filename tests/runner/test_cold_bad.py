"""Tests and drafts that hang, crash, fork, flood, or forge."""

from __future__ import annotations

import asyncio
import os
import select
import sys
import time
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from doubles.runs import QUICK, SHORT, TinyProject, alive, tree
from flowmill.shapes import Collected, TestLimits, TestOrder, TestResult

HANGS = """
import signal, time, unittest, pytest

def test_sleep(): time.sleep(60)

def test_stubborn():
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass

def test_blocked():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    time.sleep(60)

class TestUnit(unittest.TestCase):
    def test_unit(self): time.sleep(60)

@pytest.fixture
def slow(): time.sleep(60)

def test_slow_fixture(slow): pass
def test_last(): pass
"""


async def test_hanging_tests_time_out_and_the_rest_runs(tmp_path: Path) -> None:
    tiny = TinyProject(tmp_path, {"test_h.py": HANGS})
    told = await tiny.run(TestOrder({}, limits=replace(SHORT, timeouts=9)))
    assert told.outcomes == {
        "test_sleep": "timeout",
        "test_stubborn": "timeout",
        "test_blocked": "timeout",
        "TestUnit::test_unit": "timeout",
        "test_slow_fixture": "timeout",
        "test_last": "passed",
    }
    assert told.end.problem is None
    assert told.result("test_sleep").message == "timed out after 0.5 s"


async def test_enough_timeouts_end_the_run(tmp_path: Path) -> None:
    tiny = TinyProject(tmp_path, {"test_h.py": HANGS})
    told = await tiny.run(
        TestOrder(
            {}, keep=("test_h.py::test_sleep", "test_h.py::test_last"), limits=replace(SHORT, timeouts=1)
        )
    )
    assert told.outcomes == {"test_sleep": "timeout"}
    assert told.end.problem == "timeout"


async def test_a_hang_at_import_ends_with_the_run(tmp_path: Path) -> None:
    tiny = TinyProject(tmp_path, {"test_h.py": "import time\ntime.sleep(600)\n"})
    told = await tiny.run(TestOrder({}, limits=TestLimits(run_seconds=2.0)))
    assert told.end.problem == "timeout"
    assert told.end.detail == "the run took longer than 2 s; the tests were being collected"


async def test_the_timeouts_of_pytest_timeout_are_timeouts(tmp_path: Path) -> None:
    pytest.importorskip("pytest_timeout")
    tests = "import time\ndef test_a(): time.sleep(60)\ndef test_b(): pass\n"
    for method in ("signal", "thread"):
        ini = f"[pytest]\ntimeout = 0.3\ntimeout_method = {method}\naddopts = -p pytest_timeout\n"
        tiny = TinyProject(tmp_path, {"test_t.py": tests, "pytest.ini": ini})
        told = await tiny.run(TestOrder({}, limits=QUICK))
        assert told.outcomes == {"test_a": "timeout", "test_b": "passed"}


CRASHES = """
import ctypes, os

def test_first(): pass
def test_exit(): os._exit(0)
def test_segfault(): ctypes.string_at(0)

def test_fork():
    if os.fork() == 0:
        return
    os.wait()

def test_abort(): os.abort()
def test_last(): pass
"""


async def test_crashes_take_one_test_each(tmp_path: Path) -> None:
    tiny = TinyProject(tmp_path, {"test_c.py": CRASHES})
    told = await tiny.run(TestOrder({}, untrusted=False, limits=QUICK))
    assert told.outcomes == {
        "test_first": "passed",
        "test_exit": "crashed",
        "test_segfault": "crashed",
        "test_fork": "passed",
        "test_abort": "crashed",
        "test_last": "passed",
    }
    assert told.end.problem is None
    assert told.result("test_exit").message == "the interpreter exited with status 0 in the middle of the run"
    assert told.result("test_segfault").message == "the interpreter was killed by SIGSEGV"
    assert "Segmentation fault" in told.result("test_segfault").details


async def test_a_crash_at_import(tmp_path: Path) -> None:
    tiny = TinyProject(tmp_path, {"test_c.py": "import os\nos._exit(7)\n"})
    told = await tiny.run(TestOrder({}, limits=QUICK))
    assert told.end.problem == "crashed"
    assert told.end.detail.startswith("the tests' process exited with status 7 in the middle of the run")


async def test_a_flood_of_output_is_only_cut(tmp_path: Path) -> None:
    tests = "import os\ndef test_print():\n    for _ in range(30): print('x' * 1_000_000)\n"
    tests += "def test_raw():\n    for _ in range(30): os.write(1, b'x' * 1_000_000)\n"
    tiny = TinyProject(tmp_path, {"test_o.py": tests})
    for ini in ("[pytest]\n", "[pytest]\naddopts = -s\n"):
        (tiny.root / "pytest.ini").write_text(ini)
        told = await tiny.run(TestOrder({}, limits=QUICK))
        assert told.outcomes == {"test_print": "passed", "test_raw": "passed"}
        assert told.end.problem is None


FORGERY = """
import fcntl, os, stat

def pipes():
    for fd in range(3, 64):
        try:
            if stat.S_ISFIFO(os.fstat(fd).st_mode) and fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_WRONLY:
                yield fd
        except OSError:
            pass

def test_forge():
    for fd in pipes():
        try:
            os.write(fd, b'{"k": "test", "id": "made up", "outcome": "passed"}\\n')
        except OSError:
            pass
"""


async def test_a_report_that_is_not_ours_ends_the_run(tmp_path: Path) -> None:
    tiny = TinyProject(tmp_path, {"test_o.py": FORGERY})
    told = await tiny.run(TestOrder({}, limits=QUICK))
    assert told.end.problem == "output"
    assert told.results == ()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_closing_early_leaves_no_process(tmp_path: Path) -> None:
    tests = f"""
import os, pathlib, subprocess, sys, time

def test_starts():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    pathlib.Path({str(tmp_path)!r}, "pids").write_text(f"{{os.getpid()}} {{child.pid}} {{os.environ['TMPDIR']}}")

def test_hangs(): time.sleep(600)
"""
    tiny = TinyProject(tmp_path, {"test_p.py": tests})
    async with aclosing(tiny.runner.run(TestOrder({}, untrusted=False, limits=QUICK))) as messages:
        assert isinstance(await anext(messages), Collected)
        assert isinstance(await anext(messages), TestResult)
        child, grandchild, scratch = (tmp_path / "pids").read_text().split()
        assert alive(int(grandchild))
        before = time.monotonic()
    assert time.monotonic() - before < 1.0
    assert not alive(int(child))
    assert not alive(int(grandchild))
    assert tree(Path(scratch)) == {}
    await tiny.runner.aclose()


async def test_the_tests_see_neither_secrets_nor_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWMILL_API_KEY", "secret")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "more"))
    monkeypatch.setenv("PYTEST_ADDOPTS", "-x -n 3 -k 'not left_out'")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "extra.py").write_text("")
    tests = """
import os, sys, extra

def test_env():
    assert "secret" not in os.environ.values()
    assert "FLOWMILL_RESULTS" not in os.environ

def test_path():
    assert sys.path[0] == os.getcwd() or os.getcwd() in sys.path
    assert not any(path.endswith("runner") for path in sys.path)

def test_stdin(): assert os.read(0, 1) == b""
def test_left_out(): pass
"""
    tiny = TinyProject(tmp_path, {"test_e.py": tests})
    told = await tiny.run(TestOrder({}, limits=QUICK))
    assert told.outcomes == {"test_env": "passed", "test_path": "passed", "test_stdin": "passed"}


ORPHAN = """
import asyncio, sys
from pathlib import Path
from flowmill.runner.cold import ColdRunner
from flowmill.shapes import Project, TestOrder

async def main():
    async for _ in ColdRunner(Project(Path(sys.argv[1]), Path(sys.executable), ""), Path(sys.argv[2])).run(TestOrder({}, untrusted=False)):
        pass

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal at a parent's death")
async def test_the_tests_die_with_us(tmp_path: Path) -> None:
    tests = f"""
import os, time
def test_hangs():
    with open({str(tmp_path / "pid")!r}, "w") as pipe:
        pipe.write(str(os.getpid()))
    time.sleep(600)
"""
    tiny = TinyProject(tmp_path, {"test_p.py": tests})
    os.mkfifo(tmp_path / "pid")
    command = [sys.executable, "-c", ORPHAN, str(tiny.root), str(tmp_path / "cache")]
    # Killed like this it cannot remove its scratch folder, so that lies in ours.
    ours = await asyncio.create_subprocess_exec(*command, env=os.environ | {"TMPDIR": str(tmp_path)})
    child = int(await asyncio.to_thread((tmp_path / "pid").read_text))
    death = os.pidfd_open(child)
    ours.kill()
    await ours.wait()
    readable, _, _ = await asyncio.to_thread(select.select, [death], [], [], 10.0)
    os.close(death)
    assert readable
    assert not alive(child)


async def test_a_test_that_kills_its_process_has_reached_the_function(tmp_path: Path) -> None:
    tiny = TinyProject(
        tmp_path,
        {
            "mod.py": "import os\n\ndef f(n):\n    if n:\n        os._exit(3)\n    return n\n",
            "test_mod.py": "import mod\n\ndef test_dies(): mod.f(1)\n\ndef test_lives(): pass\n",
        },
    )
    told = await tiny.run(TestOrder({}, trace=tiny.target("mod.py", "f"), limits=QUICK))
    assert told.outcomes == {"test_dies": "crashed", "test_lives": "passed"}
    assert told.end.reached == {"test_mod.py::test_dies"}
