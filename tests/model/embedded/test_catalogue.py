from __future__ import annotations

import signal
from pathlib import Path

import pytest

from flowmill.errors import UsageError
from flowmill.machine import machine_cores, machine_memory
from flowmill.model.embedded.catalogue import LARGE, SMALL, Weights, catalogue, default_model, find
from flowmill.model.embedded.diagnosis import diagnose
from flowmill.model.embedded.engine import threads

LOG = Path("/somewhere/server.log")


@pytest.mark.parametrize("name", ["qwen2.5-coder-0.5b", "0.5b", "0.5B", " Qwen2.5-Coder-0.5B "])
def test_find_by_name_or_alias(name: str) -> None:
    assert find(name) is SMALL


def test_find_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"called 'qwen2.5-coder-1b'; did you mean qwen2\.5-coder-1\.5b"):
        find("qwen2.5-coder-1b")


@pytest.mark.parametrize(
    ("memory", "model"), [(3_999_999_999, SMALL), (4_000_000_000, LARGE), (1 << 40, LARGE)]
)
def test_little_memory_gets_the_small_model(memory: int, model: Weights) -> None:
    assert default_model(memory) is model


@pytest.mark.parametrize("model", catalogue(), ids=lambda model: model.alias)
def test_shards_add_up(model: Weights) -> None:
    whole = model.shards.size * (model.shards.count - 1)
    assert whole < model.size <= whole + model.shards.size
    assert model.url() == f"{model.page}/resolve/main/{model.file}"


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_memory_is_the_lowest_limit_on_the_way_up(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        {
            "proc/self/cgroup": "0::/user/job\n",
            "sys/fs/cgroup/user/memory.max": "50000\n",
            "sys/fs/cgroup/user/job/memory.max": "max\n",
        },
    )
    assert machine_memory(root) == 50_000


def test_memory_of_the_first_kind_of_control_group(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "5:cpu:/job\n3:memory:/job\n",
        "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "60000\n",
    }
    assert machine_memory(machine(tmp_path, files)) == 60_000


def test_memory_without_control_groups_is_the_machines(tmp_path: Path) -> None:
    assert machine_memory(tmp_path) > 100_000_000


def test_cores_respect_a_quota(tmp_path: Path) -> None:
    assert machine_cores(machine(tmp_path, {"sys/fs/cgroup/cpu.max": "150000 100000\n"})) == 1
    assert machine_cores(machine(tmp_path, {"sys/fs/cgroup/cpu.max": "max 100000\n"})) >= 1


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 2), (3, 2), (8, 7)])
def test_threads_leave_a_core_where_there_are_more_than_two(cores: int, expected: int) -> None:
    assert threads(cores) == expected


@pytest.mark.parametrize(
    ("status", "log", "error"),
    [
        (-signal.SIGKILL, "", "not enough free memory"),
        (1, "std::bad_alloc", "not enough free memory"),
        (-signal.SIGILL, "", "processor lacks instructions"),
        (-signal.SIGSEGV, "", "(SIGSEGV)"),
        (-250, "", "(signal 250)"),
        (3, "", "(exit status 3)"),
        (None, "", "(unknown reason)"),
    ],
)
def test_diagnosis(status: int | None, log: str, error: str) -> None:
    assert error in diagnose(status, log, LOG, LARGE.name).error


def test_the_small_model_is_not_advised_to_who_has_it() -> None:
    assert SMALL.name in diagnose(-9, "", LOG, LARGE.name).hint
    assert SMALL.name not in diagnose(-9, "", LOG, SMALL.name).hint
