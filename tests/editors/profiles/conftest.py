from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from doubles import projects
from doubles.editor import Editor, EditorOf, ModelOf
from doubles.openai_server import FakeOpenAI, Reply

from .setups import SETUPS, Setup


@pytest.fixture(params=SETUPS, ids=lambda setup: setup.name)
def setup(request: pytest.FixtureRequest) -> Setup:
    """Each editor in turn."""
    param: Setup = request.param
    return param


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project whose `add` is to be written."""
    return projects.calc(tmp_path)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache folder for all servers."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
async def model() -> AsyncGenerator[ModelOf]:
    """`await model(*replies)`: a server that gives these answers, the last one for ever."""
    async with AsyncExitStack() as servers:

        async def start(*answers: str | Reply) -> FakeOpenAI:
            replies = [Reply((answer,)) if isinstance(answer, str) else answer for answer in answers]
            return await servers.enter_async_context(FakeOpenAI(replies, repeat=True))

        yield start


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
