from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from doubles.command import Flowmill, Scripted
from doubles.openai_server import FakeOpenAI, Reply


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache folder for all commands that do not ask for their own."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
async def scripted(tmp_path: Path, cache: Path) -> AsyncGenerator[Scripted]:
    """`await scripted(*answers)`: the command with a model that gives these answers, the last one for ever."""
    async with AsyncExitStack() as servers:

        async def start(*answers: str | Reply, pages: dict[str, object] | None = None) -> Flowmill:
            replies = [Reply((answer,)) if isinstance(answer, str) else answer for answer in answers]
            server = FakeOpenAI(replies, pages=pages, repeat=True)
            return Flowmill(tmp_path, await servers.enter_async_context(server), cache)

        yield start
