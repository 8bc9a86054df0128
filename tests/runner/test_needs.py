"""What the project's own code does that the sandbox would refuse, observed in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowmill.runner.child.needs import is_local
from flowmill.runner.program import program

HOST = """
import json, os, sys, tempfile
sys.path.insert(0, sys.argv[1])
import asyncio, pathlib, shutil, socket, sqlite3, subprocess, threading
from flowmill_child.needs import Observer, observe

def watch(base, code, report):
    for folder in ("scratch/tmp", "inside", "project"):
        os.makedirs(os.path.join(base, folder))
    os.chdir(base + "/project")
    tempfile.tempdir = base + "/scratch/tmp"
    told = []
    observer = observe(lambda kind, detail: told.append((kind, detail)), base + "/scratch", [base + "/inside"])
    exec(code, {**globals(), "base": base, "observer": observer})
    os.write(report, json.dumps([told, observer.unread]).encode())

answers = []
for number, code in enumerate(json.load(sys.stdin)):
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            watch(os.path.join(os.path.realpath(sys.argv[2]), str(number)), code, writing)
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as report:
        answers.append(json.loads(report.read() or "null"))
    os.wait()
print(json.dumps(answers))
"""
Told = list[tuple[str, str]]


def watch(folder: Path, codes: list[str]) -> list[Told]:
    """The needs of each of these codes, run in processes of their own; paths count from where each one runs."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", HOST, str(program(folder / "program")), str(folder)],
        input=json.dumps(codes),
        capture_output=True,
        text=True,
        check=True,
    )
    told: list[Told] = []
    for number, answer in enumerate(json.loads(done.stdout)):
        assert answer is not None, done.stderr
        needs, unread = answer
        assert unread == 0
        base = os.path.join(os.path.realpath(folder), str(number), "")
        told.append([(kind, detail.replace(base, "")) for kind, detail in needs])
    return told


NEEDS = {
    "server": (
        "with socket.create_server(('127.0.0.1', 0)) as s, socket.create_connection(s.getsockname()): pass",
        {
            ("loopback", "makes a socket"),
            ("loopback", "listens on 127.0.0.1"),
            ("loopback", "connects to 127.0.0.1"),
        },
    ),
    "datagram": (
        "with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s: s.sendto(b'x', ('127.0.0.1', 9))",
        {("loopback", "makes a socket"), ("loopback", "sends to 127.0.0.1")},
    ),
    "internet": (
        "with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:\n"
        "    try: s.connect(('192.0.2.1', 9))\n"
        "    except OSError: pass",
        {("loopback", "makes a socket"), ("internet", "connects to 192.0.2.1")},
    ),
    "name": (
        "try: socket.getaddrinfo('nobody.invalid', 80)\nexcept OSError: pass",
        {("internet", "looks up nobody.invalid")},
    ),
    "own name": ("socket.getaddrinfo('localhost', 80), socket.getaddrinfo(None, 80)", set[tuple[str, str]]()),
    "unix": (
        "with socket.socket(socket.AF_UNIX) as s: s.bind('s'); s.listen(); socket.socket(socket.AF_UNIX).connect('s')",
        {("unix", "listens on s"), ("unix", "connects to s")},
    ),
    "abstract": (
        "with socket.socket(socket.AF_UNIX) as s:\n    try: s.connect('\\0x')\n    except OSError: pass",
        {("unix", "connects to @x")},
    ),
    "command": ("subprocess.run(['/bin/true'])", {("processes", "starts true")}),
    "shell": ("subprocess.run('true', shell=True)", {("processes", "starts sh")}),
    "system": ("os.system('true --x')", {("processes", "starts true")}),
    "fork": ("os.fork() or os._exit(0)", {("processes", "forks")}),
    "spawn": ("os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)", {("processes", "starts true")}),
    "new file": ("open('new', 'w').close()", {("write", "project/new")}),
    "descriptor": ("os.close(os.open('new', os.O_CREAT | os.O_RDWR))", {("write", "project/new")}),
    "many writes": ("for _ in range(9): open('new', 'a').close()", {("write", "project/new")}),
    "pathlib": ("pathlib.Path('new').write_text('x')", {("write", "project/new")}),
    "folders": (
        "os.makedirs('a/b', exist_ok=True); os.makedirs('a/b', exist_ok=True); shutil.rmtree('a')",
        {("write", "project/a"), ("write", "project/a/b")},
    ),
    "rename out": (
        "open(base + '/scratch/x', 'w').close(); os.rename(base + '/scratch/x', 'x')",
        {("write", "project/x")},
    ),
    "change": (
        "open(base + '/made', 'w').close(); os.chmod(base + '/made', 0o600); os.truncate(base + '/made', 0)",
        {("write", "made")},
    ),
    "link": ("os.symlink('nothing', 'link')", {("write", "project/link")}),
    "database": (
        "sqlite3.connect('db').close(); sqlite3.connect(':memory:').close()",
        {("write", "project/db")},
    ),
    "link that leads out": (
        "os.symlink(base + '/project', base + '/scratch/out'); open(base + '/scratch/../project/new', 'w').close()",
        {("write", "project/new")},
    ),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    codes = [code for code, _ in NEEDS.values()]
    return dict(zip(NEEDS, watch(tmp_path_factory.mktemp("needs"), codes), strict=True))


@pytest.mark.parametrize("name", NEEDS)
def test_what_a_closed_sandbox_would_refuse_is_told_once(told: dict[str, Told], name: str) -> None:
    assert len(told[name]) == len(set(told[name]))
    assert set(told[name]) == NEEDS[name][1]


HARMLESS = """
open(base + "/scratch/x", "w").close(), open(base + "/inside/x", "w").close(), open(os.devnull, "w").close()
os.remove(base + "/scratch/x")
with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile(), tempfile.TemporaryFile():
    pathlib.Path(folder, "x").write_text("x")
    shutil.copy2(folder + "/x", folder + "/y")
    shutil.rmtree(folder + "/z", ignore_errors=True)
open(os.devnull, "rb").close(), os.listdir("/"), os.stat("/etc")
one, other = socket.socketpair()
one.close(), other.close()
asyncio.run(asyncio.sleep(0))
thread = threading.Thread(target=int)
thread.start(), thread.join()
os.makedirs("__pycache__"), open("__pycache__/x.pyc", "wb").close()
try:
    os.remove("not there")
except FileNotFoundError:
    pass
try:
    open(b"\\xff/x").close()
except OSError:
    pass
open(os.open(os.devnull, os.O_WRONLY), "w").close()
"""


BROKEN = """
def broken(kind, detail):
    raise ValueError(kind)
other = Observer(broken, base, [])
sys.addaudithook(other.hear)
subprocess.run(["true"])
other.hear("socket.connect", ())
assert other.unread == 2, other.unread
"""


def test_it_tells_nothing_harmless_raises_nothing_and_is_cut_when_it_is_too_much(tmp_path: Path) -> None:
    flood = "for i in range(400): open(f'f{i}', 'w').close()"
    harmless, broken, many = watch(tmp_path, [HARMLESS, BROKEN, flood])
    assert harmless == []
    assert broken == [("processes", "starts true")]
    assert len(many) == 300


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::1%lo", True),
        ("localhost", True),
        ("app.localhost", True),
        ("", True),
        ("0.0.0.0", True),
        ("::", True),
        ("192.168.0.1", False),
        ("8.8.8.8", False),
        ("example.org", False),
        ("<broadcast>", False),
    ],
)
def test_which_hosts_are_local(host: str, local: bool) -> None:
    assert is_local(host) is local
