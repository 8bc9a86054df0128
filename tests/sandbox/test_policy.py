from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from doubles.trees import write_tree
from flowmill.options import Sandbox
from flowmill.sandbox.places import Places
from flowmill.sandbox.policy import MEMORY_BYTES, memory_bytes, policy_for, sentences
from flowmill.shapes import Need, NeedKind, Project

KINDS: tuple[NeedKind, ...] = ("loopback", "internet", "unix", "processes", "write")
EVERYTHING = tuple(Need(kind, f"test_a.py::test_{kind}") for kind in KINDS)


def policy(tmp_path: Path, setting: Sandbox, needs: tuple[Need, ...] = (), **more: Any) -> dict[str, Any]:
    project = Project(write_tree(tmp_path / "root", {"a.py": ""}), Path(sys.executable), "--python")
    places = Places((sys.prefix, sys.base_prefix), ())
    made = policy_for(
        project,
        tmp_path / "scratch",
        cache=tmp_path / "cache",
        setting=setting,
        needs=needs,
        places=places,
        **more,
    )
    return made or {}


def test_the_childs_policy_has_these_fields(tmp_path: Path) -> None:
    made = policy(tmp_path, "auto", run_seconds=60.0)
    assert set(made) == {
        "readable", "hidden", "writable", "home", "network", "processes", "memory_bytes", "file_bytes",
        "open_files", "cpu_seconds", "process_count", "require",
    }  # fmt: skip
    scratch = str(tmp_path / "scratch")
    assert (made["writable"], made["home"]) == ([scratch], f"{scratch}/home")
    assert str(tmp_path / "root") in made["readable"]
    assert (made["network"], made["processes"], made["require"]) == ("none", False, [])
    assert made["cpu_seconds"] > 60
    assert policy(tmp_path, "off") == {}


@pytest.mark.parametrize(
    ("setting", "needs", "layers", "network", "processes"),
    [
        ("auto", (), None, "none", False),
        ("auto", EVERYTHING, None, "loopback", True),
        ("auto", (Need("internet"), Need("unix"), Need("write")), None, "none", False),
        ("auto", (Need("loopback"),), ("landlock", "network namespace"), "loopback", False),
        ("strict", EVERYTHING, None, "none", False),
    ],
)
def test_it_is_loosened_to_what_the_project_did_and_no_further(
    tmp_path: Path,
    setting: Sandbox,
    needs: tuple[Need, ...],
    layers: tuple[str, ...] | None,
    network: str,
    processes: bool,
) -> None:
    made = policy(tmp_path, setting, needs, layers=layers)
    assert (made["network"], made["processes"]) == (network, processes)


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")
def test_without_a_network_of_its_own_a_draft_gets_none(tmp_path: Path) -> None:
    assert policy(tmp_path, "auto", (Need("loopback"),), layers=["landlock"])["network"] == "none"
    (said,) = sentences([Need("loopback")], layers=["landlock"])
    assert said.endswith("this machine cannot give drafts a network namespace, so they have none")


def test_the_layers_that_were_found_are_required_and_strict_wants_all(tmp_path: Path) -> None:
    found = ("limits", "landlock", "network namespace")
    assert policy(tmp_path, "auto", layers=found)["require"] == ["limits", "landlock"]
    assert policy(tmp_path, "auto", (Need("loopback"),), layers=found)["require"] == list(found)
    assert {"landlock", "seccomp"} <= set(policy(tmp_path, "strict", layers=found)["require"]) or (
        sys.platform != "linux"
    )


def test_the_process_is_not_asked_for_what_is_put_around_it(tmp_path: Path) -> None:
    assert policy(tmp_path, "auto", layers=["limits", "seatbelt"])["require"] == ["limits"]


def test_what_the_user_is_told() -> None:
    assert sentences(()) == sentences(EVERYTHING, "off") == ()
    told = sentences(
        (*EVERYTHING, Need("write", "test_a.py::test_b", "/x/log.txt"), Need("unix", "", "/run/x"))
    )
    assert told == (
        "the tests use sockets on loopback: drafts may too, in a network of their own",
        "the tests start processes: drafts may too, inside the same sandbox",
        "test_internet connects to other machines: drafts cannot do that in the sandbox",
        "test_unix uses sockets in the file system (/run/x): drafts cannot do that in the sandbox",
        "test_write (like 1 more) writes outside of its temporary folder (/x/log.txt): drafts cannot do that in the sandbox",
    )
    assert sentences([Need("processes", "a::b")], "strict") == (
        "the tests start processes: the strict sandbox refuses that to drafts",
    )
    assert sentences([Need("write")])[0].startswith("the project's code, outside of any test, writes")


def test_memory_is_bounded_by_the_machine() -> None:
    assert memory_bytes(2 << 30) == 1 << 30
    assert memory_bytes(64 << 30) == MEMORY_BYTES
    assert 0 < memory_bytes() <= MEMORY_BYTES
