"""A real Neovim, headless, with the plugin of this repository, driven over its API.

    async with Neovim.start(tmp_path / "project", model=server) as nvim:
        await nvim.edit("calc.py", "def add")
        await nvim.command("Flow generate")
        await nvim.until("run().state == 'ready'")

Nothing here sleeps: `until` lets Neovim look at its own state whenever something came in.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import pynvim

from doubles.editor import _environment as environment
from doubles.openai_server import FakeOpenAI
from doubles.processes import gone, marked

T = TypeVar("T")
PLUGIN = Path(__file__).parents[2] / "editors" / "neovim"
PATIENCE = 150.0
"""Seconds after which `until` gives up; a run takes a few on a machine that is not busy."""
HELPERS = """
function _G.run(number) return require('flowmill.runs').all()[number or 1] or {} end
function _G.draft(run) return require('flowmill.runs').shown(run or _G.run()) or { order = {}, tests = {} } end
function _G.text(buf) return table.concat(vim.api.nvim_buf_get_lines(buf or 0, 0, -1, false), '\\n') end
function _G.virtual(buf)
  local space, said = vim.api.nvim_create_namespace('flowmill.outcomes'), {}
  for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(buf or 0, space, 0, -1, { details = true })) do
    local line = {}
    for _, chunk in ipairs(mark[4].virt_text or {}) do line[#line + 1] = chunk[1] end
    said[#said + 1] = { mark[2], table.concat(line) }
  end
  return said
end
function _G.live()
  local _, buf = require('flowmill.live').window()
  return buf and _G.text(buf) or ''
end
function _G.attached() return #vim.lsp.get_clients({ name = 'flowmill', bufnr = 0 }) > 0 end
_G.said = {}
vim.notify = function(text) table.insert(_G.said, text) end
"""


def executable() -> str | None:
    """The Neovim beside this interpreter, else the one in PATH; None if there is none."""
    return shutil.which("nvim", path=str(Path(sys.prefix) / "bin")) or shutil.which("nvim")


class Neovim:
    """Made by `start`. Every call goes through one thread: pynvim has a loop of its own."""

    def __init__(self, root: Path, init: str, env: dict[str, str], scratch: str, *, managed: bool) -> None:
        self.root = root
        self._env = env
        self._scratch = scratch
        self._thread = ThreadPoolExecutor(1)
        self._nvim: Any = None
        self._init = root.parent / "init.lua"
        path = "" if managed else f"vim.opt.rtp:prepend({str(PLUGIN)!r})\n"
        self._init.write_text(f"{path}{init}\n{HELPERS}", encoding="utf-8")

    @classmethod
    def start(
        cls,
        root: Path,
        model: FakeOpenAI | None = None,
        *,
        init: str = "vim.lsp.enable('flowmill')",
        cache: Path | None = None,
        managed: bool = False,
    ) -> Neovim:
        """To be used as `async with`. `init` is the user's configuration; `managed`: it brings the plugin."""
        scratch = tempfile.mkdtemp(prefix="scratch-", dir=root.parent)
        return cls(root, init, environment(root, scratch, cache, model), scratch, managed=managed)

    # ------------------------------------------------------------------ life
    async def __aenter__(self) -> Neovim:
        await self._do(self._launch)
        return self

    def _launch(self) -> None:
        words = [executable() or "nvim", "--embed", "--headless", "--clean", "-u", str(self._init)]
        env = [f"{name}={value}" for name, value in self._env.items()]
        argv = ["env", "-i", "-C", str(self.root), *env, *words]
        self._nvim = pynvim.attach("child", argv=argv)

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._do(self._quit)
        self._thread.shutdown()
        left = await gone(marked(self._scratch), 5.0)
        assert kind is not None or left == [], "processes were left behind"

    def _quit(self) -> None:
        with suppress(OSError, EOFError, pynvim.NvimError):
            self._nvim.command("qa!")
        self._nvim.close()

    async def _do(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    # ------------------------------------------------------------------ driving
    async def lua(self, code: str, *arguments: object) -> Any:
        """The value that a piece of Lua returns."""
        return await self._do(lambda: self._nvim.exec_lua(code, *arguments))

    async def get(self, expression: str) -> Any:
        """The value of a Lua expression."""
        return await self.lua(f"return {expression}")

    async def command(self, text: str) -> None:
        await self._do(lambda: self._nvim.command(text))

    async def keys(self, keys: str) -> None:
        """Type as a user does."""
        await self._do(lambda: self._nvim.input(keys))

    async def until(self, condition: str, seconds: float = PATIENCE) -> Any:
        """The first true value of a Lua expression."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        wait = f"vim.wait(250, function() return ({condition}) and true or false end, 5); return {condition}"
        while not (found := await self.lua(wait)):
            assert loop.time() < deadline, f"waited {seconds} s for {condition}\n{await self.state()}"
        return found

    async def state(self) -> str:
        """What is known when a test gives up."""
        return str(await self.get("vim.inspect({ run(), virtual(), said, vim.fn.execute('messages') })"))

    async def edit(self, name: str, at: str) -> None:
        """Open a file, put the cursor on the first line that has this text, and wait for the server."""
        await self.command(f"edit {name}")
        await self.lua("vim.fn.search(...)", rf"\V{at}")
        await self.until("attached() and vim.lsp.get_clients({ name = 'flowmill' })[1].initialized")

    async def text(self) -> str:
        """The current buffer."""
        return str(await self.get("text()")) + "\n"

    # ------------------------------------------------------------------ what is on the screen
    async def attach(self, columns: int, rows: int) -> None:
        """Have a terminal: without one, Neovim asks for no key whatever it says."""
        await self._do(lambda: self._nvim.ui_attach(columns, rows, rgb=True))

    async def screen(self, columns: int, rows: int) -> Sequence[Sequence[Any]]:
        """Everything that a terminal is told to draw, from the first message on, of the screen as it is."""
        return await self._do(lambda: self._screen(columns, rows))

    def _screen(self, columns: int, rows: int) -> list[Any]:
        nvim = self._nvim
        nvim.ui_attach(columns, rows, rgb=True, ext_linegrid=True)
        nvim.command("doautocmd VimResized | redraw!")
        nvim.exec_lua("vim.wait(300); vim.cmd('redraw!'); vim.rpcnotify(...)", nvim.channel_id, "drawn")
        events: list[Any] = []
        while (message := nvim.next_message())[1] != "drawn":
            if message[1] == "redraw":
                events.extend(message[2])
        nvim.ui_detach()
        return events
