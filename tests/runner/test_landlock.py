"""Which rules are made of what may be read and what is hidden; that they hold is tested in test_confine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from doubles.trees import write_tree
from flowmill.runner.child.landlock import DEVICE, EXECUTE, READ, READ_DIR, READ_FILE, WRITE, Readable, whole

FILE = READ_FILE | EXECUTE


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    files = {
        "home/.ssh/id": "",
        "home/code/a.py": "",
        "home/code/.env": "",
        "home/code/deep/b.py": "",
        "usr/": "",
    }
    return write_tree(tmp_path, files)


def allowed(base: Path, readable: list[str], hidden: list[str]) -> dict[str, int]:
    made = Readable([str(base / path) for path in readable], [str(base / path) for path in hidden])
    return {os.path.relpath(path, base): rights for path, rights in made.rules()}


def test_folders_and_files_that_may_be_read(tree: Path) -> None:
    assert allowed(tree, ["usr", "home/code/a.py"], []) == {"usr": READ, "home/code/a.py": FILE}


def test_what_lies_below_another_needs_no_rule(tree: Path) -> None:
    assert allowed(tree, ["home", "home/code", "home/code/a.py"], []) == {"home": READ}


def test_the_siblings_of_a_hidden_file_are_allowed_and_their_names_listed(tree: Path) -> None:
    expected = {"home/code": READ_DIR, "home/code/a.py": FILE, "home/code/deep": READ}
    assert allowed(tree, ["home/code"], ["home/code/.env"]) == expected


def test_names_around_a_hidden_folder_stay_closed_since_its_own_would_be_open(tree: Path) -> None:
    assert allowed(tree, ["home"], ["home/.ssh"]) == {"home/code": READ}


def test_what_may_be_read_below_something_hidden(tree: Path) -> None:
    assert allowed(tree, ["home/code", "usr"], ["home"]) == {"home/code": READ, "usr": READ}
    assert allowed(tree, [".", "home/code/deep"], ["home"]) == {"usr": READ, "home/code/deep": READ}


def test_hidden_itself(tree: Path) -> None:
    assert allowed(tree, ["home"], ["home"]) == {}


def test_what_does_not_exist_hides_nothing(tree: Path) -> None:
    assert allowed(tree, ["home/code"], ["home/code/.netrc"]) == {"home/code": READ}


def test_links_are_followed_only_when_named(tree: Path) -> None:
    (tree / "python").symlink_to(tree / "usr")
    (tree / "home/code/keys").symlink_to(tree / "home/.ssh")
    assert allowed(tree, ["python"], []) == {"usr": READ}
    assert "home/.ssh" not in allowed(tree, ["home/code"], ["home/code/.env"])
    (tree / "secret").symlink_to(tree / "home/.ssh")
    assert allowed(tree, ["home"], ["secret"]) == {"home/code": READ}


def test_a_listed_folder_is_listed_again_when_it_changes(tree: Path) -> None:
    made = Readable([str(tree / "home/code")], [str(tree / "home/code/.env")])
    before = made.rules()
    assert made.rules() == before
    (tree / "home/code/new.py").write_text("")
    os.utime(tree / "home/code", (1, 1))
    assert (str(tree / "home/code/new.py"), FILE) in made.rules()


def test_the_rules_of_a_process(tree: Path) -> None:
    rules = dict(whole([(str(tree), READ)], [str(tree), str(tree / "home")]))
    assert rules[str(tree)] == rules[str(tree / "home")] == WRITE
    assert rules["/dev/null"] == DEVICE
    assert rules[f"/proc/{os.getpid()}"] == READ
    assert "/proc" not in rules
    assert "/dev" not in rules
