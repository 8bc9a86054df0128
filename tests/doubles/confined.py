"""Runs snippets in confined copies of a process, as the warm runner will, by root or by an ordinary user."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flowmill.runner.child.confine import probe
from flowmill.runner.program import program

STRANGER = 61234
"""An uid that nobody has."""

HOST = r"""
import json, os, sys, tempfile, time, traceback
sys.path.insert(0, sys.argv[1])
import asyncio, concurrent.futures, ctypes, fcntl, logging, multiprocessing, shutil, signal, socket
import subprocess, threading, importlib.metadata
from flowmill_child.confine import Confiner, Policy

confiner = Confiner()


def run(order, report):
    told = {"value": None, "error": "", "errno": 0, "layers": [], "text": ""}
    space = {**globals(), "report": report, "host": os.getppid(), **order["given"]}
    try:
        exec(order["before"], space)
        began = time.perf_counter()
        policy = Policy.read(order["policy"])
        told["layers"] = confiner.confine(policy, parent=os.getppid(), keep=[report])
        told["seconds"] = time.perf_counter() - began
        tempfile.tempdir = order["policy"]["writable"][0]
        exec(order["code"], space)
        told["value"] = space.get("result")
    except BaseException as error:
        told["error"], told["errno"] = type(error).__name__, getattr(error, "errno", 0) or 0
        told["text"] = traceback.format_exc()
    os.write(report, json.dumps(told, default=repr).encode())
    os._exit(0)


for line in sys.stdin:
    order = json.loads(line)
    confiner.prepare(Policy.read(order["policy"]))
    reading, writing = os.pipe()
    copy = os.fork()
    if copy == 0:
        os.close(reading)
        run(order, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        answer = file.read()
    status = os.waitpid(copy, 0)[1]
    print(json.dumps({"status": status, "told": answer.decode()}), flush=True)
"""


@dataclass(frozen=True)
class Answer:
    """What became of a snippet: `result` if it set that, or the exception; `killed` is a signal's number."""

    value: Any
    error: str
    errno: int
    layers: tuple[str, ...]
    killed: int
    text: str
    seconds: float


@dataclass
class Place:
    """A user's files around a sandbox: a project to read, a scratch folder to write, secrets elsewhere."""

    base: Path
    root: bool
    python: str
    process: subprocess.Popen[str] = field(init=False)

    def build(self, owner: int) -> None:
        self.base.chmod(0o755)
        for folder in ("scratch", "project/package", "outside/empty", "keys"):
            (self.base / folder).mkdir(parents=True)
        for name in (
            "project/source.py",
            "project/.env",
            "project/package/module.py",
            "outside/file",
            "keys/id",
        ):
            (self.base / name).write_text(f"secret = {name!r}\n")
        if owner != os.geteuid():
            for path in [self.base, *self.base.rglob("*")]:
                os.chown(path, owner, owner)
        packed = program(self.base / "program")
        (self.base / "program").chmod(0o755)
        packed.chmod(0o644)
        self.process = subprocess.Popen(
            [self.python, "-I", "-W", "error", "-c", HOST, str(packed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.base / "project",
            env={
                "PATH": os.defpath,
                "LANG": "C.UTF-8",
                "XDG_RUNTIME_DIR": "/run/user/1",
                "OPENAI_API_KEY": "sk-1",
            },
            start_new_session=True,
            user=owner if os.geteuid() == 0 else None,
            group=owner if os.geteuid() == 0 else None,
            extra_groups=[] if os.geteuid() == 0 else None,
        )

    def policy(self, **changes: object) -> dict[str, object]:
        prefixes = {
            str(Path(self.python).resolve().parents[1]),
            sys.base_prefix,
            sys.prefix,
            "/usr",
            "/lib",
            "/lib64",
            "/etc",
            "/bin",
        }
        policy: dict[str, object] = {
            "readable": [*sorted(prefixes), str(self.base / "project"), str(self.base / "program")],
            "hidden": ["/etc/shadow", str(self.base / "project/.env")],
            "writable": [str(self.base / "scratch")],
            "home": str(self.base / "scratch/home"),
            "network": "none",
            "processes": False,
            "memory_bytes": 1 << 30,
            "file_bytes": 1 << 20,
            "open_files": 128,
            "cpu_seconds": 20,
            "process_count": 64,
            "require": [],
        }
        return policy | changes

    def run(
        self, code: str, *, before: str = "", given: Mapping[str, object] | None = None, **changes: object
    ) -> Answer:
        """Run `before` in a copy of the host, confine it, and run `code` in it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        paths = {"base": str(self.base), "scratch": str(self.base / "scratch"), **(given or {})}
        order = {"policy": self.policy(**changes), "code": code, "before": before, "given": paths}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the host of the sandbox is gone"
        reply = json.loads(line)
        killed = os.WTERMSIG(reply["status"]) if os.WIFSIGNALED(reply["status"]) else 0
        told: dict[str, Any] = json.loads(reply["told"] or "{}")
        return Answer(
            told.get("value"),
            told.get("error", ""),
            told.get("errno", 0),
            tuple(told.get("layers", ())),
            killed,
            told.get("text", ""),
            told.get("seconds", 0.0),
        )

    def picture(self) -> dict[str, tuple[int, int, int, float, bytes]]:
        """All that a draft must not change."""
        seen: dict[str, tuple[int, int, int, float, bytes]] = {}
        for top in ("project", "outside", "keys"):
            for path in [self.base / top, *sorted((self.base / top).rglob("*"))]:
                found = path.lstat()
                data = path.read_bytes() if path.is_file() else b""
                seen[str(path)] = (found.st_mode, found.st_uid, found.st_nlink, found.st_mtime, data)
        return seen


def usable_python(owner: int) -> str | None:
    """An interpreter with ctypes that this user can start; an ordinary one has no way into root's home."""
    mine = os.geteuid() == owner
    for python in (sys.executable, shutil.which("python3", path=os.defpath) or ""):
        try:
            subprocess.run(
                [python, "-I", "-c", "import ctypes"],
                check=True,
                capture_output=True,
                cwd="/",
                user=None if mine else owner,
                group=None if mine else owner,
                extra_groups=None if mine else [],
            )
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    return None


@contextmanager
def place(base: Path, owner: int, python: str) -> Generator[Place]:
    made = Place(base, owner == 0, python)
    made.build(owner)
    with made.process:
        try:
            yield made
        finally:
            made.process.kill()


USERS = ("root", "ordinary")
WORKS = probe()
"""What keeps each layer from working here, "" if nothing does."""


def sandboxes(user: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The body of a module's fixture: a place of root's or of an ordinary user's, or a skip."""
    me = os.geteuid()
    if not sys.platform.startswith("linux"):
        pytest.skip("the sandbox's layers are Linux's")
    if user == "root" and me != 0:
        pytest.skip("the tests do not run as root")
    owner = 0 if user == "root" else STRANGER if me == 0 else me
    python = usable_python(owner)
    if python is None:
        pytest.skip("there is no interpreter that an ordinary user can start")
    if owner == me:
        with place(tmp_path_factory.mktemp("sandbox"), owner, python) as made:
            yield made
        return
    # The folders of pytest are closed to other users.
    with (
        tempfile.TemporaryDirectory(prefix="flowmill-test-") as base,
        place(Path(base), owner, python) as made,
    ):
        yield made


def needs(*layers: str) -> None:
    """Skip the test where one of these layers does not work."""
    for layer in layers:
        if WORKS[layer]:
            pytest.skip(f"{layer}: {WORKS[layer]}")
