"""Tests that the user names: checked against the files before anything is run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from flowmill.errors import UsageError
from flowmill.project.pytest_config import PytestConfig, collectable_files, read_config
from flowmill.project.root import is_below
from flowmill.project.source import Sources


def given_ids(root: Path, given: Sequence[str], cwd: Path, sources: Sources) -> tuple[str, ...]:
    """The ids relative to the root. Paths may be relative to the root or to the current folder.

    Raises UsageError that names the first path that does not exist or lies outside the root.
    """
    return tuple(dict.fromkeys(_given_id(root, entry, cwd, sources) for entry in given))


Given = tuple[tuple[str, ...] | None, tuple[str, ...]]
"""Files and the tests of them that count, as `TestOrder` takes them."""


def given_tests(root: Path, given: Sequence[str], cwd: Path) -> Given:
    """What the user named, for a run of the tests without a target. Raises as `given_ids`."""
    ids = given_ids(root, given, cwd, Sources({}))
    return files_of(ids) or None, kept(root, ids, read_config(root))


def files_of(ids: Sequence[str]) -> tuple[str, ...]:
    """The paths that must be handed to pytest so that it collects the ids."""
    return tuple(dict.fromkeys(entry.partition("::")[0] for entry in ids))


def kept(root: Path, ids: Sequence[str], config: PytestConfig) -> tuple[str, ...]:
    """What of the collected tests counts: nothing is left out if only paths were given.

    A folder is no prefix of a node id, so beside single tests it stands for its files.
    """
    if not any("::" in entry for entry in ids):
        return ()
    found: list[str] = []
    for entry in ids:
        folder = root / entry
        if "::" not in entry and os.path.isdir(folder):
            files = (path for path in collectable_files(config) if path.is_relative_to(folder))
            found.extend(path.relative_to(root).as_posix() for path in files)
        else:
            found.append(entry)
    return tuple(dict.fromkeys(found))


def _given_id(root: Path, entry: str, cwd: Path, sources: Sources) -> str:
    name, mark, rest = entry.partition("::")
    for base in (root, cwd):
        path = Path(os.path.normpath(base / os.path.expanduser(name)))
        if name and sources.exists(path):
            return _relative(root, path, entry) + mark + rest
    places = f"{root}" if cwd == root else f"{root} or {cwd}"
    raise UsageError(f"no such test file: {name or entry} (looked in {places})")


def _relative(root: Path, path: Path, entry: str) -> str:
    if path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    if is_below(path, root):
        return path.resolve().relative_to(root.resolve()).as_posix()
    raise UsageError(
        f"the test {entry} is outside the project {root}: give the folder that holds both with --project"
    )
