"""The network, other processes and the machine's resources, reached for from inside the sandbox."""

from __future__ import annotations

import os
import secrets
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from doubles.confined import USERS, WORKS, Place, needs, sandboxes


@pytest.fixture(scope="module", params=USERS)
def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    yield from sandboxes(request.param, tmp_path_factory)


@pytest.fixture
def listeners(tmp_path: Path) -> Iterator[dict[str, object]]:
    """Sockets of ours that nobody in a sandbox may reach; whoever does fails the test."""
    with ExitStack() as stack:
        kinds = {
            "tcp": (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            "udp": (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            "unix": (socket.AF_UNIX, socket.SOCK_STREAM, os.path.relpath(tmp_path / "s")),
            "abstract": (socket.AF_UNIX, socket.SOCK_STREAM, f"\0{secrets.token_hex(8)}"),
        }
        ours = {name: stack.enter_context(socket.socket(*kind[:2])) for name, kind in kinds.items()}
        for name, (_, kind, address) in kinds.items():
            ours[name].bind(address)
            if kind == socket.SOCK_STREAM:
                ours[name].listen()
        addresses: dict[str, object] = {name: ours[name].getsockname() for name in ("tcp", "udp")}
        yield addresses | {"unix": str(tmp_path / "s"), "abstract": ours["abstract"].getsockname().decode()}
        assert select.select(list(ours.values()), [], [], 0)[0] == []


# ------------------------------------------------------------------ network
SOCKETS = {
    "tcp": "socket.create_connection(tuple(tcp))",
    "udp": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', tuple(udp))",
    "tcp 6": "socket.socket(socket.AF_INET6)",
    "unix": "socket.socket(socket.AF_UNIX).connect(unix)",
    "abstract": "socket.socket(socket.AF_UNIX).connect(abstract)",
    "pair": "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b'x', unix)",
    "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "packets": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "raw": "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    "machine": "socket.socket(40, socket.SOCK_STREAM)",
    "server": "socket.create_server(('127.0.0.1', 0))",
}


@pytest.mark.parametrize("code", SOCKETS.values(), ids=SOCKETS)
def test_the_network_is_closed(sandbox: Place, code: str, listeners: dict[str, object]) -> None:
    needs("seccomp")
    assert sandbox.run(code, given=listeners).error == "PermissionError"


def test_loopback_is_a_network_of_its_own(sandbox: Place, listeners: dict[str, object]) -> None:
    needs("seccomp")
    code = """
with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as one:
    other = server.accept()[0]
    one.sendall(b"over")
    result = [other.recv(9).decode()]
    other.close()
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    udp.bind(("127.0.0.1", 0))
    udp.sendto(b"datagram", udp.getsockname())
    result.append(udp.recv(9).decode())
with open("/proc/self/net/dev") as file:
    result += [line.split(":")[0].strip() for line in file.readlines()[2:]]
for reach in (lambda: socket.create_connection(tuple(tcp)), lambda: socket.create_connection(("192.0.2.1", 80))):
    try:
        reach()
    except OSError as error:
        result.append(type(error).__name__)
"""
    answer = sandbox.run(code, given=listeners, network="loopback")
    if WORKS["network namespace"] or "network namespace" not in answer.layers:
        assert answer.error == "PermissionError"
        pytest.skip(f"stays closed, since there is no network namespace ({WORKS['network namespace']})")
    assert answer.value == ["over", "datagram", "lo", "ConnectionRefusedError", "OSError"]
    for name in ("unix", "abstract"):
        assert sandbox.run(SOCKETS[name], given=listeners, network="loopback").error == "PermissionError"


def test_a_user_stays_who_he_is_in_a_network_of_his_own(sandbox: Place) -> None:
    code = (
        "result = [os.getuid(), os.getgid(), os.stat(scratch).st_uid]; open(scratch + '/mine', 'w').close()"
    )
    plain, apart = sandbox.run(code), sandbox.run(code, network="loopback")
    assert plain.value == apart.value
    assert (sandbox.base / "scratch/mine").stat().st_uid == plain.value[0]


# ------------------------------------------------------------------ processes
STARTS = {
    "fork": "os.fork()",
    "shell": "subprocess.run(['true'])",
    "exec": "os.execv('/bin/true', ['true'])",
    "spawn": "os.posix_spawn('/bin/true', ['true'], {})",
    "worker": "multiprocessing.get_context('fork').Process(target=print).start()",
    "pool": "concurrent.futures.ProcessPoolExecutor().submit(print).result()",
    "lock": "multiprocessing.Lock()",
    "bare clone": "r = ctypes.CDLL(None, use_errno=True).syscall(56, 17, 0, 0, 0, 0)\n"
    "if r < 0: raise OSError(ctypes.get_errno(), '')",
}


@pytest.mark.parametrize("code", STARTS.values(), ids=STARTS)
def test_no_process_is_started(sandbox: Place, code: str) -> None:
    needs("seccomp", "landlock")
    assert sandbox.run(code).error == "PermissionError"


OTHERS = {
    "kill": "os.kill(host, 9)",
    "look whether it lives": "os.kill(host, 0)",
    "kill all": "os.kill(-1, 0)",
    "kill a group": "os.killpg(os.getpgid(host), 9)",
    "kill a thread": "if libc.syscall(234, host, host, 9) < 0: raise OSError(ctypes.get_errno(), '')",
    "stop": "os.kill(host, signal.SIGSTOP)",
    "starve": "import resource; resource.prlimit(host, resource.RLIMIT_CPU, (1, 1))",
    "pin": "os.sched_setaffinity(host, {0})",
    "slow": "os.setpriority(os.PRIO_PROCESS, host, 19)",
    "slow all": "os.setpriority(os.PRIO_USER, 0, 1)",
    "slow a group": "os.setpriority(os.PRIO_PGRP, os.getpgid(host), 1)",
    "idle": "os.sched_setscheduler(host, os.SCHED_IDLE, os.sched_param(0))",
    "own a pipe": "fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, host)",
    "hold a file": "fcntl.fcntl(open(base + '/project/source.py'), 1024, fcntl.F_RDLCK)",
    "survive": "if libc.prctl(1, 0, 0, 0, 0) < 0: raise OSError(ctypes.get_errno(), '')",
    "make a device": "os.mknod(scratch + '/disk', 0o60600, os.makedev(254, 0))",
    "change the root": "os.chroot(scratch)",
    "rename the machine": "socket.sethostname('x')",
    "another world": "if libc.unshare(0x10000000) < 0: raise OSError(ctypes.get_errno(), '')",
    "nameless memory": "os.memfd_create('x')",
}


@pytest.mark.parametrize("code", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("processes", [False, True], ids=["alone", "with processes"])
def test_other_processes_and_the_machine_are_out_of_reach(sandbox: Place, code: str, processes: bool) -> None:
    needs("seccomp")
    if processes:
        needs("landlock")
    answer = sandbox.run(f"libc = ctypes.CDLL(None, use_errno=True)\n{code}", processes=processes)
    assert answer.error == "PermissionError", answer.text
    assert sandbox.run("result = 1").value == 1


def test_what_is_started_is_confined_too(sandbox: Place) -> None:
    needs("seccomp", "landlock")
    code = """
command = f"echo x > {base}/outside/new; cat {base}/keys/id; echo y > {scratch}/new; kill -9 {host}; id -u"
done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
result = [done.stdout, done.stderr.count("enied") + done.stderr.count("not permitted")]
"""
    before = sandbox.picture()
    answer = sandbox.run(code, processes=True)
    assert answer.value == [f"{sandbox.base.stat().st_uid}\n", 3], answer.text
    assert sandbox.picture() == before
    assert (sandbox.base / "scratch/new").read_text() == "y\n"


def test_processes_may_be_started_talked_to_and_ended(sandbox: Place) -> None:
    needs("seccomp")
    code = """
ours, theirs = multiprocessing.Pipe()
worker = multiprocessing.get_context("fork").Process(target=lambda: theirs.send(6 * 7))
worker.start()
result = [ours.recv()]
worker.join()
sleeper = subprocess.Popen(["sleep", "60"], start_new_session=True)
sleeper.terminate()
result.append(sleeper.wait())
"""
    answer = sandbox.run(code, processes=True)
    assert answer.value == [42, -signal.SIGTERM], answer.text


def test_a_fork_bomb_ends(sandbox: Place) -> None:
    code = """
children = []
try:
    while len(children) < 60:
        child = os.fork()
        if child == 0:
            signal.pause()
        children.append(child)
except BlockingIOError:
    result = len(children)
for child in children:
    os.kill(child, 9)
    os.waitpid(child, 0)
"""
    answer = sandbox.run(code, processes=True, process_count=20)
    if sandbox.root:
        pytest.skip("the kernel holds root to no number of processes")
    assert answer.value < 40, "the limit counts other processes of this user, which come and go"


# ------------------------------------------------------------------ limits
FLOODS = {
    "memory": ("b'x' * (1 << 31)", "MemoryError"),
    "one file": ("open(scratch + '/big', 'wb').write(bytes(1 << 21))", "OSError"),
    "descriptors": ("[os.dup(1) for _ in range(200)]", "OSError"),
    "higher limits": (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (999, 999))",
        "ValueError",
    ),
    "threads": (
        "threading.stack_size(1 << 28)\nfor _ in range(20): threading.Thread(target=signal.pause, daemon=True).start()",
        "RuntimeError",
    ),
}


@pytest.mark.parametrize("name", FLOODS)
def test_floods_are_dammed(sandbox: Place, name: str) -> None:
    code, error = FLOODS[name]
    assert sandbox.run(code).error == error
    big = sandbox.base / "scratch/big"
    assert not big.exists() or big.stat().st_size <= 1 << 20


def test_a_loop_that_blocks_signals_ends(sandbox: Place) -> None:
    code = "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\nwhile True: pass"
    assert sandbox.run(code, cpu_seconds=0).killed in (signal.SIGXCPU, signal.SIGKILL)


def test_a_crash_leaves_no_core(sandbox: Place) -> None:
    answer = sandbox.run("os.chdir(scratch); os.abort()")
    assert answer.killed == signal.SIGABRT
    assert not list((sandbox.base / "scratch").glob("core*"))
