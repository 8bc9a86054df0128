from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from doubles.editor import Editor, EditorOf
from doubles.server_fixtures import cache, model, project

from .setups import SETUPS, Setup

__all__ = ["cache", "model", "project"]


@pytest.fixture(params=SETUPS, ids=lambda setup: setup.name)
def setup(request: pytest.FixtureRequest) -> Setup:
    """Each editor in turn."""
    param: Setup = request.param
    return param


@pytest.fixture
async def editor(project: Path, cache: Path, setup: Setup) -> AsyncGenerator[EditorOf]:
    """`await editor(model=server)`: this editor, set up as its page says; the tests hear the run's events."""
    async with AsyncExitStack() as editors:

        async def start(**how: Any) -> Editor:
            options = {**setup.options, "flow": {"events": True}}
            settings = {**setup.settings, **how.pop("settings", {})}
            begun = Editor.start(
                project, setup.profile, options=options, settings=settings, cache=cache, **how
            )
            return await editors.enter_async_context(begun)

        yield start
