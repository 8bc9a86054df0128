"""Generate in the real Neovim: the draft while it is written, its tests, the preview, one undo step."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from doubles.openai_server import Reply
from doubles.projects import ADDS, CALC, GOOD, STUB, add_answer

pytestmark = pytest.mark.timeout(400)
Of = Callable[..., Awaitable[Any]]
NEARLY = add_answer("return {-1: 0, 0: 0, 1: 3}.get(a, 7)")
"""Passes all but one of the tests, and no small change of it passes them all."""
CHOOSE = """
local wanted = ...
vim.ui.select = function(items, opts, done)
  for number, item in ipairs(items) do
    if vim.startswith(item.action.title, wanted) then return done(item, number) end
  end
  error(wanted .. ' is not offered')
end
vim.lsp.buf.code_action()
"""


async def test_generate_by_code_action(project: Path, model: Of, neovim: Of) -> None:
    gate = asyncio.Event()
    nvim = await neovim(await model(Reply((GOOD[:32], GOOD[32:]), gate=gate)))
    await nvim.edit("calc.py", "def add")
    before = (project / "calc.py").read_bytes()
    await nvim.lua(CHOOSE, "Generate with flow")
    await nvim.until("#virtual() == 1 and virtual()[1][2]:find('flow: ')")
    assert (await nvim.get("virtual()"))[0][0] == CALC.splitlines().index("def add(a, b):")
    await nvim.until("live():find('def add', 1, true)")
    assert "return" not in await nvim.get("live()")
    assert "model writing" in await nvim.get("require('flowmill').status()")
    gate.set()
    await nvim.until("run().state == 'ready' and virtual()[1][2]:find('verified')")
    assert (await nvim.text(), (project / "calc.py").read_bytes()) == (CALC, before)
    assert "verified · 4/4 tests" in (await nvim.get("virtual()"))[0][1]
    assert "+    return a + b" in await nvim.until("live():find('@@') and live()")
    assert await nvim.get("require('flowmill').status()") == "flow: add · verified · 4/4 tests"
    await nvim.lua(CHOOSE, "Flow: accept (4/4 tests)")
    await nvim.until("text():find('a + b', 1, true)")
    assert await nvim.text() == CALC.replace(STUB, ADDS)
    await nvim.until("run().state == 'accepted'")
    assert await nvim.until("#virtual() == 0 and live() == ''")
    assert (project / "calc.py").read_bytes() == before
    await nvim.keys("u")
    await nvim.until("not text():find('a + b', 1, true)")
    assert await nvim.text() == CALC


async def test_two_keys_from_the_cursor_to_accepted_code(model: Of, neovim: Of) -> None:
    init = "vim.lsp.enable('flowmill'); vim.keymap.set('n', '<F8>', '<Plug>(flowmill-next)')"
    nvim = await neovim(await model(GOOD), init=init)
    await nvim.edit("calc.py", "def add")
    await nvim.keys("<F8>")
    await nvim.until("run().state == 'ready' and run().finished")
    await nvim.keys("<F8>")
    await nvim.until("text():find('a + b', 1, true)")
    assert await nvim.text() == CALC.replace(STUB, ADDS)
    await nvim.keys("u")
    await nvim.until("not text():find('a + b', 1, true)")
    assert await nvim.text() == CALC
    assert await nvim.get("said") == []


async def test_with_the_embedded_model(project: Path, weights: Path, neovim: Of) -> None:
    nvim = await neovim(cache=weights)
    await nvim.edit("calc.py", "def add")
    before = (project / "calc.py").read_bytes()
    await nvim.lua(CHOOSE, "Generate with flow")
    await nvim.until("run().state == 'ready' and virtual()[1][2]:find('verified')", 300)
    assert (await nvim.text(), (project / "calc.py").read_bytes()) == (CALC, before)
    await nvim.lua(CHOOSE, "Flow: accept (4/4 tests)")
    await nvim.until("run().state == 'accepted'")
    assert STUB not in await nvim.text()
    await nvim.keys("u")
    await nvim.until("text():find('NotImplementedError', 1, true)")
    assert await nvim.text() == CALC


async def test_outcomes_are_listed(project: Path, model: Of, neovim: Of) -> None:
    gate = asyncio.Event()
    nvim = await neovim(await model(NEARLY, Reply((GOOD[:32], GOOD[32:]), gate=gate)))
    await nvim.edit("calc.py", "def add")
    await nvim.command("Flow generate")
    await nvim.until("run().best == 1")
    line = "vim.fn.getqflist({ title = 1 }).title == 'flow: add · draft 1 · 3/4 tests'"
    await nvim.until(line)
    bad = "vim.tbl_filter(function(item) return item.valid == 1 end, vim.fn.getqflist())"
    failing = await nvim.get(bad)
    assert [(item["lnum"], item["text"]) for item in failing] == [
        (12, "✗ test_pairs[2-3-5]: AssertionError: assert 7 == 5")
    ]
    name = await nvim.get("vim.fn.bufname(vim.fn.getqflist()[1].bufnr)")
    assert Path(name).name == "test_calc.py"
    assert len(await nvim.get("vim.fn.getqflist()")) == 4
    said = (await nvim.get("virtual()"))[0][1]
    assert "3/4 tests" in said
    gate.set()
    await nvim.until("run().state == 'ready'")
    await nvim.until(f"#({bad}) == 0 and #vim.fn.getqflist() == 4")
    assert await nvim.get("vim.fn.getqflist({ nr = '$' }).nr") == 1
