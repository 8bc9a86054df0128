from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from doubles.runs import alive
from flowmill.runner.process import Output, StartError, scrubbed_env, spawn

linux = pytest.mark.skipif(sys.platform != "linux", reason="the sweep looks into /proc")

WRITE = "import os; write = lambda data: os.write(int(os.environ['FLOWMILL_RESULTS']), data);"
STUBBORN_GRANDCHILD = """
import os, signal, subprocess, sys, time
code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
ENV
child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, env=env)
os.write(int(os.environ["FLOWMILL_RESULTS"]), b"%d\\n" % child.pid)
AFTER
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@dataclass(frozen=True, slots=True)
class Finished:
    """How a short command ended; `returncode` is None if it was killed for taking too long."""

    returncode: int | None
    output: str


async def run_to_end(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout: float = 30.0,
    output_bytes: int = 100_000,
) -> Finished:
    """Run a short command and give its merged output. Raises StartError if it cannot be started."""
    async with spawn(command, cwd=cwd, env=env, stdin=stdin, output_bytes=output_bytes) as process:
        returncode = await process.settle(timeout)
        return Finished(returncode, process.output.text())


def test_output_keeps_head_and_tail() -> None:
    output = Output(20)
    for _ in range(1000):
        output.add(b"0123456789" * 10)
    output.add(b"the end")
    text = output.text()
    assert text.startswith("0123456789\n...")
    assert text.endswith("the end")
    assert len(text) < 100
    assert output.total == 100_007


def test_output_below_the_cap_is_whole() -> None:
    output = Output(100)
    output.add(b"one ")
    output.add(b"two")
    assert output.text() == "one two"


def test_environment_loses_secrets_and_keeps_the_rest() -> None:
    base = {
        "PATH": "/bin",
        "PYTHONPATH": "lib",
        "TOKENIZERS_PARALLELISM": "false",
        "FLOWMILL_API_KEY": "x",
        "FLOWMILL_BASE_URL": "x",
        "OPENAI_BASE_URL": "x",
        "MISTRAL_API_KEY": "x",
        "GITHUB_TOKEN": "x",
        "DB_PASSWORD": "x",
        "CLIENT_SECRET_ID": "x",
        "AWS_PROFILE": "x",
        "PYTEST_CURRENT_TEST": "x",
        "COV_CORE_SOURCE": "x",
    }
    kept = scrubbed_env({"EXTRA": "1"}, base=base)
    assert kept == {
        "PATH": "/bin",
        "PYTHONPATH": "lib",
        "TOKENIZERS_PARALLELISM": "false",
        "EXTRA": "1",
    }


async def test_stdin_output_and_status(tmp_path: Path) -> None:
    done = await run_to_end(
        python("import sys; print(sys.stdin.read()[::-1]); sys.exit(3)"), cwd=tmp_path, stdin=b"abc"
    )
    assert (done.returncode, done.output) == (3, "cba\n")


async def test_unread_stdin_does_not_block(tmp_path: Path) -> None:
    done = await run_to_end(python("pass"), cwd=tmp_path, stdin=b"x" * 3_000_000)
    assert done.returncode == 0


async def test_flood_neither_blocks_nor_grows(tmp_path: Path) -> None:
    flood = "import sys\nfor _ in range(300): sys.stdout.write('x' * 100_000)\nprint('end')"
    async with spawn(python(flood), cwd=tmp_path, output_bytes=10_000) as process:
        assert await process.settle(30) == 0
        assert process.output.total == 30_000_004
        assert len(process.output.text()) < 11_000


async def test_command_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"/no/python cannot be started: No such file"):
        await run_to_end(["/no/python"], cwd=tmp_path)


async def test_lines_arrive_until_the_process_ends(tmp_path: Path) -> None:
    async with spawn(python(WRITE + "write(b'one\\ntwo\\nhal')"), cwd=tmp_path) as process:
        lines = [await process.line(10) for _ in range(3)]
    assert lines == [b"one\n", b"two\n", None]


async def test_an_orphan_that_holds_the_pipe_does_not_hold_us(tmp_path: Path) -> None:
    code = WRITE + "write(b'one\\n')\nif os.fork() == 0:\n    import time; time.sleep(600)\nos._exit(0)"
    async with spawn(python(code), cwd=tmp_path) as process:
        assert await process.line(10) == b"one\n"
        assert await process.line(10) is None


async def test_a_line_too_long_is_refused(tmp_path: Path) -> None:
    async with spawn(python(WRITE + "write(b'x' * 1_000_000)"), cwd=tmp_path) as process:
        with pytest.raises(ValueError, match="limit"):
            await process.line(10)


async def test_waiting_in_vain_loses_no_line(tmp_path: Path) -> None:
    code = (
        WRITE
        + "import sys; write(b'up\\n'); sys.stdin.read(); import time; time.sleep(0.2); write(b'late\\n')"
    )
    async with spawn(python(code), cwd=tmp_path) as process:
        assert await process.line(10) == b"up\n"
        with pytest.raises(TimeoutError):
            await process.line(0.001)
        assert await process.line(10) == b"late\n"


@linux
@pytest.mark.parametrize("env", ["env = dict(os.environ)", "env = {}"], ids=["marked", "unmarked"])
async def test_a_grandchild_in_its_own_session_dies(tmp_path: Path, env: str) -> None:
    code = STUBBORN_GRANDCHILD.replace("ENV", env).replace("AFTER", "time.sleep(600)")
    async with spawn(python(code), cwd=tmp_path) as process:
        grandchild = int(await process.line(10) or b"0")
        assert alive(grandchild)
    assert not alive(grandchild)
    assert not alive(process.pid)


@linux
async def test_an_orphaned_grandchild_dies(tmp_path: Path) -> None:
    code = STUBBORN_GRANDCHILD.replace("ENV", "env = dict(os.environ)").replace("AFTER", "os._exit(0)")
    async with spawn(python(code), cwd=tmp_path) as process:
        grandchild = int(await process.line(10) or b"0")
        assert await process.settle(10) == 0
        assert alive(grandchild)
    assert not alive(grandchild)


@linux
async def test_cancelling_kills_at_once(tmp_path: Path) -> None:
    code = STUBBORN_GRANDCHILD.replace("ENV", "env = dict(os.environ)").replace("AFTER", "time.sleep(600)")
    pids: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        async with spawn(python(code), cwd=tmp_path) as process:
            pids.set_result((process.pid, int(await process.line(10) or b"0")))
            await process.line(600)

    task = asyncio.create_task(work())
    child, grandchild = await pids
    before = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - before < 1.0
    assert not alive(child)
    assert not alive(grandchild)
