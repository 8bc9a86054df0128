"""What the parent asks for, and the descriptor that the answers go to."""

from __future__ import annotations

import base64
import json
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

HELD_SECONDS = 0.05
"""How late the phase of a test may be told: to wake the reader takes longer than many a phase."""


@dataclass(frozen=True)
class Goal:
    """The function under work; `start` and `end` are its lines in the user's text."""

    file: str
    qualname: str
    start: int
    end: int


@dataclass(frozen=True)
class Order:
    """What the parent asks; see its `TestOrder`. `only` restricts a second process to what is left.

    `policy` confines the run (see confine.py), None leaves it as free as the user's own
    code is; `nonce` is repeated in every line of the report. `swap` is what to put into
    code that was loaded before (see swap.py), `warden` says that the run may leave
    processes behind. `zygote` asks for a process that waits, "bare" or "collected" (see
    zygote.py); a `single` one can be used once; it imports `preload` before it waits. With
    `awaits` the run begins when its draft comes, over descriptors of its own (see draft.py).
    """

    parent: int
    scratch: str
    pycache: str
    write_bytecode: bool
    overlay: dict[str, str]
    files: list[str] | None
    keep: list[str]
    only: list[str] | None
    goal: Goal | None
    doctest: Goal | None
    trace: bool
    made: str | None
    test_seconds: float
    census: bool = False
    policy: dict[str, object] | None = None
    canary: bool = False
    nonce: str = ""
    swap: dict[str, Any] | None = None
    warden: bool = False
    zygote: str = ""
    single: bool = False
    preload: Sequence[str] = ()
    awaits: bool = False

    def files_of_overlay(self) -> dict[str, bytes]:
        return {path: base64.b64decode(data) for path, data in self.overlay.items()}


def read_order(text: str) -> Order:
    fields = json.loads(text)
    for name in ("goal", "doctest"):
        fields[name] = fields[name] and Goal(**fields[name])
    return Order(**fields)


class Channel:
    """The report, each line with the mark of this run. A forked copy of this process has none.

    What is `held` goes out together with the next line that is not; `mute` lines are dropped.
    """

    def __init__(self, descriptor: int, nonce: str = "") -> None:
        os.set_inheritable(descriptor, False)
        self.descriptor = descriptor
        self._mark = {"n": nonce} if nonce else {}
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._held: list[bytes] = []
        self._sent = 0.0
        self.mute = False
        # Kept, since a test may have put something in the place of what the module has, as pyfakefs does.
        self._write, self._clock = os.write, time.monotonic

    def mine(self) -> bool:
        return os.getpid() == self._pid

    def hold(self, kind: str, /, **fields: object) -> None:
        """Send this with the next line, which follows soon: every write wakes the reader up."""
        if not self.mute and self.mine():
            line = self._line(kind, fields)
            with self._lock:
                self._held.append(line)

    def hold_briefly(self, kind: str, /, **fields: object) -> None:
        """Send it now only if nothing has been sent for a while: the reader learns of it that late at most."""
        (self.hold if self._clock() - self._sent < HELD_SECONDS else self.send)(kind, **fields)

    def send(self, kind: str, /, **fields: object) -> None:
        if self.mute or not self.mine():
            return
        line = self._line(kind, fields)
        with self._lock:
            data, self._held, self._sent = b"".join((*self._held, line)), [], self._clock()
            while data:
                data = data[self._write(self.descriptor, data) :]

    def close(self) -> None:
        """There is no more; the reader need not wait for the end of this process."""
        with self._lock:
            os.close(self.descriptor)

    def _line(self, kind: str, fields: dict[str, object]) -> bytes:
        return json.dumps({"k": kind, **self._mark, **fields}).encode("ascii") + b"\n"
