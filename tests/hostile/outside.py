"""What is planted around the project of an arena, and what of it has been touched."""

from __future__ import annotations

import hashlib
import os
import resource
import secrets
import signal
import socket
import string
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

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
        tops = [top for top in sorted(self.root.iterdir()) if top.name != "tmp"]
        paths = [path for top in tops for path in (top, *sorted(top.rglob("*")))]
        return {str(path.relative_to(self.root)): _state(path) for path in paths}

    def scratches(self) -> list[str]:
        return os.listdir(self.root / "tmp")

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
