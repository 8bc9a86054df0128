"""Verdicts are those of plain pytest, whatever users have installed, and no run leaves a file in their project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from doubles.environments import WAYS, PluginProject, made, opened, plain
from doubles.plugin_projects import DJANGO, HYPOTHESIS, KINDS, PROJECTS, SPREAD, STRICT_ASYNCIO
from flowmill.shapes import TestLimits, TestOrder

LIMITS = TestLimits(run_seconds=90.0, test_seconds=45.0, timeouts=9)
HANGING = TestLimits(run_seconds=90.0, test_seconds=5.0, timeouts=9)
COMMON = (SPREAD, STRICT_ASYNCIO, HYPOTHESIS, DJANGO)
CASES = [
    pytest.param(project, environment, how, id=f"{project.name}-{environment}-{how}")
    for project, environments, ways in (
        *((project, [name], ["swap"]) for project in PROJECTS for name in project.environments),
        *((project, ["plugins"], ["cold", "import", "spares"]) for project in COMMON),
        (KINDS, [name for name in made("py3") if "pytest" in name], ["swap"]),
    )
    for environment in environments
    for how in ways
]
Plain = Callable[[PluginProject, str, str], dict[str, str]]


@pytest.fixture(scope="session")
def plainly(tmp_path_factory: pytest.TempPathFactory) -> Plain:
    """The outcomes of plain pytest, asked once for all the ways to run tests."""
    known: dict[tuple[str, str, str], dict[str, str]] = {}

    def outcomes(project: PluginProject, environment: str, draft: str) -> dict[str, str]:
        key = (project.name, environment, draft)
        if key not in known:
            known[key] = plain(project, environment, tmp_path_factory.mktemp("plain"), draft)
        return known[key]

    return outcomes


def by_name(outcomes: dict[str, str]) -> dict[str, str]:
    return {test.partition("::")[2]: outcome for test, outcome in outcomes.items()}


def test_the_environments_are_there() -> None:
    assert {"plugins", "plugins-old"} <= set(made("")), "run `make environments`"
    assert made("py3"), "run `make environments`"


@pytest.mark.parametrize(("project", "environment", "how"), CASES)
async def test_verdicts_are_those_of_plain_pytest(
    project: PluginProject, environment: str, how: str, tmp_path: Path, plainly: Plain
) -> None:
    async with opened(project, environment, WAYS[how], tmp_path) as user:
        told = await user.run(TestOrder({}, trace=user.target, untrusted=False, limits=LIMITS))
        assert told.end.problem is None, told.end
        assert told.outcomes == by_name(plainly(project, environment, ""))
        good = by_name(plainly(project, environment, "good"))
        for name in project.drafts:
            if name == "fatal":
                wanted, limits = good | dict(project.fatal), HANGING
            else:
                wanted, limits = by_name(plainly(project, environment, name)), LIMITS
            told = await user.run(user.draft(name, limits))
            assert (name, told.outcomes) == (name, wanted)
            assert told.end.problem is None, told.end
            assert told.end.path == WAYS[how].path or not project.fits, told.end.slower
