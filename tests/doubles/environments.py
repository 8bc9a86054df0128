"""The environments that `make environments` made, and real runs in them beside what plain pytest says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from doubles.runs import Told, tree
from flowmill.protocols import Runner
from flowmill.runner.child.watch import find_spans
from flowmill.runner.cold import ColdRunner
from flowmill.runner.warm import WarmRunner
from flowmill.shapes import Collected, Project, RunEnd, RunPath, Target, TestLimits, TestOrder, TestResult

PLACE = Path(sys.prefix, "environments")
MakeRunner = Callable[[Project, Path], Runner]


@dataclass(frozen=True)
class Way:
    """A way to run tests. `more` is appended to every draft: with it no draft fits into the loaded code.

    `path` is the one that a draft takes if nothing speaks against it.
    """

    make: MakeRunner
    path: RunPath
    more: str = ""


def _spares(project: Project, cache: Path) -> Runner:
    return WarmRunner(project, cache, forks=False)


WAYS = {
    "cold": Way(ColdRunner, "cold"),
    "swap": Way(WarmRunner, "swap"),
    "import": Way(WarmRunner, "import", more="\n\nMORE = 1\n"),
    "spares": Way(_spares, "swap"),
}
"""Each gives the same verdicts."""

RECORDER = """
import json
import os

import pytest

class Recorder:
    def __init__(self, config):
        self.config = config

    def pytest_runtest_logreport(self, report):
        told = self.config.hook.pytest_report_teststatus(report=report, config=self.config)
        with open(os.environ["RECORDED"], "a") as file:
            file.write(json.dumps([report.nodeid, told[0]]) + "\\n")

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(config))
"""
_WORDS = {
    "xfailed": "skipped",
    "xpassed": "passed",
    "subtests failed": "failed",
    "subtests skipped": "skipped",
}
_RANK = ["", "skipped", "passed", "error", "failed"]


@dataclass(frozen=True)
class PluginProject:
    """A project that is set up for some plugins, with a function that is wrong and drafts of it.

    `drafts` are whole texts of `file`. One named "fatal" crashes some tests and hangs in
    others: those of `fatal`, by name; the rest is as with the draft "good". What the others
    do, plain pytest says. `environments` are those that have the plugins.
    """

    name: str
    files: Mapping[str, str]
    drafts: Mapping[str, str]
    file: str = "pkg/calc.py"
    qualname: str = "add"
    environments: tuple[str, ...] = ("plugins",)
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    """Variables that the user's shell has."""
    fatal: Mapping[str, str] = field(default_factory=dict[str, str])
    fits: bool = True
    """Whether drafts can be put into its loaded code."""

    def write(self, root: Path, draft: str = "") -> None:
        for name, text in self.files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        if draft:
            (root / self.file).write_text(self.drafts[draft], encoding="utf-8")


def python_of(environment: str) -> Path:
    """The interpreter of that environment. Raises FileNotFoundError, with the remedy, if it was not made."""
    python = PLACE / environment / "bin" / "python"
    if not python.exists():
        raise FileNotFoundError(f"{python} is not there: run `make environments`")
    return python


def made(prefix: str) -> list[str]:
    """The names of the environments here that begin like this."""
    return sorted(path.name for path in PLACE.glob(f"{prefix}*")) if PLACE.is_dir() else []


def plain(project: PluginProject, environment: str, folder: Path, draft: str = "") -> dict[str, str]:
    """The outcomes that `python -m pytest` gives for the project with this draft written into it."""
    root, recorded, plugins = folder / "project", folder / "recorded", folder / "plugins"
    shutil.rmtree(folder, ignore_errors=True)
    plugins.mkdir(parents=True)
    project.write(root, draft)
    recorded.touch()
    (plugins / "flowmill_recorder.py").write_text(RECORDER)
    env = {**os.environ, **project.env, "PYTHONPATH": str(plugins), "RECORDED": str(recorded)}
    env.pop("PYTEST_DISABLE_PLUGIN_AUTOLOAD", None)
    command = [str(python_of(environment)), "-m", "pytest", "-p", "flowmill_recorder"]
    if not environment.startswith("plugins"):
        # Its options are those of plugins that are not there.
        command += ["-o", "addopts="]
    ran = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False, timeout=100)
    outcomes = worst(tuple(json.loads(line)) for line in recorded.read_text().splitlines())
    assert outcomes, f"plain pytest ran nothing:\n{ran.stdout}\n{ran.stderr}"
    return outcomes


def worst(reports: Iterable[tuple[str, str]]) -> dict[str, str]:
    """One outcome a test, of the pairs of its id and what pytest calls each of its reports."""
    outcomes: dict[str, str] = {}
    for test, told in reports:
        word = "" if told == "rerun" else _WORDS.get(told, told)
        before = outcomes.get(test, "")
        if told == "rerun" or (word in _RANK and _RANK.index(word) > _RANK.index(before)):
            outcomes[test] = word
    return outcomes


@dataclass(frozen=True)
class Opened:
    """A project of a user with a runner for it."""

    root: Path
    runner: Runner
    project: PluginProject
    way: Way

    @property
    def target(self) -> Target:
        (span,) = find_spans(self.project.files[self.project.file], self.project.qualname)
        return Target(self.root / self.project.file, self.project.qualname, *span)

    def draft(self, name: str, limits: TestLimits) -> TestOrder:
        text = self.project.drafts[name] + self.way.more
        return TestOrder({self.root / self.project.file: text.encode()}, limits=limits)

    async def run(self, order: TestOrder) -> Told:
        """Run to the end; the project's folder is byte for byte as before."""
        before = tree(self.root)
        messages = [message async for message in self.runner.run(order)]
        assert tree(self.root) == before
        end = messages[-1]
        assert isinstance(end, RunEnd)
        collected = [message for message in messages if isinstance(message, Collected)]
        results = tuple(message for message in messages if isinstance(message, TestResult))
        return Told(collected[0] if collected else None, results, end)


@asynccontextmanager
async def opened(project: PluginProject, environment: str, way: Way, folder: Path) -> AsyncGenerator[Opened]:
    """The project below `folder`, with a runner that is closed at the end."""
    root = folder / "project"
    project.write(root)
    runner = way.make(Project(root, python_of(environment), "--python"), folder / "cache")
    try:
        yield Opened(root, runner, project, way)
    finally:
        await runner.aclose()
