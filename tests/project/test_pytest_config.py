from __future__ import annotations

from pathlib import Path

import pytest

from doubles.trees import write_tree
from flowmill.project.pytest_config import collectable_files, read_config, uncollected_files


def names(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in collectable_files(read_config(root))]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.ini", "[pytest]\npython_files = check_*.py more.py\ntestpaths = a b\n"),
        ("tox.ini", "[pytest]\npython_files =\n    check_*.py\n    more.py\ntestpaths = a b  # both\n"),
        ("setup.cfg", "[tool:pytest]\npython_files = check_*.py more.py\ntestpaths = a b\n"),
        ("pytest.toml", '[pytest]\npython_files = ["check_*.py", "more.py"]\ntestpaths = ["a", "b"]\n'),
        (
            "pyproject.toml",
            '[tool.pytest.ini_options]\npython_files = ["check_*.py", "more.py"]\ntestpaths = "a b"\n',
        ),
        (
            "pyproject.toml",
            '[tool.pytest]\npython_files = ["check_*.py", "more.py"]\ntestpaths = ["a", "b"]\n',
        ),
    ],
)
def test_every_kind_of_configuration_is_read(tmp_path: Path, name: str, text: str) -> None:
    files = {"a/check_1.py": "", "b/more.py": "", "a/test_2.py": "", "c/check_3.py": ""}
    write_tree(tmp_path, {name: text, **files})
    assert names(tmp_path) == ["a/check_1.py", "b/more.py"]


def test_an_empty_pytest_ini_hides_what_other_files_say(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {"pytest.ini": "", "tox.ini": "[pytest]\npython_files = x.py\n", "test_a.py": "", "x.py": ""},
    )
    assert names(tmp_path) == ["test_a.py"]


def test_environments_caches_and_excluded_folders_are_not_walked(tmp_path: Path) -> None:
    files = {
        "mine/pyvenv.cfg": "", "mine/lib/test_a.py": "", "__pycache__/test_b.py": "", ".hidden/test_c.py": "",
        "node_modules/test_d.py": "", "out/test_e.py": "", "deep/er/test_f.py": "", "g_test.py": "",
    }  # fmt: skip
    write_tree(tmp_path, {"pytest.ini": "[pytest]\naddopts = -q --ignore=out\n", **files})
    (tmp_path / "deep/loop").symlink_to(tmp_path / "deep")
    assert names(tmp_path) == ["deep/er/test_f.py", "g_test.py"]


def test_testpaths_are_globs_and_hold_only_where_the_configuration_lies(tmp_path: Path) -> None:
    files = {"p/one/tests/test_a.py": "", "p/two/tests/test_b.py": "", "test_c.py": ""}
    write_tree(tmp_path, {"pytest.ini": "[pytest]\ntestpaths = p/*/tests nowhere\n", **files})
    assert names(tmp_path) == ["p/one/tests/test_a.py", "p/two/tests/test_b.py"]
    assert names(tmp_path / "p/two") == ["tests/test_b.py"]


@pytest.mark.parametrize("broken", ["pyproject.toml", "setup.cfg", "pytest.ini"])
def test_a_broken_configuration_leaves_the_defaults(tmp_path: Path, broken: str) -> None:
    write_tree(tmp_path, {broken: "[tool.pytest\nx", "test_a.py": "", ".git/": ""})
    assert names(tmp_path) == ["test_a.py"]


def test_names_are_prefixes_or_globs(tmp_path: Path) -> None:
    text = "[pytest]\npython_functions = check *_works\npython_classes = Suite *Spec\n"
    config = read_config(write_tree(tmp_path, {"pytest.ini": text}))
    assert [config.is_test_function(n) for n in ("check_a", "it_works", "test_a")] == [True, True, False]
    assert [config.is_test_class(n) for n in ("SuiteA", "MySpec", "TestA")] == [True, True, False]


def test_files_that_pytest_would_not_find_by_itself(tmp_path: Path) -> None:
    write_tree(tmp_path, {"tests.py": "", "pkg.py": ""})
    assert names(tmp_path) == []
    assert uncollected_files(read_config(tmp_path)) == [tmp_path / "tests.py"]
