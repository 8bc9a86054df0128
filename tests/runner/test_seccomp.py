"""The filter, run here instruction by instruction for both machines, and for real on this one."""

from __future__ import annotations

import errno
import os
import platform
import signal
import socket
import stat
import struct
from collections.abc import Iterator

import pytest

from doubles.confined import USERS, Place, sandboxes
from flowmill.runner.child import seccomp
from flowmill.runner.child.seccomp import Limits, address_to, assemble
from flowmill.runner.child.syscalls import ARCHITECTURES, LATEST, numbers

OWN, PARENT = 4711, 815
CLOSED = Limits(network=False, processes=False, landlock=7)
MACHINES = tuple(ARCHITECTURES)
ALLOWED = -1


def decide(
    machine: str, limits: Limits, call: str | int, *arguments: int, architecture: int | None = None
) -> int:
    """The error that the filter answers a call with, ALLOWED if it lets it pass."""
    number = numbers(machine)[call] if isinstance(call, str) else call
    given = [argument & 0xFFFFFFFFFFFFFFFF for argument in arguments] + [0] * (6 - len(arguments))
    data = struct.pack("=IIQ6Q", number, architecture or ARCHITECTURES[machine], 0, *given)
    code = list(struct.iter_unpack("=HBBI", address_to(assemble(machine, limits), OWN, PARENT)))
    taken, at = 0, 0
    while True:
        what, yes, no, value = code[at]
        at += 1
        if what == 0x20:
            taken = struct.unpack_from("=I", data, value)[0]
        elif what == 0x54:
            taken &= value
        elif what == 0x06:
            return ALLOWED if value == 0x7FFF0000 else value & 0xFFFF
        else:
            holds = {
                0x15: taken == value,
                0x25: taken > value,
                0x35: taken >= value,
                0x45: bool(taken & value),
            }
            at += yes if holds[what] else no


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> str:
    return request.param


def test_other_architectures_and_later_calls_are_refused(machine: str) -> None:
    assert decide(machine, CLOSED, 1, architecture=0x40000003) == errno.EPERM
    assert decide(machine, CLOSED, LATEST + 1) == errno.ENOSYS
    if machine == "x86_64":
        assert decide(machine, CLOSED, 0x40000000 | 41) == errno.EPERM


@pytest.mark.parametrize(
    "call", ["openat", "ioctl", "fcntl", "prctl", "kill", "accept", "shutdown", "read", "mkdirat", "futex"]
)
def test_plain_calls_pass(machine: str, call: str) -> None:
    more = {"x86_64": {"read": 0, "mkdirat": 258, "futex": 202, "shutdown": 48}}
    more["aarch64"] = {"read": 63, "mkdirat": 34, "futex": 98, "shutdown": 210}
    number = more[machine].get(call) or numbers(machine).get(call, 0)
    assert decide(machine, CLOSED, number) == ALLOWED


def test_what_is_never_allowed(machine: str) -> None:
    wide = Limits(network=True, processes=True, landlock=7)
    known = [name for name in seccomp.REFUSED if name in numbers(machine)]
    assert len(known) > 70
    assert {decide(machine, wide, name) for name in known} == {errno.EPERM}


def test_every_name_is_in_the_table() -> None:
    named = {*seccomp.REFUSED, *seccomp.MODES_AND_TIMES, *seccomp.OWNERS}
    assert named - set(numbers("x86_64")) == set()


