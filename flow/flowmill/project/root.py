"""Which folder is the user's project."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from flowmill.errors import UsageError
from flowmill.project.pytest_config import PytestConfig, is_environment, pytest_options

MARKERS = (
    "pyproject.toml", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml",
    "setup.cfg", "setup.py", "tox.ini", ".git",
)  # fmt: skip
TEST_FOLDERS = frozenset({"test", "tests", "testing"})
LOOK_DEPTH = 3
LOOK_ENTRIES = 2_000


def find_root(file: Path | None, given: Path | None, cwd: Path | None = None) -> Path:
    """The project's folder, absolute: `given`, else the nearest marked folder around the file.

    In a repository of several packages the nearest one that has a pytest
    configuration or tests of its own is taken, so that neither a package without
    tests nor a stray `docs/pyproject.toml` hides the suite above it. Without any
    marker it is the current folder if the file is below it, else the file's own.
    Raises UsageError if `given` is no folder or does not hold the file.
    """
    here = _absolute(cwd or Path.cwd())
    path = _absolute(here / file) if file else None
    if given is not None:
        return _given_root(path, given, here)
    marked = _marked(path.parent if path else here)
    if marked:
        return next((folder for folder in marked if _has_tests(folder)), marked[0])
    return here if path is None or is_below(path, here) else path.parent


def is_below(path: Path, folder: Path) -> bool:
    """Whether the path is the folder or lies in it, by name or after following links."""
    return path.is_relative_to(folder) or path.resolve().is_relative_to(folder.resolve())


def _absolute(path: Path) -> Path:
    # Not resolve(): the user's own spelling of a linked folder stays in every message.
    return Path(os.path.abspath(os.path.expanduser(path)))


def _given_root(path: Path | None, given: Path, here: Path) -> Path:
    # Unlike Path.expanduser this leaves `~user` of nobody as it is.
    root = _absolute(here / os.path.expanduser(given))
    # os.path says no where pathlib raises: for a folder that may not be entered, a name that is too long.
    if not os.path.exists(root):
        raise UsageError(f"no such project folder: {given}")
    if not os.path.isdir(root):
        raise UsageError(f"the project must be a folder, and {given} is a file: give {given.parent}")
    if path is not None and not is_below(path, root):
        raise UsageError(
            f"{path} is outside the project {root}: give the folder that holds it with --project"
        )
    return root


def _marked(start: Path) -> list[Path]:
    found: list[Path] = []
    for folder in (start, *start.parents):
        if any(os.path.exists(folder / marker) for marker in MARKERS):
            found.append(folder)
        if os.path.exists(folder / ".git"):
            break
    return found


def _has_tests(folder: Path) -> bool:
    if pytest_options(folder) is not None:
        return True
    plain = PytestConfig(folder)
    return any(
        (path.name in TEST_FOLDERS) if is_folder else plain.is_test_file(path)
        for path, is_folder in _entries(folder, LOOK_DEPTH)
    )


def _entries(folder: Path, depth: int) -> Iterator[tuple[Path, bool]]:
    """What lies in the folder, level by level, bounded so that a home folder costs nothing."""
    level, seen = [folder], 0
    for _ in range(depth):
        below: list[Path] = []
        for each in level:
            for path, is_folder in _listed(each):
                seen += 1
                if seen > LOOK_ENTRIES:
                    return
                yield path, is_folder
                if is_folder:
                    below.append(path)
        level = below


def _listed(folder: Path) -> list[tuple[Path, bool]]:
    if is_environment(folder):
        return []
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return []  # not readable: whatever lies there is no test that could run
    return [
        (Path(entry.path), entry.is_dir(follow_symlinks=False))
        for entry in entries
        if not entry.name.startswith(".")
        and entry.name not in ("node_modules", "__pycache__", "site-packages")
    ]
