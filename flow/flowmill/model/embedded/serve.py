"""The guard: the outer process of a server, which ends it as soon as nobody uses it.

It starts the engine, tells in the state file where it listens, and ten times a
second tries to take the lease alone. It never blocks in native code, so it can do
that, and answer a signal, even while the model is loading. Order on stdin.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any, cast

from flowmill.model.embedded.diagnosis import diagnose
from flowmill.model.embedded.lease import Listening, MeetingPlace

POLL = 0.1
LOG_TAIL = 20_000
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class GuardOrder:
    """Which command is the engine, the line it reads, and the inherited `alive` lock."""

    folder: str
    command: list[str]
    model: str
    api_key: str
    engine_line: str
    alive_fd: int

    def to_line(self) -> str:
        return json.dumps(asdict(self)) + "\n"


def main() -> int:
    signal.signal(signal.SIGTERM, _leave)
    order = GuardOrder(**json.loads(sys.stdin.readline()))
    place = MeetingPlace(Path(order.folder))
    with place.last_call() as lease, _engine(order, place) as engine:
        offset = place.log.stat().st_size
        while not lease.take():
            if not _listen(order, place, engine):
                place.write(diagnose(engine.wait(), _tail(place, offset), place.log, order.model))
                return 1
            place.cap_log()
        place.forget()
    return 0


@contextmanager
def _engine(order: GuardOrder, place: MeetingPlace) -> Generator[subprocess.Popen[bytes]]:
    """The engine's process, gone for certain at the end."""
    log = place.open_log()
    os.dup2(log, 2)
    engine = subprocess.Popen(
        order.command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        pass_fds=(order.alive_fd,),
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )
    try:
        assert engine.stdin
        _offer_to_oom_killer(engine.pid)
        with engine.stdin as pipe:
            pipe.write(order.engine_line.encode())
        yield engine
    finally:
        engine.kill()
        engine.wait()


def _listen(order: GuardOrder, place: MeetingPlace, engine: subprocess.Popen[bytes]) -> bool:
    """Spend one poll; True while the engine lives."""
    pipe = cast("IO[bytes]", engine.stdout)
    if pipe.closed:
        time.sleep(POLL)
        return engine.poll() is None
    if select.select([pipe], [], [], POLL)[0]:
        line = pipe.readline()
        if not line:
            return False
        said: dict[str, Any] = json.loads(line)
        place.write(Listening(said["base_url"], order.api_key, os.getpid()))
        pipe.close()
    return True


def _tail(place: MeetingPlace, offset: int) -> str:
    """What the engine logged since it started, at most the last part."""
    data = place.log.read_bytes()
    return data[offset:][-LOG_TAIL:].decode(errors="replace")


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _offer_to_oom_killer(pid: int) -> None:
    """When memory runs out the model goes first, not the user's editor."""
    try:
        Path(f"/proc/{pid}/oom_score_adj").write_text("500")
    except OSError:
        return


if __name__ == "__main__":
    sys.exit(main())
