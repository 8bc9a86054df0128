"""How the server process begins and ends: properly, at once, and with nothing left, whoever ends it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from doubles.lsp import ODD, PATIENCE, SERVER, Peer, environment, log, packed, read_frame, start

LATEST = 8.0
"""Seconds to the end: two to close, one to send what is left, and what a busy machine takes."""


async def handshake(peer: Peer, pid: int | None = None) -> None:
    await peer.initialize(processId=pid)


@pytest.mark.parametrize(
    ("words", "code"), [((), 1), (("exit",), 1), (("shutdown",), 0), (("shutdown", "exit"), 0)]
)
async def test_every_end_of_the_editor_is_an_orderly_end(
    tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    async with start(tmp_path, ODD) as peer:
        await handshake(peer)
        if "shutdown" in words:
            assert (await peer.call("shutdown"))["result"] is None
        if "exit" in words:
            peer.notify("exit")
        else:
            peer.close_input()
        assert await peer.ended() == code
        assert len([m for m in peer.got if m.get("method") == "odd/closing"]) == 1
        assert await peer.errors() == ""


async def test_shutdown_and_exit_in_one_breath(tmp_path: Path) -> None:
    async with start(tmp_path, ODD) as peer:
        await handshake(peer)
        number = peer.ask("shutdown")
        peer.notify("exit")
        assert await peer.ended() == 0
        assert (await peer.answer(number))["result"] is None


async def test_exit_before_initialize(tmp_path: Path) -> None:
    async with start(tmp_path, ODD) as peer:
        peer.notify("exit")
        assert await peer.ended() == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signals_end_it_in_order(tmp_path: Path, number: signal.Signals) -> None:
    async with start(tmp_path, ODD) as peer:
        await handshake(peer)
        sleeping = peer.ask("odd/sleep", {})
        await peer.told("odd/asleep")
        peer.process.send_signal(number)
        assert await peer.ended() == 128 + number
        assert "error" in await peer.answer(sleeping)
        assert await peer.errors() == ""


@pytest.mark.parametrize("server", [ODD, SERVER])
async def test_an_editor_that_died_with_its_pipes_open(tmp_path: Path, server: tuple[str, ...]) -> None:
    """Right after its first word already."""
    editor = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=subprocess.PIPE)
    async with start(tmp_path, server) as peer:
        await handshake(peer, editor.pid)
        editor.kill()
        await editor.wait()
        assert await peer.ended() == 1
    assert "the editor's process is gone" in log(tmp_path)


@pytest.mark.parametrize("way", ["task", "thread"])
async def test_a_part_that_does_not_close_holds_the_end_up_for_two_seconds_only(
    tmp_path: Path, way: str
) -> None:
    async with start(tmp_path, ODD) as peer:
        await handshake(peer)
        await peer.call("odd/stubborn", {"way": way})
        began = time.monotonic()
        peer.close_input()
        assert await peer.ended() == 1
        assert 1.5 < time.monotonic() - began < LATEST


async def test_an_editor_that_reads_nothing_costs_bounded_memory_and_ends(tmp_path: Path) -> None:
    source, sink = os.pipe()
    # 90 MB that nobody reads: more than is kept for an editor.
    flood = request(2, "odd/flood", {"messages": 3_000, "size": 30_000})
    assert await told(tmp_path, sink, INITIALIZE, flood) == 1
    os.close(source)
    assert "the editor takes nothing any more" in log(tmp_path)


async def test_an_editor_whose_end_of_the_pipe_is_closed(tmp_path: Path) -> None:
    source, sink = os.pipe()
    os.close(source)
    assert await told(tmp_path, sink, INITIALIZE) == 1


def request(number: int, method: str, params: object) -> bytes:
    return packed({"jsonrpc": "2.0", "id": number, "method": method, "params": params})


INITIALIZE = request(1, "initialize", {"capabilities": {}})


async def told(folder: Path, sink: int, *messages: bytes) -> int:
    """The exit code of a server that answers into a pipe of the test's own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *ODD, cwd=folder, env=environment(folder), stdin=subprocess.PIPE, stdout=sink
    )
    os.close(sink)
    assert process.stdin
    process.stdin.writelines(messages)
    return await asyncio.wait_for(process.wait(), PATIENCE)


async def test_tcp_serves_one_editor_and_ends_with_it(tmp_path: Path) -> None:
    async with start(tmp_path, ODD, ["--tcp", "127.0.0.1:0"]) as peer:
        peer._errors.cancel()
        assert peer.process.stderr
        await asyncio.wait({peer._errors})
        line = (await peer.process.stderr.readline()).decode()
        place = re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", line)
        assert place
        reader, writer = await asyncio.open_connection("127.0.0.1", int(place[1]))
        with closing(writer):
            writer.write(INITIALIZE)
            answer = await read_frame(reader)
            assert answer is not None
            assert answer["result"]["serverInfo"]["name"] == "odd"
            with pytest.raises(OSError, match=r"refused|reset|Connect"):
                await asyncio.open_connection("127.0.0.1", int(place[1]))
        assert await peer.ended() == 1
        assert peer.got == []


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (
            ["--tcp", "nowhere"],
            "flowmill: --tcp nowhere: must be HOST:PORT, such as 127.0.0.1:0 for any free port",
        ),
        (["--tcp", "127.0.0.1:99999"], "flowmill: --tcp 127.0.0.1:99999: must be HOST:PORT"),
        (["--tcp", "::1:5"], "flowmill: --tcp ::1:5: must be HOST:PORT"),
        (["--tcp", "192.0.2.1:0"], "flowmill: --tcp 192.0.2.1:0: cannot listen there: "),
        (["--frob"], "flowmill: server: unrecognized arguments: --frob; see flowmill server --help"),
    ],
)
def test_wrong_arguments_end_with_2_and_one_line(tmp_path: Path, args: list[str], line: str) -> None:
    ended = flowmill(tmp_path, args)
    assert ended.returncode == 2
    assert ended.stderr.startswith(line)
    assert ended.stderr.count("\n") == 1
    assert ended.stdout == ""


def test_help_goes_to_stdout(tmp_path: Path) -> None:
    ended = flowmill(tmp_path, ["--help"])
    assert ended.returncode == 0
    assert "--tcp HOST:PORT" in ended.stdout
    assert not (tmp_path / "cache").exists()


def flowmill(folder: Path, args: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flowmill", "server", *args]
    return subprocess.run(
        command,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        stdin=subprocess.DEVNULL,
    )


async def test_a_log_that_cannot_be_written_goes_to_stderr(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder")
    async with start(tmp_path, ODD) as peer:
        await handshake(peer)
        assert "error" in await peer.call("odd/fail")
        await peer.call("shutdown")
        peer.notify("exit")
        assert await peer.ended() == 0
        assert "logging to stderr" in await peer.errors()
        assert 'KeyError("secret")' in await peer.errors()
