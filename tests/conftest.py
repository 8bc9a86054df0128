"""How the tests are spread over xdist's processes: each for itself, but for those that share something costly.

xdist's own marker for that, `xdist_group`, has no effect with pytest 9.2: it is told by a private attribute that is gone.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

TOGETHER = (
    re.compile(r"tests/editors/vscode/(?=test_(python|runs|window)\.py)"),  # one VS Code, one browser
    re.compile(r"tests/runner/environments/test_plugins\.py::.*(?=-\w+\]$)"),  # one plain pytest for all ways
)


def group_of(test: str) -> str:
    """What one process has to run as a whole: a part of the test's id, or all of it."""
    return next((found[0] for pattern in TOGETHER if (found := pattern.match(test))), test)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    from xdist.scheduler.loadscope import LoadScopeScheduling  # noqa: PLC0415

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return Groups(config, log)
