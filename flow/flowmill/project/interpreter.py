"""Which Python runs the project's tests: the one that the user would get in their shell."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from flowmill.errors import UsageError
from flowmill.project.managers import managed_environments
from flowmill.settings import PROJECT

FOLDERS = (".venv", "venv", "env")


def find_python(
    root: Path, given: str | Path | None, environ: Mapping[str, str], *, given_from: str = "--python"
) -> tuple[Path, str]:
    """The interpreter and, in the user's words, where it was found.

    `given` is a python, an environment's folder or a command on PATH; UsageError if
    it is none. Links are never followed: a virtual environment is its link's place.
    flowmill's own environment, when active, loses to the project's.
    """
    if given:
        return _given_python(root, str(given), environ, given_from), given_from
    broken: list[str] = []
    for folder, words in _environments(root, environ):
        python = python_of(folder)
        if python:
            return python, _words(words, broken)
        if os.path.exists(folder) or words.startswith("$"):
            broken.append(words)
    for command in ("python3", "python"):
        found = shutil.which(command, path=environ.get("PATH"))
        if found:
            return _absolute(Path(found)), _words(f"{command} on PATH", broken)
    return Path(sys.executable), _words("flowmill's own Python", broken)


def python_of(folder: Path) -> Path | None:
    """The working interpreter of a virtual or conda environment, None if it has none."""
    for name in ("bin/python", "bin/python3", "Scripts/python.exe", "python.exe"):
        python = folder / name
        if _runs(python):
            return _absolute(python)
    return None


def _given_python(root: Path, given: str, environ: Mapping[str, str], given_from: str) -> Path:
    # A setting of the project means the same wherever one stands.
    for base in (root,) if given_from == PROJECT else (Path.cwd(), root):
        path = _absolute(base / os.path.expanduser(given))
        if os.path.isdir(path):
            python = python_of(path)
            if python:
                return python
            raise UsageError(f"{given_from}: the folder {given} holds no Python environment (no bin/python)")
        if _runs(path):
            return path
        if os.path.exists(path):
            raise UsageError(f"{given_from}: {given} is not executable")
    found = shutil.which(given, path=environ.get("PATH")) if os.sep not in given else None
    if found:
        return _absolute(Path(found))
    raise UsageError(
        f"{given_from}: no such interpreter: {given} (a python, an environment's folder or a command)"
    )


def _environments(root: Path, environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Every environment that might be the project's, best first; none is checked yet."""
    active = environ.get("VIRTUAL_ENV", "")
    own = bool(active) and _same(Path(active), Path(sys.prefix))
    if active and not own:
        yield Path(active), "$VIRTUAL_ENV"
    if environ.get("UV_PROJECT_ENVIRONMENT"):
        yield root / environ["UV_PROJECT_ENVIRONMENT"], "$UV_PROJECT_ENVIRONMENT"
    for folder in _up_to_repository(root):
        for name in FOLDERS:
            # A folder named "env" is often something else: it counts only as an environment.
            if name == ".venv" or os.path.isfile(folder / name / "pyvenv.cfg"):
                yield folder / name, name if folder == root else str(folder / name)
    conda = environ.get("CONDA_PREFIX", "")
    base = environ.get("CONDA_DEFAULT_ENV") == "base"
    if conda and not base:
        yield Path(conda), "$CONDA_PREFIX"
    yield from managed_environments(root, environ)
    if active and own:
        yield Path(active), "$VIRTUAL_ENV"
    if conda and base:
        yield Path(conda), "$CONDA_PREFIX (base)"


def _up_to_repository(root: Path) -> list[Path]:
    """The root and, inside a repository, the folders above it up to the repository's own."""
    chain = [root, *root.parents]
    top = next((place for place, folder in enumerate(chain) if os.path.exists(folder / ".git")), 0)
    return chain[: top + 1]


def _words(words: str, broken: list[str]) -> str:
    return f"{words} ({', '.join(broken)} has no working python)" if broken else words


def _runs(path: Path) -> bool:
    # Unlike pathlib it says no where a folder may not be entered, or a name is too long.
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _same(one: Path, other: Path) -> bool:
    return one == other or (
        os.path.exists(one) and os.path.exists(other) and one.resolve() == other.resolve()
    )


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))
