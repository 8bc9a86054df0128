"""One VS Code for all tests of a file: each test has a window, a project and a model of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from doubles.projects import CALC_FILES, write
from doubles.vscode import Window, shots_folder, write_script
from doubles.vscode_parts import CodeServer, Wire, installed, missing

WindowOf = Callable[..., Window]
ModelOf = Callable[..., None]
QUIET: dict[str, object] = {
    "workbench.startupEditor": "none",
    "workbench.colorTheme": "Default Light Modern",
    "telemetry.telemetryLevel": "off",
    "editor.minimap.enabled": False,
    "extensions.ignoreRecommendations": True,
    "chat.commandCenter.enabled": False,
    "git.enabled": False,
    "security.workspace.trust.enabled": False,
}


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    if reason := missing():
        pytest.skip(reason)
    found = Wire(installed())
    yield found
    found.close()


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory, wire: Wire) -> Iterator[CodeServer]:
    del wire  # which skips where VS Code is not installed
    # Not one for all files: what belongs to a window stays for hours after it is closed, in case that it comes back.
    folder = tmp_path_factory.mktemp("code")
    server = CodeServer(installed(), folder, environment(folder))
    try:
        server.configure(**QUIET, **{"flowmill.interpreter": sys.executable})
        server.start()
        yield server
    finally:
        server.stop()


def environment(folder: Path) -> dict[str, str]:
    """What the server gets from VS Code's own environment; the model's address comes by a setting."""
    kept = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    return {
        **kept,
        "FLOWMILL_MODEL": "scripted",
        "FLOWMILL_API_KEY": "sk-scripted",
        "FLOWMILL_CACHE_DIR": str(folder / "cache"),
        "FLOWMILL_CONFIG_DIR": str(folder / "config"),
        "VIRTUAL_ENV": sys.prefix,
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write(tmp_path, CALC_FILES)


@pytest.fixture
def model(tmp_path: Path, code: CodeServer) -> Iterator[ModelOf]:
    """Start a scripted model for the test's window: `model(answer, ..., delay=0.1)`."""
    with ExitStack() as stack:

        def start(*answers: str, delay: float = 0.05, size: int = 8) -> None:
            replies: list[dict[str, object]] = [
                {"chunks": [a[i : i + size] for i in range(0, len(a), size)], "delay": delay} for a in answers
            ]
            script = write_script(tmp_path / "script.json", replies)
            code.configure(**{"flowmill.baseUrl": stack.enter_context(scripted(script))})

        yield start


class scripted:
    """The scripted model's process; as a context its address."""

    def __init__(self, script: Path) -> None:
        self._script = script

    def __enter__(self) -> str:
        command = [sys.executable, "-m", "doubles.openai_server", "--script", str(self._script)]
        tests = Path(__file__).parents[2]
        self._process = subprocess.Popen(
            command, cwd=tests, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return f"http://127.0.0.1:{''.join(c for c in line if c.isdigit())}/v1"

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@pytest.fixture
def window(code: CodeServer, wire: Wire, project: Path, request: pytest.FixtureRequest) -> Iterator[WindowOf]:
    """Open the window on the test's project: `window()`, with what `Window` takes."""
    with ExitStack() as stack:

        def open_it(folder: Path = project, **view: object) -> Window:
            name = str(request.node.name)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
            return stack.enter_context(Window(code, wire, folder, shots=shots_folder(name), **view))  # pyright: ignore[reportArgumentType]

        yield open_it
