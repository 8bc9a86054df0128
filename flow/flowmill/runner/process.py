"""The one place that spawns processes for the project, and the one that ends them, descendants included.

Every process gets a session of its own and a token in its environment. Ending it
kills its process group, everything that descends from it and (on Linux) everything
that carries the token, so a grandchild cannot survive by leaving the group.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from flowmill.errors import ProjectError
from flowmill.runner.family import TOKEN, kill_family, living

RESULTS = "FLOWMILL_RESULTS"
LINE_BYTES = 256 * 1024
DYING_ROUNDS, DYING_SECONDS = 100, 0.005
"""How often and how long to look whether the kernel is done with what was killed."""
_SECRET = re.compile(
    r"(^|_)(API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|TOKENS?|CREDENTIALS?|AUTH_SOCK)$|SECRET|PASSWORD|PASSWD"
    r"|^(FLOWMILL|OPENAI|ANTHROPIC|AWS|AZURE)_"
)
_OUTER_PYTEST = re.compile(
    r"^(PYTEST_CURRENT_TEST|PYTEST_VERSION|PYTEST_XDIST_.*|COV_CORE_.*|COVERAGE_PROCESS_.*)$"
)


def scrubbed_env(
    extra: Mapping[str, str] | None = None, *, base: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The user's environment without what looks like a secret, and with `extra` added.

    What an outer pytest or coverage left behind is dropped too: it would steer the inner one.
    """
    source = os.environ if base is None else base
    kept = {
        name: value
        for name, value in source.items()
        if not _SECRET.search(name.upper()) and not _OUTER_PYTEST.match(name)
    }
    return kept | dict(extra or {})


class StartError(ProjectError):
    """The command cannot be started: it is not there, not executable, or its folder is gone."""


class Output:
    """What a process printed: the head and the tail of it, never more than `cap` bytes."""

    def __init__(self, cap: int) -> None:
        self._half = max(cap // 2, 1)
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0
        self.total = 0

    def add(self, data: bytes) -> None:
        self.total += len(data)
        room = self._half - len(self._head)
        self._head += data[:room] if room > 0 else b""
        self._tail += data[max(room, 0) :]
        # Cutting only at twice the size keeps the cost of a flood linear.
        if len(self._tail) > 2 * self._half:
            self._cut()

    def _cut(self) -> None:
        excess = max(len(self._tail) - self._half, 0)
        self._dropped += excess
        del self._tail[:excess]

    def text(self) -> str:
        self._cut()
        gap = f"\n... {self._dropped} bytes left out ...\n".encode() if self._dropped else b""
        return (bytes(self._head) + gap + bytes(self._tail)).decode("utf-8", "replace")


class _Drain(asyncio.Protocol):
    """Empties a pipe as fast as it fills, so that the child never blocks on its output."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.closed = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self._output.add(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)


class Process:
    """A running child. Made by `spawn`, which also ends it."""

    def __init__(self, popen: subprocess.Popen[bytes], token: str, output: Output) -> None:
        self.pid = popen.pid
        self.token = token
        self.output = output
        self._popen = popen
        self._lines = asyncio.StreamReader(limit=LINE_BYTES)
        self._reading: asyncio.Task[bytes] | None = None
        self._pipes: list[asyncio.ReadTransport] = []
        self._drain = _Drain(output)
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def connect(self, results: IO[bytes], output: IO[bytes]) -> None:
        loop = asyncio.get_running_loop()
        # A thread of its own instead of the loop's child watcher: that one waits for the
        # pipes to close on some Python versions, and an orphan may hold them open.
        threading.Thread(target=self._reap, args=(loop,), daemon=True, name="flowmill-reap").start()
        lines = asyncio.StreamReaderProtocol(self._lines)
        for protocol, pipe in ((lines, results), (self._drain, output)):
            transport, _ = await loop.connect_read_pipe(lambda protocol=protocol: protocol, pipe)
            self._pipes.append(transport)

    def _reap(self, loop: asyncio.AbstractEventLoop) -> None:
        code = _await_exit(self._popen)
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._exited, code)

    def _exited(self, code: int) -> None:
        if not self._exit.done():
            self._exit.set_result(code)

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal, None while it runs."""
        return self._exit.result() if self._exit.done() else None

    async def line(self, timeout: float) -> bytes | None:
        """The next line of the result pipe, None when the process has ended and no line is left.

        Raises TimeoutError after `timeout` seconds, ValueError if a line is over 256 kB.
        """
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._lines.readline())
        reading = self._reading
        await asyncio.wait({reading, self._exit}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not reading.done() and self._exit.done():
            # What it wrote before it died is in the pipe; an orphan may keep the pipe open for ever.
            await asyncio.wait({reading}, timeout=0.1)
            if not reading.done():
                return None
        if not reading.done():
            raise TimeoutError
        self._reading = None
        line = reading.result()
        return line if line.endswith(b"\n") else None

    async def settle(self, timeout: float) -> int | None:
        """Wait up to `timeout` seconds for the exit, and shortly for the last of the output."""
        await asyncio.wait({self._exit}, timeout=timeout)
        if self._exit.done():
            await asyncio.wait({self._drain.closed}, timeout=0.2)
        return self.returncode

    async def end(self) -> None:
        """Kill the process and all that it started, and reap it."""
        killed = kill_family(self.pid, self.token)
        if self._reading is not None:
            self._reading.cancel()
        await asyncio.wait({self._exit})
        self._popen.wait()
        for _ in range(DYING_ROUNDS):
            if not living(killed):
                break
            await asyncio.sleep(DYING_SECONDS)
        for pipe in self._pipes:
            pipe.close()
        # The transports close their files in the next round of the loop.
        await asyncio.sleep(0)


def _await_exit(popen: subprocess.Popen[bytes]) -> int:
    """Wait for the exit; do not reap where that can be put off, so that no other process gets the number yet."""
    if not hasattr(os, "waitid"):
        return popen.wait()
    told = os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOWAIT)
    assert told is not None
    return told.si_status if told.si_code == os.CLD_EXITED else -told.si_status


