from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from doubles import projects
from doubles.emacs import EGLOT, LSP_MODE, Emacs, has_package, missing
from doubles.openai_server import FakeOpenAI, Reply

EmacsOf: TypeAlias = "Callable[..., Awaitable[Emacs]]"
ModelOf: TypeAlias = "Callable[..., Awaitable[FakeOpenAI]]"
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
async def emacs(project: Path, cache: Path) -> AsyncGenerator[EmacsOf]:
    """`await emacs(model, **how)`: Emacs on the project, as `Emacs.start` has it."""
    async with AsyncExitStack() as editors:

        async def start(server: FakeOpenAI | None = None, **how: Any) -> Emacs:
            how.setdefault("cache", cache)
            return await editors.enter_async_context(Emacs.start(project, server, **how))

        yield start
