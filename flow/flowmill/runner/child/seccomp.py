"""Which system calls a draft may make: a filter that the kernel runs before each of them.

A filter sees the numbers in a call, not what they point to; paths are Landlock's part.
"""

from __future__ import annotations

import errno
import signal
import socket
import stat
import struct
from dataclasses import dataclass
from functools import lru_cache

from . import kernel as linux
from .bpf import (
    ALLOW,
    AND,
    ANY_BIT,
    ARGUMENTS,
    EQUAL,
    ERRNO,
    LOAD,
    RETURN,
    Assembler,
    Instruction,
    answers,
    load,
)
from .kernel import Kernel
from .syscalls import numbers

_SET_FILTER, _ALL_THREADS, _LISTENER = 1, 1, 8

_THREAD, _PARENT = 0x10000, 0x8000
_NAMESPACES = 0x7E020080
_TRUNCATE, _ACCESS = 0o1000, 3
_SIGNAL_OTHERS = (8, 10, 15)  # F_SETOWN, F_SETSIG, F_SETOWN_EX
_HOLD_OTHERS = (1024, 1026)  # F_SETLEASE, F_NOTIFY
_TERMINAL = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: typing into a terminal
_OWNER = (0x8901, 0x8902)  # FIOSETOWN, SIOCSPGRP
_FILE_SYSTEMS = (0x9400, 0x6600, 0x5800, 0x7600, 0xF500)
"""The families of requests to btrfs, ext4, XFS, f2fs and any file system. Some change a file
that is open for reading (its flags, verity), some make folders unseen by Landlock."""
_QUERY_PERSONALITY = 0xFFFFFFFF

