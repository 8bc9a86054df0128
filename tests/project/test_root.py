from __future__ import annotations

from pathlib import Path

import pytest

from doubles.trees import write_tree
from flowmill.errors import UsageError
from flowmill.project.root import find_root

TEST = "def test_x(): pass\n"


@pytest.mark.parametrize(
    "marker", ["pyproject.toml", "pytest.ini", "setup.cfg", "setup.py", "tox.ini", ".git/", "pytest.toml"]
)
def test_the_nearest_marked_folder_is_the_project(tmp_path: Path, marker: str) -> None:
    write_tree(tmp_path, {f"a/{marker}": "", "a/pkg/mod.py": ""})
    assert find_root(tmp_path / "a/pkg/mod.py", None, tmp_path) == tmp_path / "a"


def test_a_package_of_a_monorepo_with_tests_of_its_own_is_the_project(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": "[tool.pytest.ini_options]",
        "p/one/pyproject.toml": "",
        "p/one/tests/test_a.py": TEST,
    }
    write_tree(tmp_path, {".git/": "", **files, "p/one/src/one/mod.py": ""})
    assert find_root(tmp_path / "p/one/src/one/mod.py", None, tmp_path) == tmp_path / "p/one"


def test_a_package_without_tests_belongs_to_the_suite_above_it(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": "[tool.pytest.ini_options]",
        "p/one/pyproject.toml": "",
        "p/one/src/one/mod.py": "",
    }
    write_tree(tmp_path, {".git/": "", **files, "tests/test_a.py": TEST})
    assert find_root(tmp_path / "p/one/src/one/mod.py", None, tmp_path) == tmp_path


def test_nothing_above_the_repository_is_looked_at(tmp_path: Path) -> None:
    write_tree(tmp_path, {"pytest.ini": "", "repo/.git/": "", "repo/mod.py": ""})
    assert find_root(tmp_path / "repo/mod.py", None, tmp_path) == tmp_path / "repo"


def test_without_a_marker_the_current_folder_or_the_files_own(tmp_path: Path) -> None:
    write_tree(tmp_path, {"here/sub/mod.py": "", "there/mod.py": ""})
    here = tmp_path / "here"
    assert find_root(here / "sub/mod.py", None, here) == here
    assert find_root(tmp_path / "there/mod.py", None, here) == tmp_path / "there"
    assert find_root(None, None, here) == here


def test_a_given_folder_counts_whatever_it_holds(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a/pyproject.toml": "", "a/b/mod.py": ""})
    assert find_root(Path("a/b/mod.py"), Path("a/b"), tmp_path) == tmp_path / "a/b"


def test_a_linked_folder_keeps_the_name_that_the_user_gave(tmp_path: Path) -> None:
    write_tree(tmp_path, {"real/mod.py": ""})
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert find_root(tmp_path / "real/mod.py", tmp_path / "link", tmp_path) == tmp_path / "link"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nowhere", "no such project folder: nowhere"),
        ("mod.py", "is a file"),
        ("other", "outside the project"),
    ],
)
def test_a_wrong_project_is_one_clear_line(tmp_path: Path, given: str, said: str) -> None:
    write_tree(tmp_path, {"mod.py": "", "other/": ""})
    with pytest.raises(UsageError, match=said) as caught:
        find_root(tmp_path / "mod.py", Path(given), tmp_path)
    assert "\n" not in str(caught.value)
