"""The plugin itself: help, health, completion, options, and quiet where there is nothing to do."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(200)
Of = Callable[..., Awaitable[Any]]
PLUGIN = Path(__file__).parents[3] / "editors" / "neovim"


async def test_help_tags(tmp_path: Path, neovim: Of) -> None:
    nvim = await neovim(init="")
    shutil.copytree(PLUGIN / "doc", tmp_path / "doc", ignore=shutil.ignore_patterns("tags"))
    await nvim.command(f"helptags {tmp_path / 'doc'}")
    tags = (tmp_path / "doc" / "tags").read_text("utf-8")
    for name in ("flowmill", ":Flow", "flowmill-options", "flowmill.status()", "flowmill-install"):
        assert f"{name}\t" in tags
    text = (PLUGIN / "doc" / "flowmill.txt").read_text("utf-8")
    assert max(map(len, text.splitlines())) <= 79
    for word in await nvim.get("vim.fn.getcompletion('Flow ', 'cmdline')"):
        assert f"*:Flow-{word}*" in text


async def test_checkhealth(neovim: Of) -> None:
    nvim = await neovim()
    await nvim.edit("calc.py", "def add")
    await nvim.command("checkhealth flowmill")
    said = await nvim.get("text()")
    assert "ERROR" not in said
    assert "WARNING" not in said
    for line in ("Neovim 0.1", "flowmill 0.", "enabled for Python files", "running for "):
        assert line in said


async def test_checkhealth_without_a_server(neovim: Of) -> None:
    init = "vim.lsp.config('flowmill', { cmd = { 'no-such-flowmill', 'server' } })"
    nvim = await neovim(init=init)
    await nvim.command("checkhealth flowmill")
    said = await nvim.get("text()")
    assert "no-such-flowmill was not found" in said
    assert "pip install flowmill" in said
    assert "vim.lsp.enable('flowmill')" in said


async def test_words(neovim: Of) -> None:
    nvim = await neovim(init="vim.g.flowmill = { live = false }")
    assert await nvim.get("vim.fn.getcompletion('Flow di', 'cmdline')") == ["diff", "discard"]
    for word in ("accept", "cancel", "diff", "discard", "generate", "log", "runs", "live", "fly"):
        await nvim.command(f"Flow {word}")
    said = await nvim.get("said")
    assert said[0] == "flow: no result waits to be accepted"
    assert said[-1].startswith("flow: there is no :Flow fly; there are accept, cancel, diff")
    assert len(said) == 9
    assert await nvim.get("vim.v.errmsg") == ""
    assert await nvim.get("require('flowmill').status()") == ""


async def test_bad_options_are_named(neovim: Of) -> None:
    nvim = await neovim(init="")
    await nvim.lua("require('flowmill').setup({ live = 'wide', colour = 1, quickfix = false })")
    assert [text.partition(" (")[0] for text in await nvim.get("said")] == [
        "flow: there is no option colour",
        'flow: option live cannot be "wide"',
    ]
    options = await nvim.get("require('flowmill.options').get()")
    assert (options["live"], options["quickfix"]) == ("float", False)


@pytest.mark.parametrize(
    ("before", "diff", "after"),
    [
        (["a", "b"], "@@ -1,2 +1,2 @@\n a\n-b\n+c\n", ["a", "c"]),
        (["new", "a", "b"], "@@ -1,2 +1,2 @@\n a\n-b\n+c\n", ["new", "a", "c"]),
        (["x"], "@@ -1,2 +1,2 @@\n a\n-b\n+c\n", None),
        ([], "@@ -0,0 +1 @@\n+c\n", ["c"]),
        (list("abcdefghij"), "@@ -1,2 +1 @@\n-a\n b\n@@ -9,2 +8,3 @@\n i\n j\n+k\n", list("bcdefghijk")),
    ],
)
async def test_patch(neovim: Of, before: list[str], diff: str, after: list[str] | None) -> None:
    nvim = await neovim(init="")
    assert await nvim.lua("return require('flowmill.patch').apply(...)", before, diff) == after


async def test_code_in_an_answer(neovim: Of) -> None:
    nvim = await neovim(init="")
    code = "return require('flowmill.words').code(...)"
    assert await nvim.lua(code, "I think\n```python\ndef f():\n    ret") == "def f():\n    ret"
    assert await nvim.lua(code, "```\ndef f(): 1\n```\nDone") == "def f(): 1"
    assert await nvim.lua(code, "def f(): 1") == "def f(): 1"
    assert await nvim.lua(code, "Well, a definition") == ""


async def test_a_long_message_asks_for_no_key(neovim: Of) -> None:
    nvim = await neovim(init="")
    text = "flow: add: " + "a long story " * 30
    await nvim.attach(80, 12)
    await nvim.lua(
        "require('flowmill.handlers')['window/showMessage'](nil, { type = 2, message = ... })", text
    )
    assert await nvim.get("vim.api.nvim_get_mode()") == {"mode": "n", "blocking": False}
    assert text.strip() in (await nvim.get("vim.fn.execute('messages')")).replace("\n", "")