_REFUSED = """
acct add_key adjtimex bpf chroot clock_adjtime clock_settime delete_module fanotify_init fanotify_mark
finit_module fsconfig fsmount fsopen fspick init_module inotify_add_watch inotify_init inotify_init1
io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl
listmount lookup_dcookie lsm_set_self_attr memfd_create memfd_secret migrate_pages modify_ldt mount
mount_setattr move_mount move_pages mq_open mq_unlink msgctl msgget msgrcv msgsnd name_to_handle_at
nfsservctl open_by_handle_at open_tree perf_event_open pidfd_getfd pidfd_open pidfd_send_signal
pivot_root process_madvise process_mrelease process_vm_readv process_vm_writev ptrace quotactl
quotactl_fd reboot request_key semctl semget semop semtimedop setdomainname sethostname setns
settimeofday shmat shmctl shmdt shmget statmount swapoff swapon syslog umount2 unshare uselib userfaultfd
vhangup
"""
REFUSED = tuple(_REFUSED.split())
"""Never allowed: other processes, the machine, and what would outlive the run. Files without
a name (memfd) are among them since no limit but the size of each holds for them."""
_PROCESSES = ("fork", "vfork", "execve", "execveat", "setsid", "setpgid")
_ANOTHER = ("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
_SCHEDULING = ("sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler", "prlimit64")
MODES_AND_TIMES = ("chmod", "fchmod", "fchmodat", "fchmodat2", "utime", "utimes", "futimesat", "utimensat")
OWNERS = ("chown", "lchown", "fchown", "fchownat")
_EXTENDED = ("setxattr", "lsetxattr", "fsetxattr", "setxattrat")
_EXTENDED_GONE = ("removexattr", "lremovexattr", "fremovexattr", "removexattrat")

_OWN, _PARENT_ID, _ITS_GROUP = 0x7E570A01, 0x7E570A02, 0x7E570A03
"""Stand for numbers that only the process itself knows; larger than any process can have."""


@dataclass(frozen=True)
class Limits:
    """What the filter depends on. `landlock` is its ABI, 0 for none.

    `asked`: a keeper changes modes, times and owners of files on request (see keeper.py).
    Without one such changes seem to succeed and do nothing, since a filter cannot tell
    the scratch folder from the rest, and copying a file should not fail for its date.
    """

    network: bool
    processes: bool
    landlock: int
    asked: bool = False


def assemble(machine: str, limits: Limits) -> bytes:
    """The program for these limits, made once for many processes; see `address_to`. Raises KeyError for a machine that is not known."""
    program = Assembler(machine)
    _files(program, limits)
    _sockets(program, limits.network)
    _others(program, limits)
    _starts(program, limits.processes)
    program.answer(REFUSED)
    program.unless(["personality"], 0, [_QUERY_PERSONALITY])
    program.unless(["mknod"], 1, [stat.S_IFIFO, stat.S_IFREG, 0], mask=0o170000)
    program.unless(["mknodat"], 2, [stat.S_IFIFO, stat.S_IFREG, 0], mask=0o170000)
    return program.finish()


@lru_cache
def handing_over(machine: str, names: tuple[str, ...]) -> bytes:
    """The program that asks its listener about these calls and lets all others pass."""
    program = Assembler(machine)
    program.ask(names)
    return program.finish()


def address_to(program: bytes, own: int, parent: int) -> bytes:
    """The program for this process."""
    for stand_in, value in ((_OWN, own), (_PARENT_ID, parent), (_ITS_GROUP, -parent)):
        program = program.replace(struct.pack("=I", stand_in), struct.pack("=i", value))
    return program


def _files(program: Assembler, limits: Limits) -> None:
    if not limits.asked:
        program.answer(MODES_AND_TIMES, 0)
        program.answer(OWNERS)
    program.answer(_EXTENDED, errno.EOPNOTSUPP)
    program.answer(_EXTENDED_GONE, errno.EOPNOTSUPP)
    program.when(["fcntl"], 1, [*_SIGNAL_OTHERS, *_HOLD_OTHERS])
    program.custom(
        "ioctl",
        [
            *load(1),
            *answers([*_TERMINAL, *_OWNER], errno.EPERM),
            (AND, 0, 0, 0xFF00),
            *answers(_FILE_SYSTEMS, errno.EOPNOTSUPP),
            (RETURN, 0, 0, ALLOW),
        ],
    )
    if limits.landlock >= 3:
        return
    # Before its third version Landlock saw no truncation, unless the file was opened for writing.
    program.answer(["truncate"])
    program.answer(["openat2"], errno.ENOSYS)
    program.when(["open"], 1, [_TRUNCATE], mask=_TRUNCATE | _ACCESS)
    program.when(["openat"], 2, [_TRUNCATE], mask=_TRUNCATE | _ACCESS)


def _sockets(program: Assembler, network: bool) -> None:
    program.unless(["socket"], 0, [socket.AF_INET, socket.AF_INET6] if network else [])
    # asyncio and multiprocessing talk to themselves over such a pair; it can reach nobody else.
    kind = [LOAD, 0, 0, ARGUMENTS + 8]
    program.custom(
        "socketpair",
        [
            *load(0),
            (EQUAL, 1, 0, socket.AF_UNIX),
            (RETURN, 0, 0, ERRNO | errno.EPERM),
            (kind[0], kind[1], kind[2], kind[3]),
            (AND, 0, 0, 0xF),
            (EQUAL, 0, 1, socket.SOCK_STREAM),
            (RETURN, 0, 0, ALLOW),
            (RETURN, 0, 0, ERRNO | errno.EPERM),
        ],
    )


def _others(program: Assembler, limits: Limits) -> None:
    """What can reach another process by its number."""
    itself = [0, _OWN]
    if not limits.processes:
        program.unless(_ANOTHER, 0, itself)
    else:
        # Landlock keeps signals among the run's own processes, since its sixth version.
        program.when(_ANOTHER, 0, [-1] if limits.landlock >= 6 else [-1, _PARENT_ID, _ITS_GROUP])
    program.unless(_SCHEDULING, 0, itself)
    for name, process in (("setpriority", 0), ("ioprio_set", 1)):
        # The others are groups, and all that a user runs.
        which: list[Instruction] = [*load(0), (EQUAL, 1, 0, process), (RETURN, 0, 0, ERRNO | errno.EPERM)]
        who: list[Instruction] = [*load(1), (EQUAL, 1, 0, 0), (EQUAL, 0, 1, _OWN), (RETURN, 0, 0, ALLOW)]
        program.custom(name, [*which, *who, (RETURN, 0, 0, ERRNO | errno.EPERM)])
    program.custom(
        "prctl",
        [
            *load(0),
            (EQUAL, 1, 0, linux.PR_SET_PDEATHSIG),
            (RETURN, 0, 0, ALLOW),
            *load(1),
            (EQUAL, 0, 1, signal.SIGKILL),
            (RETURN, 0, 0, ALLOW),
            (RETURN, 0, 0, ERRNO | errno.EPERM),
        ],
    )


def _starts(program: Assembler, processes: bool) -> None:
    # The C library falls back to clone, whose flags can be seen.
    program.answer(["clone3"], errno.ENOSYS)
    if not processes:
        program.answer(_PROCESSES)
    refused: Instruction = (RETURN, 0, 0, ERRNO | errno.EPERM)
    allowed: Instruction = (RETURN, 0, 0, ALLOW)
    program.custom(
        "clone",
        [
            *load(0),
            (ANY_BIT, 0, 1, _NAMESPACES),
            refused,
            (ANY_BIT, 0, 1, _THREAD),
            allowed,
            (ANY_BIT, 0, 1, _PARENT),
            refused,
            allowed if processes else refused,
        ],
    )


def install(kernel: Kernel, program: bytes, *, listen: bool = False) -> int:
    """Put the filter in force for all threads, for good; give the listener's descriptor, else 0.

    Raises OSError. With `listen` it holds for this thread and those it starts.
    """
    call = numbers(kernel.machine)["seccomp"]
    kernel.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    code = kernel.buffer(program)
    header = kernel.buffer(struct.pack("@HP", len(program) // 8, kernel.address(code)))
    flags = _LISTENER if listen else _ALL_THREADS
    result = kernel.call(call, _SET_FILTER, flags, kernel.address(header))
    if result and not listen:
        raise OSError(errno.EBUSY, f"thread {result} has a filter of its own")
    return result
