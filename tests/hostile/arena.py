"""Judges hostile drafts as flowmill would, beside things that they must not get at, and tells what they did.

Started by test_hostile.py as the user that it is about, with a folder of its own. It takes
drafts as JSON lines on stdin and answers each with a JSON line: the verdict, and every
effect that was seen outside of the sandbox.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import resource
import secrets
import signal
import socket
import string
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flowmill.runner import wire
from flowmill.shapes import Collected, Project, RunEnd, Target, TestLimits, TestOrder, TestResult
from hostile.paths import ELSEWHERE, open_runner

SOURCE = '''\
"""Sums."""

$HEAD
def add(a, b):
    """The sum of both."""
$BODY


def untouched():
    return 7
'''
TESTS = """\
import unittest

import pytest

import calc

EXPECTED = {(100, 11): 111}


def test_small():
    assert calc.add(1, 2) == 3


@pytest.mark.parametrize("a, b, total", [(20, 22, 42), (-1, 1, 0)])
def test_pairs(a, b, total):
    assert calc.add(a, b) == total


def test_table():
    for (a, b), total in EXPECTED.items():
        assert calc.add(a, b) == total


class TestUnit(unittest.TestCase):
    def test_unit(self):
        self.assertEqual(calc.add(2, 2), 4)


def test_refuses():
    with pytest.raises(TypeError):
        calc.add(1, "one")
"""
STUB = "    raise NotImplementedError"
HONEST = "    return a + b"
LIMITS = TestLimits(run_seconds=15.0, test_seconds=0.5, timeouts=1, output_bytes=200_000)


@dataclass
class Answer:
    """What a draft came to. `effects` are those outside of the sandbox, in words; none are allowed."""

    outcomes: dict[str, str] = field(default_factory=dict[str, str])
    problem: str | None = None
    detail: str = ""
    doubt: str = ""
    layers: list[str] = field(default_factory=list[str])
    path: str = ""
    slower: str = ""
    effects: list[str] = field(default_factory=list[str])
    texts: str = ""
    """All that flowmill was told and would show: messages, details and the run's own words."""

    @property
    def trusted_pass(self) -> bool:
        fine = bool(self.outcomes) and set(self.outcomes.values()) == {"passed"}
        return fine and self.problem is None and not self.doubt


