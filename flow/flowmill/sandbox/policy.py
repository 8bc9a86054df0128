"""What one draft may do: the policy that its process puts itself under before a line of it runs."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from flowmill.machine import machine_memory
from flowmill.options import Sandbox
from flowmill.sandbox.layers import NETWORK, OUTSIDE, expected
from flowmill.sandbox.places import Places, ground_for
from flowmill.shapes import Need, NeedKind, Project

MEMORY_BYTES = 4 << 30
FILE_BYTES = 256 << 20
OPEN_FILES = 1024
PROCESSES = 64
SPARE_CPU_SECONDS = 5
"""Above the run's own limit, so that a slow test meets the wall clock, which says which test it was."""
THREADS = 4
"""How many threads may be busy at once before the processor's time is spent early."""
LOOSENED: Mapping[NeedKind, tuple[str, str]] = {
    "loopback": ("the tests use sockets on loopback", "drafts may too, in a network of their own"),
    "processes": ("the tests start processes", "drafts may too, inside the same sandbox"),
}
REFUSED: Mapping[NeedKind, str] = {
    "internet": "connects to other machines",
    "unix": "uses sockets in the file system",
    "write": "writes outside of its temporary folder",
}


def policy_for(
    project: Project,
    scratch: Path,
    *,
    cache: Path,
    setting: Sandbox,
    needs: Iterable[Need],
    places: Places,
    layers: Iterable[str] | None = None,
    run_seconds: float = 60.0,
    trusted: bool = False,
) -> dict[str, object] | None:
    """The policy as JSON for the child, None if the sandbox is off.

    `needs` are what the project's own tests did as they stand; "auto" grants of them
    loopback and processes, "strict" nothing. `layers` are those that were probed to
    work, None if that is not known: "auto" requires them, "strict" all that the system can have.
    """
    if setting == "off":
        return None
    ground = ground_for(project, cache, places, trusted=trusted)
    granted = granted_needs(setting, needs, layers)
    network = "loopback" if "loopback" in granted else "none"
    return {
        # The same for every draft, so that a process makes its rules once; what is writable can be read.
        "readable": list(ground.readable),
        "hidden": list(ground.hidden),
        "writable": [str(scratch)],
        "home": str(scratch / "home"),
        "network": network,
        "processes": "processes" in granted,
        "memory_bytes": memory_bytes(),
        "file_bytes": FILE_BYTES,
        "open_files": OPEN_FILES,
        "cpu_seconds": math.ceil(run_seconds) * THREADS + SPARE_CPU_SECONDS,
        "process_count": PROCESSES,
        "require": _required(setting, layers or (), network),
    }


def granted_needs(
    setting: Sandbox, needs: Iterable[Need], layers: Iterable[str] | None = None
) -> frozenset[NeedKind]:
    """Which needs of the project a draft is granted too; loopback only where it can have one of its own."""
    if setting == "strict":
        return frozenset()
    kinds = {need.kind for need in needs}
    if layers is not None and sys.platform == "linux" and NETWORK not in set(layers):
        kinds.discard("loopback")
    return frozenset(kind for kind in LOOSENED if kind in kinds)


def sentences(
    needs: Iterable[Need], setting: Sandbox = "auto", layers: Iterable[str] | None = None
) -> tuple[str, ...]:
    """What was loosened for the project's tests and what will be refused to them, for the user."""
    if setting == "off":
        return ()
    given = tuple(needs)
    granted = granted_needs(setting, given, layers)
    why = "the strict sandbox refuses that to drafts"
    why = why if setting == "strict" else f"this machine cannot give drafts a {NETWORK}, so they have none"
    told: list[str] = []
    for kind, (fact, grant) in LOOSENED.items():
        if any(need.kind == kind for need in given):
            told.append(f"{fact}: {grant if kind in granted else why}")
    for kind, fact in REFUSED.items():
        of_kind = [need for need in given if need.kind == kind]
        if of_kind:
            told.append(f"{_who(of_kind)} {fact}{_example(of_kind)}: drafts cannot do that in the sandbox")
    return tuple(told)


def memory_bytes(total: int | None = None) -> int:
    """What a draft may allocate: half of the machine, at most 4 GiB."""
    if total is None:
        total = machine_memory() if hasattr(os, "sysconf") else 2 * MEMORY_BYTES
    return min(MEMORY_BYTES, total // 2)


def _required(setting: Sandbox, layers: Iterable[str], network: str) -> list[str]:
    wanted = expected() if setting == "strict" else layers
    # A closed network needs no namespace: the rules of the other layers close it.
    return [name for name in wanted if name not in OUTSIDE and (name != NETWORK or network == "loopback")]


def _who(needs: Sequence[Need]) -> str:
    tests = list(dict.fromkeys(need.test.rpartition("::")[2] for need in needs if need.test))
    if not tests:
        return "the project's code, outside of any test,"
    more = f" (like {len(tests) - 1} more)" if len(tests) > 1 else ""
    return f"{tests[0]}{more}"


def _example(needs: Sequence[Need]) -> str:
    detail = next((need.detail for need in needs if need.detail), "")
    return f" ({detail})" if detail else ""
