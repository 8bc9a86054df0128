"""What `flowmill doctor` looks at on this machine and in the project: each check is one line with its remedy."""

from __future__ import annotations

import json
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flowmill import __version__
from flowmill.paths import cache_dir
from flowmill.project.probe import ask_python
from flowmill.project.pyproject import as_table
from flowmill.project.pytest_config import collectable_files, read_config, uncollected_files
from flowmill.settings import PROJECT, guarded, project_table
from flowmill.shapes import Project
from flowmill.trust import is_trusted

State = Literal["ok", "warning", "failed"]
OLDEST = (3, 9)
JOURNAL = "journal.sqlite3"
QUESTION = """
import json
try:
    import pytest
    found, why = pytest.__version__, ""
except ImportError as error:
    found, why = None, "" if getattr(error, "name", "") == "pytest" else str(error)
except Exception as error:
    found, why = None, repr(error)
print("")
print(json.dumps({"version": list(sys.version_info[:3]), "pytest": found, "why": why}))
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report. `code` is the exit code if it failed: 3 for the tests, 4 for the model."""

    name: str
    state: State
    found: str
    remedy: str = ""
    code: int = 1


def check_flowmill() -> Check:
    own = f"{__version__} on Python {platform.python_version()} ({sys.executable})"
    return Check("flowmill", "ok", own)


def check_project(root: Path) -> Check:
    config = read_config(root)
    count = len(collectable_files(config))
    where = f", configured in {config.file}" if config.file else ""
    if count:
        return Check("project", "ok", f"{root}, {count} test file{'s' if count > 1 else ''}{where}")
    near = uncollected_files(config)
    remedy = (
        "drafts can only be checked by doctests and stay unverified: add tests, or name some with --tests"
    )
    if near:
        remedy = f"pytest does not collect {near[0].relative_to(root)}: set python_files, or use --tests"
    return Check("project", "warning", f"{root}, no test files{where}", remedy)


def check_python(project: Project) -> list[Check]:
    """The interpreter and the pytest in it, by asking the interpreter once."""
    found = f"{project.python}, from {project.python_from}"
    answer = ask_python(project.python, QUESTION, folder=project.root, seconds=20.0)
    told = _told(answer.out)
    version = told.get("version")
    if not isinstance(version, list) or not version:
        problem = answer.problem or "it does not answer as Python does"
        remedy = "give a working interpreter with --python"
        return [Check("interpreter", "failed", f"{found}: {problem}", remedy, 3)]
    shown = ".".join(map(str, version))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if tuple(map(int, shown.split("."))) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        remedy = f"give Python {oldest} or newer with --python"
        return [Check("interpreter", "failed", f"Python {shown}, {found}", remedy, 3)]
    return [Check("interpreter", "ok", f"Python {shown}, {found}"), _check_pytest(project.python, told)]


def check_cache() -> list[Check]:
    """Whether models and the journal can be written."""
    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        remedy = "make it writable, or set FLOWMILL_CACHE_DIR to a folder that is"
        return [Check("cache", "failed", f"{folder}: {error.strerror or error}", remedy)]
    return [Check("cache", "ok", str(folder)), _check_journal(folder / JOURNAL)]


def check_settings(warnings: Sequence[str]) -> list[Check]:
    """One line for each setting that does not count, or one that says that all do."""
    if not warnings:
        return [Check("settings", "ok", f"nothing to complain of in {PROJECT} and the environment")]
    return [Check("settings", "warning", warning) for warning in warnings]


def check_trust(root: Path) -> Check:
    table, _ = project_table(root)
    keys = guarded(table)
    if not keys:
        return Check("trust", "ok", f"not needed: {PROJECT} sets nothing that concerns your key or machine")
    if is_trusted(root, table):
        return Check("trust", "ok", f"you trust this project to set {', '.join(keys)}")
    remedy = "read it, and if you agree: flowmill doctor --trust"
    return Check("trust", "warning", f"{PROJECT} sets {', '.join(keys)}, which is ignored", remedy)


def _check_pytest(python: Path, told: Mapping[str, object]) -> Check:
    version = told.get("pytest")
    if isinstance(version, str):
        return Check("pytest", "ok", version)
    why = told.get("why")
    found = f"it is there but cannot be imported: {why}" if why else "not installed in that interpreter"
    return Check("pytest", "failed", found, f'"{python}" -m pip install --upgrade pytest', 3)


def _check_journal(path: Path) -> Check:
    if not path.exists():
        return Check("journal", "ok", "none yet, the first run begins it")
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=1.0)) as database:
            database.execute("pragma schema_version").fetchone()
    except sqlite3.Error as error:
        return Check(
            "journal", "warning", f"{path}: {error}", "move the file away: the next run begins a new one"
        )
    return Check("journal", "ok", f"{path}, {path.stat().st_size / 1e6:.1f} MB")


def _told(out: str) -> dict[str, object]:
    """The last line as JSON: what start-up files of the interpreter print comes before it."""
    try:
        return as_table(json.loads(out.splitlines()[-1])) if out else {}
    except ValueError:
        return {}