class Outside:
    """What is planted around the project: files, keys, sockets, and this process itself."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.secret = os.environ["FLOWMILL_API_KEY"]
        self.mark = f"mark-{secrets.token_hex(8)}"
        self._plant()
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self._unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # A path that is too long for a socket has a short one through the working directory.
        os.chdir(root)
        self._unix.bind("outside/socket")
        self._unix.listen()
        self._abstract = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._abstract.bind(f"\0{self.mark}")
        self._abstract.listen()
        for listening in (self._tcp, self._udp, self._unix, self._abstract):
            listening.setblocking(False)
        self.signals: list[str] = []
        for number in (signal.SIGUSR1, signal.SIGWINCH):
            signal.signal(number, lambda got, _: self.signals.append(signal.Signals(got).name))
        self._limits = resource.getrlimit(resource.RLIMIT_NOFILE)

    def _plant(self) -> None:
        home = self.root / "home"
        for name, text in {
            "home/.ssh/id_ed25519": self.secret,
            "home/.aws/credentials": f"[default]\naws_secret_access_key = {self.secret}\n",
            "home/.config/flowmill/config.toml": f'api_key = "{self.secret}"\n',
            "home/.netrc": f"machine a login b password {self.secret}\n",
            "outside/file": "as it was\n",
            "outside/folder/file": "as it was\n",
            "project/calc.py": self.source(STUB),
            "project/test_calc.py": TESTS,
            "project/pytest.ini": "[pytest]\n",
        }.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        os.environ["HOME"] = str(home)

    def source(self, body: str, head: str = "") -> str:
        return string.Template(SOURCE).substitute(HEAD=head + "\n", BODY=body)

    def filled(self, text: str) -> str:
        """The draft with the places and numbers that it is after."""
        return string.Template(text).safe_substitute(
            ROOT=self.root,
            MARK=self.mark,
            ARENA=os.getpid(),
            TCP=self._tcp.getsockname()[1],
            UDP=self._udp.getsockname()[1],
            NAME_MAX=200,
        )

    def files(self) -> dict[str, str]:
        """Every file and folder with its content, kind and permissions; scratch folders apart."""
        return {
            str(path.relative_to(self.root)): _state(path)
            for path in _walk(self.root)
            if _counts(path, self.root)
        }

    def received(self) -> list[str]:
        """What came in by the sockets, and signals and limits that reached this process."""
        found: list[str] = []
        for name in ("_tcp", "_unix", "_abstract"):
            with suppress(BlockingIOError):
                while True:
                    getattr(self, name).accept()[0].close()
                    found.append(f"a connection to the {name[1:]} socket")
        with suppress(BlockingIOError):
            while True:
                self._udp.recv(100)
                found.append("a datagram")
        found += [f"signal {name}" for name in self.signals]
        self.signals.clear()
        if resource.getrlimit(resource.RLIMIT_NOFILE) != self._limits:
            found.append("other limits for this process")
        return found


def _walk(root: Path) -> list[Path]:
    return sorted(root.rglob("*"))


def _counts(path: Path, root: Path) -> bool:
    return path.relative_to(root).parts[0] != "tmp" or path.parent == root / "tmp"


def _state(path: Path) -> str:
    told = path.lstat()
    content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    return f"{told.st_mode:o} {told.st_nlink if path.is_file() else ''} {told.st_uid} {content}"


@dataclass(frozen=True)
class Seen:
    """A living process: what it says of itself, and how many filters lie between it and the kernel."""

    words: str
    filters: int


def processes() -> dict[int, Seen]:
    """Every living process that sees the same files; other arenas may use the same names for others."""
    return {int(e): seen for e in os.listdir("/proc") if e.isdigit() and (seen := _look_at(Path("/proc", e)))}


def _look_at(place: Path) -> Seen | None:
    with suppress(OSError):
        if os.readlink(place / "ns" / "mnt") != os.readlink("/proc/self/ns/mnt"):
            return None
        lines = dict(
            line.split(":\t", 1) for line in (place / "status").read_text().splitlines() if ":\t" in line
        )
        if lines["State"][0] not in "ZX":
            said = [(place / name).read_bytes() for name in ("cmdline", "environ")]
            words = f"{os.readlink(place / 'cwd')} {b' '.join(said).decode(errors='replace')}"
            return Seen(words, int(lines.get("Seccomp_filters", "0")))
    return None


class Arena:
    def __init__(self, root: Path, path: str) -> None:
        self._outside = Outside(root)
        self._path = path
        python = Path(sys.executable)
        self._runner = open_runner(path, Project(root / "project", python, "--python"), root / "cache")
        self._file = root / "project" / "calc.py"

    async def begin(self) -> Answer:
        """A run of the code as it stands, and one of an honest draft: from then on nothing may change."""
        await self._run(self._outside.source(STUB), untrusted=False)
        return await self._run(self._drafted(HONEST))

    def _drafted(self, body: str, head: str = "") -> str:
        return self._outside.filled(self._outside.source(body, head)) + ELSEWHERE.get(self._path, "")

    async def judge(self, body: str, head: str) -> Answer:
        before, running = self._outside.files(), processes()
        answer = await self._run(self._drafted(body, head))
        after = self._outside.files()
        answer.effects += [
            f"changed: {name}"
            for name in sorted(before.keys() | after.keys())
            if before.get(name) != after.get(name)
        ]
        answer.effects += self._outside.received()
        answer.effects += self._survivors(running)
        if self._outside.secret in answer.texts:
            answer.effects.append("a secret in the report")
        if self._outside.mark in answer.texts:
            answer.effects.append("it tells that it got through")
        return answer

    def _survivors(self, before: dict[int, Seen]) -> list[str]:
        now = processes()
        free = now[os.getpid()].filters
        marks = (self._outside.mark, str(self._outside.root))
        return [
            f"a process survived: {pid} {seen.words[:200]}"
            for pid, seen in now.items()
            if pid not in before
            and any(mark in seen.words for mark in marks)
            # A runner that loads tests ahead may have begun another process for it, which is not shut in.
            and (self._path == "cold" or seen.filters > free or self._outside.mark in seen.words)
        ]

    async def _run(self, text: str, *, untrusted: bool = True) -> Answer:
        # What traces is the user's own code: a runner that loads the tests ahead does it then.
        trace = None if untrusted else _target(self._file, text)
        order = TestOrder(
            {self._file: text.encode()}, ("test_calc.py",), trace=trace, untrusted=untrusted, limits=LIMITS
        )
        answer = Answer()
        texts: list[str] = []
        async for message in self._runner.run(order):
            if isinstance(message, TestResult):
                answer.outcomes[message.id.partition("::")[2]] = message.outcome
                texts += [message.message, message.details]
            elif isinstance(message, Collected):
                texts += [test.id for test in message.tests]
            else:
                _end(answer, message)
        answer.texts = "\n".join([*texts, answer.detail, answer.doubt])[: 20 * wire.DETAIL_CHARS]
        return answer

    async def serve(self) -> None:
        _say(asdict(await self.begin()))
        while line := await asyncio.to_thread(sys.stdin.readline):
            asked: dict[str, Any] = json.loads(line)
            _say(asdict(await self.judge(asked["body"], asked["head"])))
        await self._runner.aclose()


def _target(file: Path, text: str) -> Target:
    start = text.splitlines().index("def add(a, b):") + 1
    return Target(file, "add", start, start + 2)


def _end(answer: Answer, end: RunEnd) -> None:
    answer.problem, answer.detail, answer.doubt = end.problem, end.detail, end.doubt
    answer.layers, answer.path, answer.slower = list(end.layers), end.path, end.slower


def _say(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(Arena(Path(sys.argv[1]), sys.argv[2]).serve())
