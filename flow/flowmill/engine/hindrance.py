"""Why the project's tests cannot run, in one line with the command that mends it, or at least shows it."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from flowmill.errors import ProjectError
from flowmill.shapes import Project, RunEnd

_MISSING = re.compile(r"No module named '([A-Za-z_]\w*)")
_FILE = re.compile(r"(\S[^\n:]*\.py): ")


def hindrance(end: RunEnd, project: Project) -> ProjectError:
    """The error that a run of the tests with a problem amounts to."""
    reason = why(end)
    if end.problem == "no_pytest":
        return ProjectError(reason)  # it names its command itself
    if end.problem == "no_python":
        return ProjectError(f"{reason}: name another interpreter with --python PATH")
    missing = _MISSING.search(end.detail) if end.problem == "collection" else None
    if missing:
        return ProjectError(f"{reason}: {_install(missing[1], project)}")
    file = _FILE.match(end.detail)
    return ProjectError(f"{reason}; to see it: {_pytest(end, file[1] if file else '', project)}")


def why(end: RunEnd) -> str:
    """The reason alone."""
    if end.problem in ("no_python", "no_pytest", "usage"):
        return end.detail or f"the tests cannot run: {end.problem}"
    what = "be collected" if _is_early(end) else "run"
    return f"the tests cannot {what}: {end.detail or end.problem}"


def _is_early(end: RunEnd) -> bool:
    """Whether it has to do with the collection of the tests, before any of them runs."""
    return end.problem in ("collection", "usage") or "being collected" in end.detail


def _install(module: str, project: Project) -> str:
    # The project's own name may be a stranger's at the package index.
    own = any((project.root / folder / module).exists() for folder in (".", "src", "lib"))
    what = ["-e", _path(project.root)] if own else [module]
    return shlex.join([str(project.python), "-m", "pip", "install", *what])


def _pytest(end: RunEnd, file: str, project: Project) -> str:
    options = ["--collect-only"] if _is_early(end) else []
    paths = [_path(project.root / file)] if file else []
    return shlex.join([str(project.python), "-m", "pytest", *options, *paths])


def _path(path: Path) -> str:
    """As it is called from where the user stands."""
    return os.path.relpath(path)
