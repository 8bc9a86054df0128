from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from doubles import projects
from doubles.openai_server import FakeOpenAI, Reply

if TYPE_CHECKING:
    from doubles.neovim import Neovim

NeovimOf: TypeAlias = "Callable[..., Awaitable[Neovim]]"
ModelOf: TypeAlias = "Callable[..., Awaitable[FakeOpenAI]]"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project whose `add` is to be written."""
    return projects.calc(tmp_path)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
async def model() -> AsyncGenerator[ModelOf]:
    """`await model(*answers)`: a server that gives these answers, the last one for ever."""
    async with AsyncExitStack() as servers:

        async def start(*answers: str | Reply) -> FakeOpenAI:
            replies = [Reply((answer,)) if isinstance(answer, str) else answer for answer in answers]
            return await servers.enter_async_context(FakeOpenAI(replies, repeat=True))

        yield start


@pytest.fixture
async def neovim(project: Path, cache: Path) -> AsyncGenerator[NeovimOf]:
    """`await neovim(model, **how)`: Neovim on the project, as `Neovim.start` has it."""
    pytest.importorskip("pynvim", reason="pynvim is not installed")
    from doubles.neovim import Neovim, executable  # noqa: PLC0415

    if executable() is None:
        pytest.skip("nvim is not installed")
    async with AsyncExitStack() as editors:

        async def start(server: FakeOpenAI | None = None, **how: Any) -> Neovim:
            how.setdefault("cache", cache)
            return await editors.enter_async_context(Neovim.start(project, server, **how))

        yield start
