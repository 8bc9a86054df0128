"""Tests that are missing, cannot run, or behave badly: a sensible line in bounded time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from doubles.command import Scripted
from doubles.projects import GOOD, calc, fenced, write

GENERATE = ("generate", "calc.py::add", "--max-calls", "1", "--json")
MEBIBYTE = 1 << 20
SHORT = "[tool.flowmill]\ntest-seconds = 1\n"


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter without pytest."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin" / "python"


@pytest.mark.parametrize(
    ("options", "written"), [((), False), (("--apply",), False), (("--apply", "--allow-unverified"), True)]
)
async def test_no_test_at_all(
    options: tuple[str, ...], written: bool, tmp_path: Path, scripted: Scripted
) -> None:
    """The drafts are chosen by agreement, and nothing of it is called verified."""
    write(tmp_path, {"calc.py": "def add(a, b):\n    raise NotImplementedError\n"})
    made = fenced("assert add(1, 2) == 3\nassert add(0, 0) == 0")
    flowmill = await scripted(made, GOOD)
    ended = await flowmill.run("generate", "calc.py::add", "--max-calls", "2", "--json", *options)
    assert ended.code == 1
    assert ended.finished["status"] == "improved"
    assert "unverified" in ended.notes
    assert "+    return a + b" in ended.finished["diff"]
    assert ended.changed == (("calc.py",) if written else ())


async def test_no_test_reaches_the_function(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path, test_calc_py="import calc\n\n\ndef test_twice():\n    assert calc.twice(1) == 2\n")
    flowmill = await scripted("no test comes to mind", GOOD)
    ended = await flowmill.run("generate", "calc.py::add", "--max-calls", "2", "--apply")
    assert (ended.code, ended.err, ended.changed) == (1, "", ())
    assert "warning: no test reaches this function: the result will be unverified" in ended.out
    assert "nothing shows that the draft is right. Read it before you use it." in ended.out
    assert "Nothing written; --apply --allow-unverified would write it all the same." in ended.out


async def test_no_pytest(tmp_path: Path, scripted: Scripted, bare_python: Path) -> None:
    calc(tmp_path)
    flowmill = await scripted(GOOD)
    ended = await flowmill.run(*GENERATE, "--python", str(bare_python))
    assert ended.code == 3
    assert f"pytest is not installed in {bare_python}: {bare_python} -m pip install pytest" in ended.err


@pytest.mark.parametrize(
    ("body", "conftest", "words"),
    [
        ("raise NotImplementedError", "import os\nos._exit(3)\n", "exited with status 3 in the middle"),
        (
            "return a + b",
            "import os\nos.kill(os.getpid(), 9)\n",
            "was killed by SIGKILL; the tests were being",
        ),
        ("return a + b", "open('door').read()\n", "took longer than 10 s; the tests were being collected"),
    ],
    ids=["exits", "is killed", "hangs"],
)
async def test_a_process_that_is_lost_before_it_knows_its_tests(
    body: str, conftest: str, words: str, tmp_path: Path, scripted: Scripted
) -> None:
    """It says nothing of the function, whether that is a stub or written."""
    calc(tmp_path, conftest_py=conftest, calc_py=f"def add(a, b):\n    {body}\n")
    flowmill = await scripted(GOOD)
    os.mkfifo(flowmill.root / "door")
    ended = await flowmill.run(*GENERATE, "--max-seconds", "10")
    assert ended.code == 3, ended.notes
    assert words in ended.err
    assert ended.err.endswith(f"; to see it: {sys.executable} -m pytest --collect-only\n")
    assert flowmill.server.requests == []


@pytest.mark.parametrize(
    ("file", "source", "words"),
    [
        ("test_calc_py", "import no_such_module\nimport calc\n\ndef test():\n    calc.add(1, 1)\n", "no_such_module"),
        ("test_calc_py", "import calc\n\ndef test(:\n    calc.add(1, 1)\n", "test_calc.py"),
        ("conftest_py", "import no_such_module\n", "no_such_module"),
        ("conftest_py", "def pytest_configure(config):\n    raise RuntimeError('not today')\n", "not today"),
    ],
    ids=["import error", "syntax error", "conftest import", "conftest hook"],
)  # fmt: skip
async def test_tests_that_cannot_be_collected(
    file: str, source: str, words: str, tmp_path: Path, scripted: Scripted
) -> None:
    calc(tmp_path, **{file: source})
    flowmill = await scripted(GOOD)
    ended = await flowmill.run(*GENERATE)
    assert ended.code == 3, ended.notes
    assert ended.err.startswith("flowmill: ")
    assert words in ended.err
    command = "pip install no_such_module" if "no_such" in words else "pytest --collect-only"
    assert f": {sys.executable} -m {command}" in ended.err
    assert flowmill.server.requests == []


async def test_the_file_of_the_function_s_tests_is_broken_and_others_are_not(
    tmp_path: Path, scripted: Scripted
) -> None:
    """That the tests of this function were not seen must be said."""
    calc(
        tmp_path,
        test_calc_py="import no_such_module\nimport calc\n\ndef test():\n    calc.add(1, 1)\n",
        test_other_py="def test_other():\n    pass\n",
    )
    flowmill = await scripted("no tests", GOOD)
    ended = await flowmill.run(*GENERATE)
    assert ended.code == 3
    assert "no_such_module" in ended.err


async def test_a_file_of_other_tests_is_broken(tmp_path: Path, scripted: Scripted) -> None:
    """Only a run of all tests finds the function's own: its name stands nowhere."""
    calc(
        tmp_path,
        test_calc_py="",
        test_far_py="import importlib\n\ndef test():\n"
        "    assert getattr(importlib.import_module('cal' + 'c'), 'a' + 'dd')(1, 2) == 3\n",
        test_other_py="import no_such_module\n",
    )
    flowmill = await scripted(GOOD)
    ended = await flowmill.run(*GENERATE)
    assert (ended.code, ended.err) == (0, "")
    assert (
        "test_other.py: ModuleNotFoundError: No module named 'no_such_module'; those that can" in ended.notes
    )


