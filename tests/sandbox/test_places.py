from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from doubles.trees import write_tree
from flowmill.sandbox.places import Ground, Places, ground_for, interpreter_places, repository, user_homes
from flowmill.shapes import Project

HERE = Places((sys.prefix, sys.base_prefix), tuple(path for path in sys.path if path))

NOWHERE = Places()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return write_tree(
        tmp_path / "home",
        {
            ".ssh/id_rsa": "key",
            ".aws/credentials": "key",
            "notes.txt": "",
            "src/app/app.py": "",
            "lib/x.py": "",
        },
    )


def ground(
    home: Path, root: Path, places: Places = NOWHERE, *, trusted: bool = False, cache: Path | None = None
) -> Ground:
    project = Project(root, Path(sys.executable), "--python")
    cache = cache or home.parent / "cache"
    return ground_for(project, cache, places, environ={}, homes=(home,), trusted=trusted)


def may_read(ground: Ground, path: Path) -> bool:
    """Whether the innermost of the places that hold the path is a readable one."""
    real = os.path.realpath(path)
    holding = [place for place in (*ground.readable, *ground.hidden) if Path(real).is_relative_to(place)]
    return bool(holding) and max(holding, key=len) in ground.readable


def test_of_a_home_only_the_project_is_readable(home: Path) -> None:
    made = ground(home, home / "src/app")
    assert may_read(made, home / "src/app/app.py")
    assert not any(may_read(made, home / name) for name in (".ssh/id_rsa", "notes.txt", "lib/x.py", "src"))
    assert made.hidden == ()
    assert may_read(made, Path(os.__file__)) == os.__file__.startswith("/usr")


def test_the_interpreters_own_files_are_readable(home: Path) -> None:
    made = ground(home, home / "src/app", HERE)
    for module in (os, pytest):
        assert may_read(made, Path(str(module.__file__)))
    assert may_read(made, Path(sys.executable))


def test_a_project_that_is_the_home_does_not_open_its_secrets(home: Path) -> None:
    made = ground(home, home)
    assert may_read(made, home / "notes.txt")
    assert not may_read(made, home / ".ssh/id_rsa")
    assert not may_read(made, home / ".aws/credentials")


def test_the_cache_is_closed_but_for_the_program_and_bytecode(home: Path) -> None:
    write_tree(home / ".cache/flowmill", {"journal.sqlite3": "x", "pycache/a.pyc": "x"})
    made = ground(home, home, cache=home / ".cache/flowmill")
    assert not may_read(made, home / ".cache/flowmill/journal.sqlite3")
    assert may_read(made, home / ".cache/flowmill/pycache/a.pyc")
    (program,) = (home / ".cache/flowmill").glob("child-*.pyz")
    assert may_read(made, program)


@pytest.mark.parametrize("wide", ["", "..", "../.."])
def test_an_import_path_that_holds_the_home_does_not_open_it(home: Path, wide: str) -> None:
    made = ground(home, home / "src/app", Places((), (os.path.normpath(home / wide), str(home / "lib"))))
    assert not may_read(made, home / "notes.txt")
    assert may_read(made, home / "lib/x.py")


@pytest.mark.parametrize("prefix", ["", ".local"])
def test_an_installation_into_the_home_opens_only_its_own_folders(home: Path, prefix: str) -> None:
    write_tree(home / prefix, {"lib/python3.12/os.py": "", "share/keyrings/login": "", "bin/python3": ""})
    made = ground(home, home / "src/app", Places((str(home / prefix),), ()))
    assert may_read(made, home / prefix / "lib/python3.12/os.py")
    assert not may_read(made, home / prefix / "share/keyrings/login")


def test_links_are_followed_since_the_kernel_judges_what_they_point_to(home: Path) -> None:
    write_tree(home, {"store/python/lib/os.py": "", "store/key": ""})
    (home / "env").symlink_to(home / "store/python")
    write_tree(home, {"src/app/.pypirc": ""}).joinpath("src/app/.netrc").symlink_to(home / "store/key")
    made = ground(home, home / "src/app", Places((str(home / "env"),), (str(home / "store"),)))
    assert may_read(made, home / "env/lib/os.py")
    assert not may_read(made, home / "store/key")
    assert not may_read(made, home / "src/app/.pypirc")


def test_a_trusted_project_reads_its_own_secrets(home: Path) -> None:
    env = write_tree(home / "src/app", {".env": "TOKEN=x\n"}) / ".env"
    assert not may_read(ground(home, home / "src/app"), env)
    assert may_read(ground(home, home / "src/app", trusted=True), env)


def test_what_pytest_opens_above_the_project_is_readable(home: Path) -> None:
    write_tree(
        home,
        {
            "pyproject.toml": "",
            "src/conftest.py": "",
            "src/app/pytest.ini": "[pytest]\npythonpath = ../../lib\n",
        },
    )
    made = ground(home, home / "src/app")
    assert may_read(made, home / "pyproject.toml")
    assert may_read(made, home / "src/conftest.py")
    assert may_read(made, home / "lib/x.py")
    assert not may_read(made, home / "notes.txt")


def test_a_repository_is_readable_as_a_whole_unless_it_is_the_home(home: Path) -> None:
    write_tree(
        home / "src", {".git/config": "\turl = https://a:token@host/x\n", "other/y.py": "", ".env": "KEY=1\n"}
    )
    made = ground(home, home / "src/app")
    assert may_read(made, home / "src/other/y.py")
    assert not may_read(made, home / "src/.git/config")
    assert not may_read(made, home / "src/.env")
    (home / ".git").mkdir()
    assert repository(home / "lib", (home,)) == home / "lib"
    assert repository(home / "src/app", (home,)) == home / "src"


def test_the_interpreter_says_where_its_files_are(tmp_path: Path) -> None:
    places = interpreter_places(Path(sys.executable), tmp_path)
    assert places.problem == ""
    assert {sys.prefix, sys.base_prefix} <= set(places.prefixes)
    assert str(Path(pytest.__file__).parents[1]) in places.paths


def test_an_editable_install_behind_an_import_hook_is_found(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")], check=True)
    (site,) = (tmp_path / "env/lib").glob("python*/site-packages")
    told = '{"dir_info": {"editable": true}, "url": "file:///srv/my%20code/thing"}'
    write_tree(
        site,
        {
            "thing-1.dist-info/METADATA": "Name: thing\nVersion: 1\n",
            "thing-1.dist-info/direct_url.json": told,
            "odd-1.dist-info/METADATA": "Name: odd\nVersion: 1\n",
            "odd-1.dist-info/direct_url.json": "[]",
        },
    )
    assert "/srv/my code/thing" in interpreter_places(tmp_path / "env/bin/python", tmp_path).paths


def test_an_interpreter_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    odd = tmp_path / "bin/odd"
    write_tree(tmp_path, {"bin/odd": "#!/bin/sh\necho hello\n"})
    odd.chmod(0o755)
    places = interpreter_places(odd, tmp_path)
    assert (places.prefixes, places.paths) == ((str(tmp_path),), (str(odd),))
    assert "does not answer as Python does" in places.problem
    assert "cannot be started" in interpreter_places(tmp_path / "none", tmp_path).problem


def test_the_homes_are_the_named_and_the_real_one() -> None:
    homes = user_homes({"HOME": "/home/ann"})
    assert homes[0] == Path("/home/ann")
    assert set(user_homes({"HOME": "relative"})) < set(homes)
