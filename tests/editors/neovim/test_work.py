"""Repair, hunks, cancel, discard and restart in the real Neovim."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from doubles import projects
from doubles.openai_server import Reply, error
from doubles.projects import ADDS, CALC, GOOD, STUB, fenced

pytestmark = pytest.mark.timeout(400)
Of = Callable[..., Awaitable[Any]]
SPANS = '''\
def spans(items):
    """The lowest and the highest."""
    low = items[1]
    if not items:
        return None
    copy = list(items)
    for item in copy:
        if item < low:
            low = item
    copy.reverse()
    copy.reverse()
    high = low
    for item in copy:
        if item > high:
            high = item
    return high, high
'''
MENDED = SPANS.replace("low = items[1]", "low = items[0]").replace("return high, high", "return low, high")
TEST_SPANS = """\
from spans import spans


def test_one():
    assert spans([3]) == (3, 3)


def test_low():
    assert spans([1, 2, 3]) == (1, 3)
"""


async def test_repair_and_accept_one_hunk(tmp_path: Path, model: Of, neovim: Of) -> None:
    projects.write(tmp_path, {"spans.py": SPANS, "test_spans.py": TEST_SPANS})
    nvim = await neovim(await model(fenced(MENDED)))
    await nvim.edit("spans.py", "def spans")
    await nvim.command("Flow repair")
    await nvim.until("run().state == 'ready'")
    await nvim.command("Flow diff")
    assert await nvim.until("#vim.api.nvim_tabpage_list_wins(0) >= 2 and vim.wo.diff")
    assert await nvim.text() == MENDED
    await nvim.until("live() == ''")
    assert "a hunk" in await nvim.get("vim.wo.winbar")
    assert await nvim.get("vim.fn.getcompletion('Flow accept ', 'cmdline')") == ["1", "2"]
    await nvim.lua("vim.fn.search('low, high')")
    await nvim.keys("a")
    await nvim.until("not vim.wo.diff and text():find('low, high', 1, true)")
    assert await nvim.text() == SPANS.replace("return high, high", "return low, high")
    await nvim.keys("u")
    await nvim.until("not text():find('low, high', 1, true)")
    assert await nvim.text() == SPANS


async def test_accept_hunks_by_number_and_by_line(tmp_path: Path, model: Of, neovim: Of) -> None:
    projects.write(tmp_path, {"spans.py": SPANS, "test_spans.py": TEST_SPANS})
    nvim = await neovim(await model(fenced(MENDED)))
    await nvim.edit("spans.py", "def spans")
    await nvim.command("Flow repair")
    await nvim.until("run().state == 'ready'")
    await nvim.command("Flow accept 3")
    await nvim.until("#said > 0 or vim.fn.execute('messages'):find('no hunk 2')")
    assert await nvim.text() == SPANS
    await nvim.lua("vim.fn.search('items.1.')")
    await nvim.command(".Flow accept")
    await nvim.until("text():find('items[0]', 1, true)")
    assert await nvim.text() == SPANS.replace("items[1]", "items[0]")


async def test_cancel_mid_run(project: Path, model: Of, neovim: Of) -> None:
    server = await model(Reply((GOOD[:32], GOOD[32:]), gate=asyncio.Event()))
    nvim = await neovim(server)
    await nvim.edit("calc.py", "def add")
    await nvim.command("Flow generate")
    await nvim.until("live():find('def add', 1, true)")
    await nvim.command("Flow cancel")
    await nvim.until("run().state == 'cancelled'")
    await asyncio.wait_for(server.dropped.wait(), 5)
    assert await nvim.until("#virtual() == 0 and live() == ''")
    assert await nvim.get("require('flowmill').status()") == ""
    assert (await nvim.text(), (project / "calc.py").read_text()) == (CALC, CALC)
    await nvim.command("Flow cancel")
    assert await nvim.get("said") == ["flow: nothing is running"]


async def test_discard_and_log(model: Of, neovim: Of) -> None:
    nvim = await neovim(await model(GOOD))
    await nvim.edit("calc.py", "def add")
    await nvim.command("Flow generate")
    await nvim.until("run().state == 'ready'")
    await nvim.command("Flow discard")
    await nvim.until("run().state == 'discarded' and #virtual() == 0 and live() == ''")
    assert await nvim.text() == CALC
    await nvim.command("Flow log")
    await nvim.until("text():find('# Generate `add`', 1, true) and text():find('Discarded', 1, true)")
    assert await nvim.get("{ vim.bo.filetype, vim.bo.modifiable, vim.bo.modified }") == [
        "markdown",
        False,
        False,
    ]


async def test_split_fills_while_the_model_writes(model: Of, neovim: Of) -> None:
    gate = asyncio.Event()
    init = "require('flowmill').setup({ live = 'split' })"
    nvim = await neovim(await model(Reply((GOOD[:32], GOOD[32:]), gate=gate)), init=init)
    await nvim.edit("calc.py", "def add")
    await nvim.command("Flow generate")
    right = "vim.fn.winbufnr(2)"
    await nvim.until("vim.fn.winnr('$') == 2")
    await nvim.until(f"text({right}):find('    ret\\n\\n\\ndef last', 1, true)")
    assert await nvim.get("vim.fn.winnr()") == 1
    gate.set()
    await nvim.until("run().state == 'ready'")
    await nvim.until(f"text({right}):find('sum of both', 1, true) and text({right}):find('a + b', 1, true)")
    assert await nvim.get(f"text({right})") + "\n" == CALC.replace(STUB, ADDS)
    await nvim.command("Flow accept")
    await nvim.until("run().state == 'accepted' and vim.fn.winnr('$') == 1 and not vim.wo.diff")
    assert await nvim.text() == CALC.replace(STUB, ADDS)


async def test_restart_and_death_of_the_server(model: Of, neovim: Of) -> None:
    gate = asyncio.Event()
    nvim = await neovim(await model(Reply((GOOD[:32], GOOD[32:]), gate=gate)))
    await nvim.edit("calc.py", "def add")
    first = await nvim.get("vim.lsp.get_clients({ name = 'flowmill' })[1].id")
    await nvim.command("Flow generate")
    await nvim.until("run().state == 'working'")
    await nvim.command("Flow restart")
    gate.set()
    await nvim.until("run().state == 'lost' or run().state == 'cancelled'")
    await nvim.until(f"attached() and vim.lsp.get_clients({{ name = 'flowmill' }})[1].id ~= {first}")
    await nvim.until("#virtual() == 0 and live() == ''")
    await nvim.until("vim.lsp.get_clients({ name = 'flowmill' })[1].initialized")
    await nvim.command("Flow generate")
    await nvim.until("run(1).state == 'ready'")


async def test_an_edit_below_leaves_the_line_at_the_function(model: Of, neovim: Of) -> None:
    nvim = await neovim(await model(GOOD))
    await nvim.edit("calc.py", "def add")
    await nvim.command("Flow generate")
    await nvim.until("run().state == 'ready'")
    await nvim.lua("vim.api.nvim_buf_set_lines(0, 2, 2, false, { '# one more line' })")
    assert (await nvim.get("virtual()"))[0][0] == CALC.splitlines().index("def add(a, b):") + 1
    await nvim.command("Flow accept")
    await nvim.until("text():find('a + b', 1, true)")
    assert "# one more line" in await nvim.text()


async def test_a_model_that_refuses_is_named(model: Of, neovim: Of) -> None:
    nvim = await neovim(await model(error(401, "bad key")))
    await nvim.edit("calc.py", "def add")
    await nvim.command("Flow generate")
    said = await nvim.until("vim.fn.execute('messages'):find('401') and vim.fn.execute('messages')")
    assert said.count("flow: add: ") == 1
    assert await nvim.get("vim.api.nvim_get_mode().mode") == "n"
