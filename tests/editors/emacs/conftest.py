from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from doubles.emacs import EGLOT, LSP_MODE, Emacs, has_package, missing
from doubles.openai_server import FakeOpenAI
from doubles.server_fixtures import cache, model, project, weights

__all__ = ["cache", "model", "project", "weights"]

EmacsOf: TypeAlias = "Callable[..., Awaitable[Emacs]]"
CLIENTS = {"eglot": EGLOT, "lsp-mode": LSP_MODE}


@pytest.fixture(scope="session")
def packages() -> dict[str, bool]:
    """Which of the clients Emacs has."""
    return {} if missing() else {name: has_package(name) for name in CLIENTS}


@pytest.fixture(params=list(CLIENTS))
def client(request: pytest.FixtureRequest, packages: dict[str, bool]) -> str:
    """Each of the clients in turn: its configuration."""
    if missing() or not packages[request.param]:
        pytest.skip(missing() or f"Emacs has no {request.param}")
    return CLIENTS[request.param]


@pytest.fixture
def eglot(packages: dict[str, bool]) -> str:
    if missing() or not packages["eglot"]:
        pytest.skip(missing() or "Emacs has no eglot")
    return EGLOT


@pytest.fixture
async def emacs(project: Path, cache: Path) -> AsyncGenerator[EmacsOf]:
    """`await emacs(model, **how)`: Emacs on the project, as `Emacs.start` has it."""
    async with AsyncExitStack() as editors:

        async def start(server: FakeOpenAI | None = None, **how: Any) -> Emacs:
            how.setdefault("cache", cache)
            return await editors.enter_async_context(Emacs.start(project, server, **how))

        yield start