def test_sockets(machine: str) -> None:
    open_network = Limits(network=True, processes=False, landlock=7)
    families = {
        socket.AF_UNIX: errno.EPERM,
        socket.AF_NETLINK: errno.EPERM,
        socket.AF_PACKET: errno.EPERM,
        40: 1,
    }
    for family, error in families.items():
        assert decide(machine, open_network, "socket", family, socket.SOCK_STREAM) == error
    for family in (socket.AF_INET, socket.AF_INET6):
        assert decide(machine, CLOSED, "socket", family) == errno.EPERM
        assert decide(machine, open_network, "socket", family) == ALLOWED
        # The kernel takes an int: what is above its lower half must not matter.
        assert decide(machine, open_network, "socket", family | 1 << 32) == ALLOWED
    assert decide(machine, open_network, "socket", socket.AF_UNIX | 1 << 32) == errno.EPERM
    stream = socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    assert decide(machine, CLOSED, "socketpair", socket.AF_UNIX, stream) == ALLOWED
    assert decide(machine, CLOSED, "socketpair", socket.AF_UNIX, socket.SOCK_DGRAM) == errno.EPERM
    assert decide(machine, CLOSED, "socketpair", socket.AF_INET, stream) == errno.EPERM


@pytest.mark.parametrize("call", ["kill", "tgkill", "rt_sigqueueinfo", "sched_setaffinity", "prlimit64"])
def test_only_itself_may_be_meant(machine: str, call: str) -> None:
    assert decide(machine, CLOSED, call, OWN) == ALLOWED
    assert decide(machine, CLOSED, call, 0) == ALLOWED
    for other in (PARENT, 1, -1, -OWN, -PARENT):
        assert decide(machine, CLOSED, call, other) == errno.EPERM


def test_signals_among_processes_are_left_to_landlock_if_it_can(machine: str) -> None:
    for abi, error in ((6, ALLOWED), (5, errno.EPERM), (0, errno.EPERM)):
        limits = Limits(network=False, processes=True, landlock=abi)
        assert decide(machine, limits, "kill", 99) == ALLOWED
        assert decide(machine, limits, "kill", PARENT) == error
        assert decide(machine, limits, "kill", -PARENT) == error
        assert decide(machine, limits, "kill", -1) == errno.EPERM


def test_starting_threads_and_processes(machine: str) -> None:
    processes = Limits(network=False, processes=True, landlock=7)
    thread, fork, vfork = 0x3D0F00, signal.SIGCHLD, 0x4100 | signal.SIGCHLD
    assert decide(machine, CLOSED, "clone", thread) == ALLOWED
    assert decide(machine, CLOSED, "clone3") == decide(machine, processes, "clone3") == errno.ENOSYS
    for flags in (fork, vfork):
        assert decide(machine, CLOSED, "clone", flags) == errno.EPERM
        assert decide(machine, processes, "clone", flags) == ALLOWED
    for bad in (0x10000000, 0x20000, 0x40000000, 0x80, 0x20000000):
        assert decide(machine, processes, "clone", fork | bad) == errno.EPERM
        assert decide(machine, CLOSED, "clone", thread | bad) == errno.EPERM
    assert decide(machine, processes, "clone", fork | 0x8000) == errno.EPERM
    assert decide(machine, CLOSED, "execve") == errno.EPERM
    assert decide(machine, processes, "execve") == ALLOWED


def test_death_with_the_parent_cannot_be_undone(machine: str) -> None:
    assert decide(machine, CLOSED, "prctl", 1, 0) == errno.EPERM
    assert decide(machine, CLOSED, "prctl", 1, signal.SIGKILL) == ALLOWED
    assert decide(machine, CLOSED, "prctl", 15, 0) == ALLOWED


def test_priorities_of_others(machine: str) -> None:
    for call, process, group, user in (("setpriority", 0, 1, 2), ("ioprio_set", 1, 2, 3)):
        assert (
            decide(machine, CLOSED, call, process, 0)
            == decide(machine, CLOSED, call, process, OWN)
            == ALLOWED
        )
        for which, who in ((process, PARENT), (group, 0), (group, OWN), (user, 0)):
            assert decide(machine, CLOSED, call, which, who) == errno.EPERM


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (0x5401, ALLOWED),  # TCGETS, by which `isatty` asks
        (0x541B, ALLOWED),  # FIONREAD
        (0x5412, errno.EPERM),  # TIOCSTI
        (0x8901, errno.EPERM),  # FIOSETOWN
        (0x40049409, errno.EOPNOTSUPP),  # FICLONE
        (0x40086602, errno.EOPNOTSUPP),  # FS_IOC_SETFLAGS
        (0x40806685, errno.EOPNOTSUPP),  # FS_IOC_ENABLE_VERITY
        (0x5000940E, errno.EOPNOTSUPP),  # BTRFS_IOC_SUBVOL_CREATE
    ],
)
def test_requests_to_files(machine: str, asked: int, error: int) -> None:
    assert decide(machine, CLOSED, "ioctl", 3, asked) == error


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        (stat.S_IFIFO, ALLOWED),
        (stat.S_IFREG, ALLOWED),
        (stat.S_IFBLK, 1),
        (stat.S_IFCHR, 1),
        (stat.S_IFSOCK, 1),
    ],
)
def test_device_files(machine: str, mode: int, error: int) -> None:
    assert decide(machine, CLOSED, "mknodat", 0, 0, mode | 0o600) == error


