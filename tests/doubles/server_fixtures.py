"""Fixtures of every test that has a server at work: a conftest.py imports those that it needs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from doubles import projects
from doubles.editor import ModelOf
from doubles.openai_server import FakeOpenAI, Reply

__all__ = ["cache", "model", "project"]


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