class spawn:
    """Start `command`; on leaving, by whatever way, it and its descendants are dead and reaped.

    `async with spawn(...) as process`. The child finds the descriptor of its result pipe
    in `$FLOWMILL_RESULTS`. Without `env` it gets `scrubbed_env()`. Entering raises
    OSError if the command cannot be started.
    """

    # A class, since a generator may be closed by the event loop while another one still uses it.
    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        output_bytes: int = 1_000_000,
    ) -> None:
        self._command = list(command)
        self._cwd = cwd
        self._env = dict(scrubbed_env() if env is None else env)
        self._stdin = stdin
        self._output_bytes = output_bytes
        self._process: Process | None = None

    async def __aenter__(self) -> Process:
        if os.name != "posix":
            raise ProjectError(
                "running the project's tests needs Linux or macOS so far; this is Windows",
                hint="run flowmill inside WSL",
            )
        token = secrets.token_hex(16)
        popen, results, output = _popen(self._command, self._cwd, self._env, self._stdin, token)
        process = self._process = Process(popen, token, Output(self._output_bytes))
        try:
            await process.connect(results, output)
        except BaseException:
            await process.end()
            raise
        return process

    async def __aexit__(self, *error: object) -> None:
        if self._process is not None:
            await self._process.end()


def _popen(
    command: list[str], cwd: Path, env: dict[str, str], stdin: bytes, token: str
) -> tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]:
    with _file_of(stdin) as given:
        results, results_end = _pipe()
        output, output_end = _pipe()
        try:
            with results_end, output_end:
                popen = subprocess.Popen(
                    command,
                    cwd=str(cwd),
                    env=env | {TOKEN: token, RESULTS: str(results_end.fileno())},
                    stdin=given,
                    stdout=output_end,
                    stderr=output_end,
                    pass_fds=(results_end.fileno(),),
                    start_new_session=True,
                )
        except OSError as error:
            results.close()
            output.close()
            place = f" in {cwd}" if error.filename == str(cwd) else ""
            raise StartError(f"{command[0]} cannot be started{place}: {error.strerror}") from error
    return popen, results, output


def _file_of(data: bytes) -> IO[bytes]:
    """A file rather than a pipe: writing it cannot block on a child that does not read."""
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        file.write(data)
        file.seek(0)
    except OSError as error:
        where = tempfile.gettempdir()
        raise ProjectError(f"no scratch file can be written in {where}: {error.strerror}") from error
    return file


def _pipe() -> tuple[IO[bytes], IO[bytes]]:
    read, write = os.pipe()
    return os.fdopen(read, "rb", 0), os.fdopen(write, "wb", 0)


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
