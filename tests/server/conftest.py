from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from doubles import projects
from doubles.editor import Editor, EditorOf, ModelOf
from doubles.editor_profile import NAMES
from doubles.openai_server import FakeOpenAI, Reply


@pytest.fixture(params=NAMES)
def profile(request: pytest.FixtureRequest) -> str:
    """Each client in turn."""
    name: str = request.param
    return name


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project whose `add` is to be written."""
    return projects.calc(tmp_path)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache folder for all servers that do not ask for their own: compiled once, pytest starts faster."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
async def model() -> AsyncGenerator[ModelOf]:
    """`await model(*answers)`: a server that gives these answers, the last one for ever."""
    async with AsyncExitStack() as servers:

        async def start(*answers: str | Reply, repeat: bool = True) -> FakeOpenAI:
            replies = [Reply((answer,)) if isinstance(answer, str) else answer for answer in answers]
            return await servers.enter_async_context(FakeOpenAI(replies, repeat=repeat))

        yield start


@pytest.fixture
async def editor(project: Path, cache: Path) -> AsyncGenerator[EditorOf]:
    """`await editor(profile, **how)`: an editor on the project, as `Editor.start` has it, which ends in order."""
    async with AsyncExitStack() as editors:

        async def start(profile: str = "vscode", *, root: Path | None = None, **how: Any) -> Editor:
            how.setdefault("cache", cache)
            return await editors.enter_async_context(Editor.start(root or project, profile, **how))

        yield start
