from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from doubles.openai_server import FakeOpenAI
from doubles.server_fixtures import cache, model, project, weights

__all__ = ["cache", "model", "project", "weights"]

if TYPE_CHECKING:
    from doubles.neovim import Neovim

NeovimOf: TypeAlias = "Callable[..., Awaitable[Neovim]]"


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
