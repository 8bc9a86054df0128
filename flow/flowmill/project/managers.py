"""Where poetry, pdm, hatch and pipenv keep a project's environment."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from platformdirs import user_cache_path

from flowmill.project.probe import ask
from flowmill.project.pyproject import read_toml, subtable


def managed_environments(root: Path, environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """The folders of environments that a manager made for the project, with the manager's name.

    Files are read before any manager is asked: starting poetry takes a second.
    """
    tables, _ = read_toml(root / "pyproject.toml")
    tools = subtable(tables, "tool")
    yield from _pdm(root)
    if "poetry" in tools or (root / "poetry.lock").is_file():
        yield from _poetry(root, tables, environ)
    if subtable(tools, "hatch", "envs") or (root / "hatch.toml").is_file():
        yield from _asked(root, environ, "hatch", "env", "find")
    if (root / "Pipfile").is_file():
        yield from _asked(root, environ, "pipenv", "--venv")


def _pdm(root: Path) -> Iterator[tuple[Path, str]]:
    try:
        python = (root / ".pdm-python").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return
    # The file names .../bin/python: the environment is two folders up.
    if python:
        yield Path(python).parent.parent, "pdm (.pdm-python)"


def _poetry(
    root: Path, tables: Mapping[str, object], environ: Mapping[str, str]
) -> Iterator[tuple[Path, str]]:
    found = _poetry_cached(root, tables, environ)
    if found:
        yield found, "poetry"
    else:
        yield from _asked(root, environ, "poetry", "env", "info", "-p")


def _poetry_cached(root: Path, tables: Mapping[str, object], environ: Mapping[str, str]) -> Path | None:
    """Poetry's folder is NAME-HASH-pyX.Y; envs.toml beside it says which X.Y is in use."""
    name = subtable(tables, "project").get("name") or subtable(tables, "tool", "poetry").get("name")
    if not isinstance(name, str):
        return None
    cache = Path(environ.get("POETRY_CACHE_DIR") or user_cache_path("pypoetry", appauthor=False))
    folder = Path(environ.get("POETRY_VIRTUALENVS_PATH") or cache / "virtualenvs")
    where = os.path.normcase(os.path.realpath(root)).encode()
    mark = base64.urlsafe_b64encode(hashlib.sha256(where).digest()).decode()[:8]
    stem = re.sub(r'[ $`!*@"\\\r\n\t]', "_", name.lower())[:42] + "-" + mark
    minor = subtable(read_toml(folder / "envs.toml")[0], stem).get("minor")
    if isinstance(minor, str) and (folder / f"{stem}-py{minor}").is_dir():
        return folder / f"{stem}-py{minor}"
    made = list(folder.glob(f"{stem}-py*")) if folder.is_dir() else []
    return max(made, key=lambda path: path.stat().st_mtime, default=None)


def _asked(root: Path, environ: Mapping[str, str], *command: str) -> Iterator[tuple[Path, str]]:
    program = shutil.which(command[0], path=environ.get("PATH"))
    if program is None:
        return
    answer = ask([program, *command[1:]], folder=root, environ=environ)
    if not answer.problem and answer.out:
        yield Path(answer.out.splitlines()[-1].strip()), command[0]
