"""What the parent asks for, and the descriptor that the answers go to."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass


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
    code is; `nonce` is repeated in every line of the report.
    """

    parent: int
    scratch: str
    pycache: str
    write_bytecode: bool
    overlay: dict[str, str]
    files: list[str]
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


def read_order(text: str) -> Order:
    fields = json.loads(text)
    for name in ("goal", "doctest"):
        fields[name] = fields[name] and Goal(**fields[name])
    return Order(**fields)


class Channel:
    """The report. A forked copy of this process has none."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self._descriptor = descriptor
        self._pid = os.getpid()
        self._lock = threading.Lock()

    def mine(self) -> bool:
        return os.getpid() == self._pid

    def send(self, kind: str, **fields: object) -> None:
        if not self.mine():
            return
        data = json.dumps({"k": kind, **fields}).encode("ascii") + b"\n"
        with self._lock:
            while data:
                data = data[os.write(self._descriptor, data) :]
