"""Diffs that git applies, whatever the file's newlines, end and encoding."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from flowmill.source.diff import function_diff, relative_name
from flowmill.source.text import SourceFile

CASES = [
    (b"a = 1\nb = 2\n", b"a = 1\nb = 3\n"),
    (b"a = 1\r\nb = 2\r\n", b"a = 1\r\nb = 3\r\n"),
    (b"a = 1\nb = 2", b"a = 1\nb = 3"),
    (b"a = 1\nb = 2", b"a = 1\nb = 2\n"),
    (b"a = 1\nb = 2\n", b"a = 1\nb = 3"),
    (b"\xef\xbb\xbfa = 1\nb = 2\n", b"\xef\xbb\xbfa = 1\nb = 3\n"),
    ("# coding: latin-1\na = 'é'\n".encode("latin-1"), "# coding: latin-1\na = 'éü'\n".encode("latin-1")),
    ("a = '\u2028\x0c\x1c'\rb = 2\rc = 1\n".encode(), "a = '\u2028\x0c\x1c'\rb = 3\rc = 1\n".encode()),
]


@pytest.mark.parametrize(("old", "new"), CASES)
def test_git_applies_the_diff(old: bytes, new: bytes, tmp_path: Path) -> None:
    apply_with_git(old, new, tmp_path, "pkg/module.py")


def test_git_applies_a_diff_of_a_file_with_an_odd_name(tmp_path: Path) -> None:
    apply_with_git(b"a = 1\n", b"a = 2\n", tmp_path, "a folder/größe.py")


def apply_with_git(old: bytes, new: bytes, folder: Path, name: str) -> None:
    path = folder / name
    path.parent.mkdir()
    path.write_bytes(old)
    file = SourceFile.read(path)
    encoding = "utf-8" if file.encoding == "utf-8-sig" else file.encoding
    diff = function_diff(file, new, folder).encode(encoding)

    command = ["git", "-c", "core.autocrlf=false", "apply", "--whitespace=nowarn", "-"]
    subprocess.run(command, input=diff, cwd=folder, check=True, timeout=30)

    assert path.read_bytes() == new


def test_equal_files_have_no_diff(tmp_path: Path) -> None:
    file = SourceFile.from_bytes(tmp_path / "a.py", b"x = 1")

    assert function_diff(file, b"x = 1", tmp_path) == ""


def test_the_end_without_newline_is_said() -> None:
    file = SourceFile.from_bytes(Path("a.py"), b"x = 1")

    assert function_diff(file, b"x = 2") == (
        "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n"
        "-x = 1\n\\ No newline at end of file\n+x = 2\n\\ No newline at end of file\n"
    )


def test_names_are_relative_to_the_root_even_through_links(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)

    assert relative_name(real / "p" / "a.py", real) == "p/a.py"
    assert relative_name(tmp_path / "link" / "a.py", real) == "a.py"
    assert relative_name(Path("/elsewhere/a.py"), real) == "a.py"
