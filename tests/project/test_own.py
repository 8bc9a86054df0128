"""Which files are tests and which are the project's own, by the project's own rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubles.trees import write_tree
from flowmill.project.own import OwnFiles, belongs_to_tests
from flowmill.project.pytest_config import read_config

TEST = "def test_it():\n    pass\n"
PLAIN = "def it():\n    pass\n"
CHECKS = {"pytest.ini": "[pytest]\npython_files = check_*.py tests.py\n"}
NAMED = {"pytest.ini": "[pytest]\ntestpaths = spec.py plain.py\n"}


@pytest.mark.parametrize(
    ("files", "name", "is_test"),
    [
        ({"pkg/test_a.py": TEST}, "pkg/test_a.py", True),
        ({"pkg/a_test.py": PLAIN}, "pkg/a_test.py", True),
        ({"conftest.py": PLAIN}, "conftest.py", True),
        ({"tests/test_a.py": TEST, "tests/helper.py": PLAIN}, "tests/helper.py", False),
        ({"tests/stub.py": PLAIN}, "tests/stub.py", False),
        ({"test_a.py": TEST, "src/tests.py": PLAIN}, "src/tests.py", False),
        ({**CHECKS, "app/check_a.py": TEST}, "app/check_a.py", True),
        ({**CHECKS, "app/tests.py": TEST}, "app/tests.py", True),
        ({**CHECKS, "check_a.py": TEST, "test_a.py": PLAIN}, "test_a.py", False),
        ({"app/tests.py": TEST}, "app/tests.py", True),  # nothing else is collected: this is what runs
        ({"app/tests.py": PLAIN}, "app/tests.py", False),
        ({**NAMED, "spec.py": TEST}, "spec.py", True),
        ({**NAMED, "plain.py": PLAIN}, "plain.py", False),  # its doctests, perhaps
    ],
)
def test_test_files_are_those_that_pytest_collects(
    tmp_path: Path, files: dict[str, str], name: str, is_test: bool
) -> None:
    root = write_tree(tmp_path, files)
    assert belongs_to_tests(read_config(root), root / name, files[name].encode()) is is_test


def test_a_link_to_a_test_file_is_one(tmp_path: Path) -> None:
    root = write_tree(tmp_path, {"test_a.py": TEST})
    (root / "plain.py").symlink_to(root / "test_a.py")
    assert belongs_to_tests(read_config(root), root / "plain.py", TEST.encode())


def test_own_files_are_no_tests_nor_what_serves_them_nor_installed(tmp_path: Path) -> None:
    others = ("app/check_a.py", "conftest.py", "tests/helper.py", "mine/pyvenv.cfg", "mine/lib.py")
    hidden = ("node_modules/x.py", ".hidden/x.py", "build/x.py")
    root = write_tree(
        tmp_path, {**CHECKS, **dict.fromkeys((*others, *hidden), ""), "app/test_bench.py": "", "a.py": ""}
    )
    own = OwnFiles(root)
    assert own.listed == (root / "a.py", root / "app/test_bench.py")
    assert not any(own.has(root / name) for name in ("app/check_a.py", "tests/helper.py"))
    assert not own.has(tmp_path.parent / "elsewhere.py")
