from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from doubles.editor import Editor, EditorOf
from doubles.editor_profile import NAMES
from doubles.server_fixtures import cache, model, project

__all__ = ["cache", "model", "project"]


@pytest.fixture(params=NAMES)
def profile(request: pytest.FixtureRequest) -> str:
    """Each client in turn."""
    name: str = request.param
    return name


@pytest.fixture
async def editor(project: Path, cache: Path) -> AsyncGenerator[EditorOf]:
    """`await editor(profile, **how)`: an editor on the project, as `Editor.start` has it, which ends in order."""
    async with AsyncExitStack() as editors:

        async def start(profile: str = "vscode", *, root: Path | None = None, **how: Any) -> Editor:
            how.setdefault("cache", cache)
            return await editors.enter_async_context(Editor.start(root or project, profile, **how))

        yield start
