"""Addresses of documents and the paths that they name."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowmill_server.text.uris import path_of, scheme_of


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///a/b.py", "/a/b.py"),
        ("file:///a%20b/%C3%A9.py", "/a b/é.py"),
        ("file:///a;b/c%3Fd%23e.py", "/a;b/c?d#e.py"),
        ("file://localhost/a.py", "/a.py"),
        ("FILE:///a.py", "/a.py"),
        ("file:///a/./c/../b.py", "/a/b.py"),
    ],
)
def test_a_file_address_names_a_path(uri: str, path: str) -> None:
    assert path_of(uri) == Path(path)


@pytest.mark.parametrize(
    "uri",
    [
        "untitled:Untitled-1",
        "vscode-notebook-cell:/a/b.ipynb#X1",
        "",
        "file:",
        "file:a.py",
        "http://[",
        "file:///a%00b",
    ],
)
def test_other_addresses_name_none(uri: str) -> None:
    assert path_of(uri) is None


def test_every_path_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "a;b#c ?%41.py"
    assert path_of(path.as_uri()) == path


def test_schemes() -> None:
    assert scheme_of("Untitled:x") == "untitled"
    assert scheme_of("vscode-notebook-cell:/a") == "vscode-notebook-cell"
