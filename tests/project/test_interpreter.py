from __future__ import annotations

import base64
import hashlib
import os
import sys
from pathlib import Path

import pytest

from doubles.trees import make_environment, write_tree
from flowmill.errors import UsageError
from flowmill.project.interpreter import find_python
from flowmill.project.probe import ask, ask_python
from flowmill.settings import PROJECT

NO_PATH = {"PATH": ""}


def test_the_environment_in_the_project_and_its_link_is_kept(tmp_path: Path) -> None:
    python = make_environment(tmp_path / ".venv")
    assert find_python(tmp_path, None, NO_PATH) == (python, ".venv")


def test_an_active_environment_comes_first(tmp_path: Path) -> None:
    make_environment(tmp_path / ".venv")
    active = make_environment(tmp_path / "elsewhere/active")
    environ = {**NO_PATH, "VIRTUAL_ENV": str(tmp_path / "elsewhere/active")}
    assert find_python(tmp_path, None, environ) == (active, "$VIRTUAL_ENV")


def test_flowmills_own_active_environment_loses_to_the_projects(tmp_path: Path) -> None:
    environ = {**NO_PATH, "VIRTUAL_ENV": sys.prefix}
    assert find_python(tmp_path, None, environ)[1] == "$VIRTUAL_ENV"
    python = make_environment(tmp_path / "venv")
    assert find_python(tmp_path, None, environ) == (python, "venv")


def test_a_workspaces_environment_lies_above_up_to_the_repository(tmp_path: Path) -> None:
    make_environment(tmp_path / ".venv")
    write_tree(tmp_path, {"repo/.git/": "", "repo/p/one/": ""})
    assert find_python(tmp_path / "repo/p/one", None, NO_PATH)[1] == "flowmill's own Python"
    python = make_environment(tmp_path / "repo/.venv")
    assert find_python(tmp_path / "repo/p/one", None, NO_PATH) == (python, str(tmp_path / "repo/.venv"))


def test_a_folder_named_env_that_is_no_environment_is_passed_over(tmp_path: Path) -> None:
    write_tree(tmp_path, {"env/settings.py": ""})
    assert find_python(tmp_path, None, NO_PATH) == (Path(sys.executable), "flowmill's own Python")


def test_a_broken_environment_is_said(tmp_path: Path) -> None:
    make_environment(tmp_path / ".venv").unlink()
    assert find_python(tmp_path, None, NO_PATH)[1] == "flowmill's own Python (.venv has no working python)"


@pytest.mark.parametrize(("base", "words"), [("work", "$CONDA_PREFIX"), ("base", "pdm (.pdm-python)")])
def test_conda_counts_before_the_managers_unless_it_is_only_the_base(
    tmp_path: Path, base: str, words: str
) -> None:
    pdm = make_environment(tmp_path / "pdm-env")
    make_environment(tmp_path / "conda")
    write_tree(tmp_path, {"root/.pdm-python": f"{pdm}\n"})
    environ = {**NO_PATH, "CONDA_PREFIX": str(tmp_path / "conda"), "CONDA_DEFAULT_ENV": base}
    assert find_python(tmp_path / "root", None, environ)[1] == words


def test_uv_may_keep_the_environment_elsewhere(tmp_path: Path) -> None:
    python = make_environment(tmp_path / "envs/mine")
    environ = {**NO_PATH, "UV_PROJECT_ENVIRONMENT": "envs/mine"}
    assert find_python(tmp_path, None, environ) == (python, "$UV_PROJECT_ENVIRONMENT")


def test_poetrys_cache_is_read_without_starting_poetry(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "root", {"pyproject.toml": '[tool.poetry]\nname = "My App"\n'})
    digest = hashlib.sha256(os.path.realpath(root).encode()).digest()
    stem = f"my_app-{base64.urlsafe_b64encode(digest).decode()[:8]}"
    make_environment(tmp_path / f"cache/virtualenvs/{stem}-py3.10")
    python = make_environment(tmp_path / f"cache/virtualenvs/{stem}-py3.12")
    write_tree(tmp_path, {"cache/virtualenvs/envs.toml": f'[{stem}]\nminor = "3.12"\n'})
    environ = {**NO_PATH, "POETRY_CACHE_DIR": str(tmp_path / "cache")}
    assert find_python(root, None, environ) == (python, "poetry")


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"pyproject.toml": "[tool.poetry]\n"}, "poetry"),
        ({"pyproject.toml": "[tool.hatch.envs.default]\n"}, "hatch"),
        ({"Pipfile": ""}, "pipenv"),
    ],
)
def test_a_manager_on_path_is_asked(tmp_path: Path, files: dict[str, str], command: str) -> None:
    python = make_environment(tmp_path / "managed")
    write_tree(tmp_path, {f"root/{name}": text for name, text in files.items()})
    tool = write_tree(tmp_path, {f"bin/{command}": f"#!/bin/sh\necho warning >&2\necho {tmp_path}/managed\n"})
    (tool / "bin" / command).chmod(0o755)
    environ = {"PATH": str(tmp_path / "bin"), "POETRY_CACHE_DIR": str(tmp_path / "none")}
    assert find_python(tmp_path / "root", None, environ) == (python, command)


def test_python_on_path_when_nothing_else_is_there(tmp_path: Path) -> None:
    python = make_environment(tmp_path / "some")
    python.rename(python.with_name("python3"))
    environ = {"PATH": str(python.parent)}
    assert find_python(tmp_path / "some", None, environ) == (python.with_name("python3"), "python3 on PATH")


def test_a_given_python_may_be_a_file_a_folder_or_a_command(tmp_path: Path) -> None:
    python = make_environment(tmp_path / "v")
    environ = {"PATH": str(python.parent)}
    for given in (str(python), str(tmp_path / "v"), "python", "v"):
        assert find_python(tmp_path, given, environ) == (python, "--python")


def test_a_setting_of_the_project_counts_from_its_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flag counts from where one stands."""
    around, own = make_environment(tmp_path / ".venv"), make_environment(tmp_path / "one/.venv")
    monkeypatch.chdir(tmp_path)
    given = ".venv/bin/python"
    assert find_python(tmp_path / "one", given, NO_PATH)[0] == around
    assert find_python(tmp_path / "one", given, NO_PATH, given_from=PROJECT)[0] == own


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nope", "no such interpreter: nope"),
        ("empty", "holds no Python environment"),
        ("text", "not executable"),
        ("long" * 100, "no such interpreter: long"),
    ],
)
def test_a_wrong_python_is_one_clear_line(tmp_path: Path, given: str, said: str) -> None:
    write_tree(tmp_path, {"empty/": "", "text": ""})
    with pytest.raises(UsageError, match=said):
        find_python(tmp_path, given, NO_PATH)


def test_a_program_that_hangs_fails_or_is_missing_is_an_answer(tmp_path: Path) -> None:
    sleeping = ask([sys.executable, "-c", "import time; time.sleep(60)"], seconds=0.2)
    assert "did not answer within 0.2 s" in sleeping.problem
    assert "cannot be started" in ask([str(tmp_path / "none")]).problem
    assert ask([sys.executable, "-c", "raise SystemExit('no')"]).problem == "no"


def test_an_interpreter_is_asked_without_the_folders_own_modules(tmp_path: Path) -> None:
    write_tree(tmp_path, {"json.py": "raise RuntimeError('shadow')\n"})
    assert ask_python(Path(sys.executable), "import json; print(json.dumps(1))", folder=tmp_path).out == "1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["json.py"]
