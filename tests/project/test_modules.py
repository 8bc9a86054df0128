from __future__ import annotations

from pathlib import Path

import pytest

from doubles.trees import write_tree
from flowmill.project.modules import module_name


@pytest.mark.parametrize(
    ("files", "file", "name", "base"),
    [
        ({"mod.py": ""}, "mod.py", "mod", "."),
        ({"pkg/__init__.py": "", "pkg/sub/__init__.py": "", "pkg/sub/mod.py": ""}, "pkg/sub/mod.py", "pkg.sub.mod", "."),
        ({"pkg/__init__.py": ""}, "pkg/__init__.py", "pkg", "."),
        ({"src/pkg/__init__.py": "", "src/pkg/mod.py": ""}, "src/pkg/mod.py", "pkg.mod", "src"),
        ({"src/ns/pkg/__init__.py": "", "src/ns/pkg/mod.py": ""}, "src/ns/pkg/mod.py", "ns.pkg.mod", "src"),
        ({"ns/part/mod.py": ""}, "ns/part/mod.py", "ns.part.mod", "."),
        ({"flow/pkg/__init__.py": "", "flow/pkg/mod.py": ""}, "flow/pkg/mod.py", "pkg.mod", "flow"),
        (
            {"pytest.ini": "[pytest]\npythonpath = lib/py\n", "lib/py/ns/mod.py": ""},
            "lib/py/ns/mod.py", "ns.mod", "lib/py",
        ),
        (
            {"pyproject.toml": '[tool.setuptools.package-dir]\n"" = "code"\n', "code/ns/mod.py": ""},
            "code/ns/mod.py", "ns.mod", "code",
        ),
        (
            {"pyproject.toml": '[[tool.poetry.packages]]\ninclude = "ns"\nfrom = "py"\n', "py/ns/mod.py": ""},
            "py/ns/mod.py", "ns.mod", "py",
        ),
        ({"no-name/mod.py": ""}, "no-name/mod.py", "mod", "no-name"),
    ],
)  # fmt: skip
def test_the_name_that_tests_import_it_by(
    tmp_path: Path, files: dict[str, str], file: str, name: str, base: str
) -> None:
    root = write_tree(tmp_path, {**files, ".git/": ""})
    assert module_name(root, root / file) == (name, root / base)


def test_a_package_that_exists_only_in_a_buffer(tmp_path: Path) -> None:
    write_tree(tmp_path, {"src/pkg/mod.py": "", ".git/": ""})
    overlay = {tmp_path / "src/pkg/__init__.py": b""}
    assert module_name(tmp_path, tmp_path / "src/pkg/mod.py", overlay) == ("pkg.mod", tmp_path / "src")
