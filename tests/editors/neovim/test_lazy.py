"""The lines of the README under the plugin manager lazy.nvim, where that has been put into the editors' folder."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from doubles.neovim import PLUGIN
from doubles.openai_server import FakeOpenAI
from doubles.projects import ADDS, CALC, GOOD, STUB
from doubles.vscode_parts import editors_folder

pytestmark = pytest.mark.timeout(200)
Of = Callable[..., Awaitable[Any]]
LAZY = editors_folder() / "lazy.nvim"


def spec() -> str:
    """What the README says that a user writes, with the place where the plugin is."""
    text = (PLUGIN / "README.md").read_text("utf-8")
    found = re.search(r"^ *(\{ dir = .*\})$", text, re.MULTILINE)
    assert found
    return found[1].replace("/path/to/flowmill/editors/neovim", str(PLUGIN))


async def test_generate_and_accept(tmp_path: Path, model: Of, neovim: Of) -> None:
    if not LAZY.is_dir():
        pytest.skip(f"lazy.nvim is not in {LAZY}")
    state = {name: str(tmp_path / name) for name in ("root", "lockfile", "state")}
    options = ", ".join(f"{name} = '{place}'" for name, place in state.items())
    init = f"vim.opt.rtp:prepend('{LAZY}')\nrequire('lazy').setup({{ {spec()} }}, {{ {options} }})"
    server: FakeOpenAI = await model(GOOD)
    nvim = await neovim(server, init=init, managed=True)
    assert await nvim.get("require('lazy.core.config').plugins['neovim']._.loaded ~= nil")
    await nvim.edit("calc.py", "def add")
    await nvim.command("Flow generate")
    await nvim.until("run().state == 'ready'")
    await nvim.command("Flow accept")
    await nvim.until("text():find('a + b', 1, true)")
    assert await nvim.text() == CALC.replace(STUB, ADDS)
