"""The one place that spawns processes for the project, and the one that ends them, descendants included.

Every process gets a session of its own and a token in its environment. Ending it
kills its process group, everything that descends from it and (on Linux) everything
that carries the token, so a grandchild cannot survive by leaving the group.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from flowmill.errors import ProjectError
from flowmill.runner.family import TOKEN, kill_family, living
from flowmill.runner.hearing import Hearing, Output
from flowmill.sandbox.environment import without_secrets

RESULTS = "FLOWMILL_RESULTS"
DYING_ROUNDS, DYING_SECONDS = 100, 0.005
"""How often and how long to look whether the kernel is done with what was killed."""


def scrubbed_env(
    extra: Mapping[str, str] | None = None, *, base: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The user's environment without what looks like a secret, and with `extra` added.

    What an outer pytest or coverage left behind is dropped too: it would steer the inner one.
    """
    return without_secrets(os.environ if base is None else base) | dict(extra or {})


class StartError(ProjectError):
    """The command cannot be started: it is not there, not executable, or its folder is gone."""


class Process(Hearing):
    """A child with a report and an output. Made by `spawn`, which also ends it."""

    def __init__(self, popen: subprocess.Popen[bytes], token: str, output: Output) -> None:
        super().__init__(output)
        self.pid = popen.pid
        self.token = token
        self._popen = popen

    async def connect(self, results: IO[bytes], output: IO[bytes]) -> None:
        loop = asyncio.get_running_loop()
        # A thread of its own instead of the loop's child watcher: that one waits for the
        # pipes to close on some Python versions, and an orphan may hold them open.
        threading.Thread(target=self._reap, args=(loop,), daemon=True, name="flowmill-reap").start()
        await self.listen(results, output)

    def _reap(self, loop: asyncio.AbstractEventLoop) -> None:
        code = _await_exit(self._popen)
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self.exited, code)

    async def end(self) -> None:
        """Kill the process and all that it started, and reap it."""
        killed = kill_family(self.pid, self.token)
        await self.gone()
        self._popen.wait()
        for _ in range(DYING_ROUNDS):
            if not living(killed):
                break
            await asyncio.sleep(DYING_SECONDS)
        await self.deafen()


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
    StartError if the command cannot be started, ProjectError if it must not be tried.
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
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._command = list(command)
        self._cwd = cwd
        self._env = dict(scrubbed_env() if env is None else env)
        self._stdin = stdin
        self._output_bytes = output_bytes
        self._pass_fds = tuple(pass_fds)
        self._process: Process | None = None

    async def start(self) -> Process:
        """Start it; whoever asked ends it. Raises StartError."""
        if os.name != "posix":
            raise ProjectError(
                "running the project's tests needs Linux or macOS so far; this is Windows",
                hint="run flowmill inside WSL",
            )
        token = secrets.token_hex(16)
        popen, results, output = _popen(
            self._command, self._cwd, self._env, self._stdin, token, self._pass_fds
        )
        process = Process(popen, token, Output(self._output_bytes))
        try:
            await process.connect(results, output)
        except BaseException:  # a cancel too must leave no process
            await process.end()
            raise
        return process

    async def __aenter__(self) -> Process:
        self._process = await self.start()
        return self._process

    async def __aexit__(self, *error: object) -> None:
        if self._process is not None:
            await self._process.end()


def _popen(
    command: list[str], cwd: Path, env: dict[str, str], stdin: bytes, token: str, pass_fds: tuple[int, ...]
) -> tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]:
    with file_of(stdin) as given:
        results, results_end = pipe()
        output, output_end = pipe()
        try:
            with results_end, output_end:
                popen = subprocess.Popen(
                    command,
                    cwd=str(cwd),
                    env=env | {TOKEN: token, RESULTS: str(results_end.fileno())},
                    stdin=given,
                    stdout=output_end,
                    stderr=output_end,
                    pass_fds=(results_end.fileno(), *pass_fds),
                    start_new_session=True,
                )
        except OSError as error:
            results.close()
            output.close()
            place = f" in {cwd}" if error.filename == str(cwd) else ""
            raise StartError(f"{command[0]} cannot be started{place}: {error.strerror}") from error
    return popen, results, output


def file_of(data: bytes) -> IO[bytes]:
    """A file rather than a pipe: writing it cannot block on a child that does not read."""
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        file.write(data)
        file.seek(0)
    except OSError as error:
        where = tempfile.gettempdir()
        raise ProjectError(f"no scratch file can be written in {where}: {error.strerror}") from error
    return file


def pipe() -> tuple[IO[bytes], IO[bytes]]:
    read, write = os.pipe()
    return os.fdopen(read, "rb", 0), os.fdopen(write, "wb", 0)