def test_modes_times_and_owners(machine: str) -> None:
    asked = Limits(network=False, processes=False, landlock=7, asked=True)
    assert {decide(machine, CLOSED, n) for n in seccomp.MODES_AND_TIMES if n in numbers(machine)} == {0}
    assert {decide(machine, CLOSED, n) for n in seccomp.OWNERS if n in numbers(machine)} == {errno.EPERM}
    assert decide(machine, CLOSED, "setxattr") == errno.EOPNOTSUPP
    assert decide(machine, asked, "fchmodat") == decide(machine, asked, "fchownat") == ALLOWED


def test_an_old_landlock_is_helped_with_truncation(machine: str) -> None:
    old = Limits(network=False, processes=False, landlock=2)
    assert decide(machine, old, "truncate") == errno.EPERM
    assert decide(machine, CLOSED, "truncate") == ALLOWED
    assert decide(machine, old, "openat2") == errno.ENOSYS
    assert decide(machine, old, "openat", 0, 0, os.O_RDONLY | os.O_TRUNC | os.O_CLOEXEC) == errno.EPERM
    assert decide(machine, old, "openat", 0, 0, os.O_WRONLY | os.O_TRUNC) == ALLOWED
    assert decide(machine, old, "openat", 0, 0, os.O_RDONLY) == ALLOWED


def test_an_unknown_machine_is_refused() -> None:
    with pytest.raises(KeyError):
        assemble("sparc64", CLOSED)


# ------------------------------------------------------------------ for real
@pytest.fixture(scope="module", params=USERS)
def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    yield from sandboxes(request.param, tmp_path_factory)


@pytest.mark.skipif(platform.machine() not in MACHINES, reason="no filter for this machine")
@pytest.mark.parametrize("processes", [False, True])
def test_the_kernel_answers_as_the_filter_says(sandbox: Place, processes: bool) -> None:
    """Every refused call, made raw with empty arguments, and some that a library would not let us make."""
    table = numbers(platform.machine())
    calls = {name: table[name] for name in seccomp.REFUSED if name in table}
    extra = {"clone3": table["clone3"], "later": LATEST + 1, "far": 10_000}
    if platform.machine() == "x86_64":
        extra["x32"] = 0x40000000 | 39
    code = """
libc = ctypes.CDLL(None, use_errno=True)
result = {}
for name, number in calls.items():
    ctypes.set_errno(0)
    answer = libc.syscall(number, 0, 0, 0, 0, 0, 0)
    result[name] = ctypes.get_errno() if answer == -1 else f"answers {answer}"
"""
    answer = sandbox.run(code, given={"calls": calls | extra}, processes=processes)
    assert answer.value.pop("x32", errno.EPERM) == errno.EPERM
    assert {answer.value.pop(name) for name in ("clone3", "later", "far")} == {errno.ENOSYS}
    assert {name for name, error in answer.value.items() if error != errno.EPERM} == set()


def test_threads_that_are_started_later_have_the_filter(sandbox: Place) -> None:
    code = """
def work():
    try:
        os.fork()
    except PermissionError:
        result.append("refused")
result = []
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""
    assert sandbox.run(code).value == ["refused"]
