"""Shuts the process in: what follows in it can do no more than a policy says, whoever it is."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from . import capabilities, descriptors, landlock, namespaces, rlimits, seccomp
from . import kernel as linux
from .keeper import Keeper
from .kernel import Kernel, load_kernel

DESCRIPTORS, LIMITS, NETWORK = "descriptors", "limits", "network namespace"
CAPABILITIES, SESSION, LANDLOCK, SECCOMP = "capabilities", "session", "landlock", "seccomp"
NETWORKS = ("none", "loopback", "any")


class ConfineError(Exception):
    """A layer that the policy requires cannot be put in force."""


@dataclass(frozen=True)
class Policy:
    """What a confined process may do.

    Folders and files that are `readable` may be executed too, `hidden` ones below them
    may not be read, `writable` ones are its scratch. `network` is "none", "loopback" (in
    a network namespace) or "any". Memory counts from what is mapped already, processes
    from what the user runs already. `require` names the layers without which the process
    must not go on.
    """

    readable: list[str]
    hidden: list[str]
    writable: list[str]
    home: str
    network: str
    processes: bool
    memory_bytes: int
    file_bytes: int
    open_files: int
    cpu_seconds: int
    process_count: int
    require: list[str]

    @classmethod
    def read(cls, value: dict[str, Any]) -> Policy:
        """The policy in this JSON object. Raises ConfineError if it is none."""
        names = {field.name for field in fields(cls)}
        wrong = sorted(names ^ set(value)) or ([] if value["network"] in NETWORKS else ["network"])
        if wrong:
            raise ConfineError(f"the sandbox's policy has other fields than it should: {', '.join(wrong)}")
        return cls(**value)

    def asdict(self) -> dict[str, Any]:
        return asdict(self)


class Confiner:
    """Made once, it confines this process or copies of it quickly."""

    def __init__(self) -> None:
        self._kernel, self._why_not = load_kernel()
        self._network: str | None = None
        self._readable: landlock.Readable | None = None
        self._filters: dict[seccomp.Limits, bytes] = {}
        self._keeper: Keeper | None = None

    def prepare(self, policy: Policy) -> None:
        """Do ahead what takes long, for this and similar policies.

        The process itself stays as it is, but for a socket to a small process that changes
        modes and times of files for the confined ones. It ends with all of them; see `close`.
        """
        self.readable(policy).rules()
        if policy.network == "loopback" and self._network is None:
            self._network = self._why_not or in_a_copy(lambda: namespaces.enter_network(self.kernel))
        network = policy.network == "any" or (policy.network == "loopback" and self._network == "")
        attempt(
            lambda: self.filter(seccomp.Limits(network, policy.processes, landlock.abi(self.kernel), True))
        )
        if self._keeper is None:
            attempt(self._start_keeper)

    def _start_keeper(self) -> None:
        self._keeper = Keeper(self.kernel)

    @property
    def keeper(self) -> Keeper | None:
        """The one that serves, None if none does."""
        return self._keeper if self._keeper is not None and self._keeper.lives() else None

    def close(self) -> None:
        """Let go of what `prepare` made."""
        if self._keeper is not None:
            self._keeper.close()

    def readable(self, policy: Policy) -> landlock.Readable:
        known = self._readable
        if known is None or (known.readable, known.hidden) != (policy.readable, policy.hidden):
            known = self._readable = landlock.Readable(policy.readable, policy.hidden)
        return known

    def filter(self, limits: seccomp.Limits) -> bytes:
        """The program for these limits. Raises KeyError on a machine that is not known."""
        if limits not in self._filters:
            self._filters[limits] = seccomp.assemble(self.kernel.machine, limits)
        return self._filters[limits]

    @property
    def kernel(self) -> Kernel:
        if self._kernel is None:
            raise OSError(0, self._why_not)
        return self._kernel

    def confine(self, policy: Policy, *, parent: int | None = None, keep: Iterable[int] = ()) -> list[str]:
        """Shut in this process, which must have one thread; give the layers now in force.

        Only 0, 1, 2 and the descriptors in `keep` stay connected. With `parent`, the process
        ends with that parent, and at once if it is gone. Raises ConfineError if a layer that
        the policy requires cannot be put in force; the process is then half shut in.
        """
        self.prepare(policy)
        _settle_in(policy.home)
        walls = _Walls(self, policy, parent, keep, self._network == "")
        trouble = {name: why for name, step in walls.steps() for why in [attempt(step)] if why}
        for name in policy.require:
            if name in trouble or name not in walls.names():
                raise ConfineError(f"{name}: {trouble.get(name, 'not a layer of this policy')}")
        return [name for name in walls.names() if name not in trouble]


@dataclass
class _Walls:
    """The layers around one process, in the order in which they can be put up."""

    confiner: Confiner
    policy: Policy
    parent: int | None
    keep: Iterable[int]
    own_network: bool
    landlock: int = 0

    def steps(self) -> list[tuple[str, Callable[[], object]]]:
        steps: list[tuple[str, Callable[[], object]]] = [
            (DESCRIPTORS, self.sever),
            (LIMITS, self.bound),
            (NETWORK, self.leave_network),
            (CAPABILITIES, lambda: capabilities.drop(self.confiner.kernel)),
            (SESSION, self.leave_session),
            (LANDLOCK, self.restrict),
            (SECCOMP, self.filter),
        ]
        return [step for step in steps if step[0] != NETWORK or self.policy.network == "loopback"]

    def names(self) -> list[str]:
        return [name for name, _ in self.steps()]

    @property
    def network(self) -> bool:
        return self.policy.network == "any" or (self.policy.network == "loopback" and self.own_network)

    def sever(self) -> None:
        keeper = self.confiner.keeper
        descriptors.sever([*self.keep, *([] if keeper is None else [keeper.fileno()])])

    def bound(self) -> None:
        policy = self.policy
        rlimits.bound(
            memory_bytes=policy.memory_bytes,
            file_bytes=policy.file_bytes,
            open_files=policy.open_files,
            cpu_seconds=policy.cpu_seconds,
            # Without processes only threads count, which end with the process.
            process_count=policy.process_count if policy.processes else None,
        )

    def leave_network(self) -> None:
        if not self.own_network:
            raise OSError(0, "the kernel refuses it")
        namespaces.enter_network(self.confiner.kernel)

    def leave_session(self) -> None:
        # A session of its own would be a scheduling group of its own, with the priority of one
        # that somebody waits for; its zygote's session has no terminal either.
        if _has_terminal():
            os.setsid()
        elif os.getpgrp() != os.getpid():
            os.setpgid(0, 0)
        if self.parent is not None:
            self.confiner.kernel.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != self.parent:
                os._exit(1)

    def restrict(self) -> None:
        kernel, readable = self.confiner.kernel, self.confiner.readable(self.policy)
        allowed = landlock.whole(readable.rules(), self.policy.writable)
        self.landlock = landlock.restrict(kernel, allowed, network=self.network)

    def filter(self) -> None:
        kernel, keeper = self.confiner.kernel, self.confiner.keeper
        asked = keeper is not None and not attempt(lambda: keeper.take_over(self.policy.writable))
        limits = seccomp.Limits(self.network, self.policy.processes, self.landlock, asked)
        program = seccomp.address_to(self.confiner.filter(limits), os.getpid(), os.getppid())
        seccomp.install(kernel, program)


def confine(policy: Policy, *, parent: int | None = None, keep: Iterable[int] = ()) -> list[str]:
    """`Confiner.confine` for a process that is confined but once."""
    return Confiner().confine(policy, parent=parent, keep=keep)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _settle_in(home: str) -> None:
    if not os.path.isdir(home):
        os.makedirs(home, exist_ok=True)
    os.environ["HOME"] = home
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        del os.environ[name]


def attempt(step: Callable[[], object]) -> str:
    """Why the step failed, "" if it did not."""
    try:
        step()
    except OSError as error:
        return error.strerror or str(error)
    except (KeyError, AttributeError) as missing:
        return f"not known on this machine ({missing})"
    return ""


def in_a_copy(step: Callable[[], object], keep: list[int] | None = None) -> str:
    """What `attempt` gives in a forked copy of this process, which then ends.

    The descriptor that the copy answers on is added to `keep` first.
    """
    if not hasattr(os, "fork"):
        return "only Linux has it"
    reading, writing = os.pipe()
    if keep is not None:
        keep.append(writing)
    copy = os.fork()
    if copy == 0:
        try:
            os.write(writing, (attempt(step) or "ok").encode()[:1000])
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        answer = told.read().decode("utf-8", "replace")
    os.waitpid(copy, 0)
    return "" if answer == "ok" else answer or "the attempt crashed"


def probe() -> dict[str, str]:
    """Each layer with "" if it works on this machine, else why it does not; changes nothing here."""
    confiner = Confiner()
    policy = Policy(["/"], [], [], os.getcwd(), "loopback", False, 1 << 32, 1 << 26, 256, 60, 64, [])
    keep: list[int] = []
    walls = _Walls(confiner, policy, os.getpid(), keep, own_network=True)
    return {name: in_a_copy(step, keep) for name, step in walls.steps()}


def main() -> None:
    """Print what `probe` finds as JSON."""
    print(json.dumps(probe()))