BAD = {
    "hangs": ("import time\n    time.sleep(600)", "timeout", "timed out after 1 s"),
    "hangs and cannot be interrupted": (
        "import signal\n    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n    while True: pass",
        "timeout",
        "timed out after 1 s",
    ),
    "exits": ("import os\n    os._exit(0)", "crashed", "the interpreter exited with status 0"),
    "segfaults": ("import ctypes\n    ctypes.string_at(0)", "crashed", "the interpreter was killed by SIGSEGV"),
    "kills itself": ("import os, signal\n    os.kill(os.getpid(), 9)", "crashed", "was killed by SIGKILL"),
}  # fmt: skip


@pytest.mark.parametrize(("code", "outcome", "words"), BAD.values(), ids=BAD.keys())
async def test_a_test_that_does_not_come_back(
    code: str, outcome: str, words: str, tmp_path: Path, scripted: Scripted
) -> None:
    """It is that test's outcome, before and after; the other tests still have their say."""
    tests = f"import calc\n\n\ndef test_bad():\n    calc.add(1, 1)\n    {code}\n\n\ndef test_good():\n    assert calc.add(1, 2) == 3\n"
    calc(tmp_path)
    flowmill = await scripted(GOOD)
    (flowmill.root / "test_calc.py").write_text(tests)
    (flowmill.root / "pyproject.toml").write_text(SHORT)
    ended = await flowmill.run(*GENERATE, "--apply")
    assert (ended.code, ended.err, ended.changed) == (1, "", ())
    (bad,) = ended.of("test", draft=1, outcome=outcome)
    assert bad["id"] == "test_calc.py::test_bad"
    assert words in bad["message"]
    assert ended.of("test", draft=1, outcome="passed")
    assert ended.finished["evidence"]["after"] == {outcome: 1, "passed": 1}
    assert ended.peak_kb < 200_000


async def test_a_test_that_forks_leaves_nobody(tmp_path: Path, scripted: Scripted) -> None:
    """One child goes on running the tests, one sleeps for ever in a session of its own."""
    tests = """\
    import os
    import time
    import calc

    def test_fork():
        assert calc.add(1, 2) == 3
        if os.fork() == 0:
            os.setsid()
            time.sleep(600)
        os.fork()

    def test_after():
        assert calc.add(2, 2) == 4
    """
    calc(tmp_path, test_calc_py=tests)
    flowmill = await scripted(GOOD)
    ended = await flowmill.run(*GENERATE, "--sandbox", "off")
    assert (ended.code, ended.err) == (0, "")
    assert ended.finished["evidence"]["after"] == {"passed": 2}


@pytest.mark.parametrize("write_it", ["os.write(1, line)", "print(line.decode())"])
async def test_a_flood_of_output(write_it: str, tmp_path: Path, scripted: Scripted) -> None:
    """A hundred megabytes go by; neither memory nor the journal takes them in."""
    tests = f"""\
    import os
    import calc

    def test_flood():
        line = b"x" * {MEBIBYTE}
        for _ in range(100):
            {write_it}
        assert calc.add(1, 2) == 3
    """
    calc(tmp_path, test_calc_py=tests)
    flowmill = await scripted(GOOD)
    ended = await flowmill.run(*GENERATE)
    assert (ended.code, ended.err) == (0, "")
    assert len(ended.out) < MEBIBYTE
    assert ended.peak_kb < 200_000


async def test_a_winner_that_cannot_be_confirmed_is_not_verified(tmp_path: Path, scripted: Scripted) -> None:
    """The third run of the tests, which confirms the draft, dies while it collects them."""
    conftest = f"""\
    import os
    import pathlib

    with pathlib.Path({str(tmp_path / "runs")!r}).open("a") as runs:
        runs.write(".")
        if runs.tell() == 3:
            os._exit(7)
    """
    calc(tmp_path, conftest_py=conftest)
    flowmill = await scripted(GOOD)
    ended = await flowmill.run(*GENERATE, "--apply")
    assert "draft 1 could not be confirmed: " in ended.notes
    assert (ended.code, ended.finished["status"], ended.changed) == (1, "improved", ())
