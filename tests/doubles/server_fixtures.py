"""Fixtures of every test that has a server at work: a conftest.py imports those that it needs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from doubles import projects
from doubles.editor import ModelOf
from doubles.openai_server import FakeOpenAI, Reply
from flowmill.model.embedded.catalogue import default_model
from flowmill.model.embedded.weights import installed

__all__ = ["cache", "model", "project", "weights"]

EMBEDDED = default_model()
WEIGHTS = installed(EMBEDDED)
"""Found before a test gets a cache folder of its own."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project whose `add` is to be written."""
    return projects.calc(tmp_path)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache folder for all servers that do not ask for their own: compiled once, pytest starts faster."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that has the embedded model, for an editor with the real thing at work."""
    if WEIGHTS is None:
        pytest.skip(f"{EMBEDDED.name} is not downloaded: flowmill model pull")
    folder = tmp_path_factory.mktemp("weights")
    (folder / "models").symlink_to(WEIGHTS.parent)
    return folder


@pytest.fixture
async def model() -> AsyncGenerator[ModelOf]:
    """`await model(*answers)`: a server that gives these answers, the last one for ever."""
    async with AsyncExitStack() as servers:

        async def start(*answers: str | Reply, repeat: bool = True) -> FakeOpenAI:
            replies = [Reply((answer,)) if isinstance(answer, str) else answer for answer in answers]
            return await servers.enter_async_context(FakeOpenAI(replies, repeat=repeat))

        yield start
