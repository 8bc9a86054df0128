"""The ways that a draft can take to its tests; each is judged by a runner of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flowmill.protocols import Runner
from flowmill.runner.cold import ColdRunner
from flowmill.runner.guard import Guard
from flowmill.runner.warm import WarmRunner
from flowmill.shapes import Project


def _unconfined(project: Project, cache: Path) -> Runner:
    return ColdRunner(project, cache, Guard(project, cache, "off"))


RUNNERS: dict[str, Callable[[Project, Path], Runner]] = {
    "cold": ColdRunner,
    "swap": WarmRunner,
    "import": WarmRunner,
}
UNCONFINED = "unconfined"
"""Where drafts do what they want, to see that it would be seen."""
ELSEWHERE = {"import": "\n\nELSEWHERE = 1\n"}
"""What a draft comes with to be sent that way: it changes the file outside of its function."""


def open_runner(path: str, project: Project, cache: Path) -> Runner:
    return (_unconfined if path == UNCONFINED else RUNNERS[path])(project, cache)
