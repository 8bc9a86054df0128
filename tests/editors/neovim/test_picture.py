"""What a user sees: the draft's window, the line at the function, the statusline; kept as a picture on demand."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from doubles.openai_server import Reply
from doubles.projects import GOOD, add_answer

pytestmark = pytest.mark.timeout(400)
Of = Callable[..., Awaitable[Any]]
NEARLY = add_answer("return {-1: 0, 0: 0, 1: 3}.get(a, 7)")
"""Passes all but one of the tests, and no small change of it passes them all."""
PICTURES = os.environ.get("FLOWMILL_PICTURES", "")
"""The folder in which the pictures are kept; by default the test's own."""
INIT = """
vim.lsp.enable('flowmill')
vim.o.statusline = ' %f %= %{v:lua.require("flowmill").status()} %l:%c '
vim.o.number, vim.o.laststatus, vim.o.ruler, vim.o.shortmess = true, 3, false, vim.o.shortmess .. 'F'
vim.o.columns, vim.o.lines = 112, 21
"""


async def test_the_screen(tmp_path: Path, model: Of, neovim: Of) -> None:
    from doubles.neovim_picture import Grid  # noqa: PLC0415  (pynvim and rich may be missing elsewhere)

    gate = asyncio.Event()
    nvim = await neovim(await model(NEARLY, Reply((GOOD[:40], GOOD[40:]), gate=gate)), init=INIT)
    await nvim.edit("calc.py", "def add")
    await nvim.command("Flow generate")
    await nvim.until("run().best == 1 and virtual()[1][2]:find('3/4')")
    folder = Path(PICTURES) if PICTURES else tmp_path
    grid = Grid(112, 21).take(await nvim.screen(112, 21))
    grid.svg(folder / "neovim-working.svg", "Neovim: a draft is written, another one was tested")
    shown = "\n".join(grid.lines())
    for text in (
        "def add(a, b):   flow: draft 1 · 3/4 tests",
        "flow: add · draft 1 · 3/4 tests",
        "✗ test_pairs[2-3-5]",
    ):
        assert text in shown, shown
    gate.set()
    await nvim.until("run().state == 'ready' and live():find('@@')")
    grid = Grid(112, 21).take(await nvim.screen(112, 21))
    grid.svg(folder / "neovim.svg", "Neovim: a verified result waits")
    shown = "\n".join(grid.lines())
    for text in (
        "verified · 4/4 tests",
        "+    return a + b",
        "✓ test_small",
        ":Flow accept · diff · discard",
    ):
        assert text in shown, shown
    assert "<svg" in (folder / "neovim.svg").read_text("utf-8")
