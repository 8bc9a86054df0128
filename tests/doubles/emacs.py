"""A real Emacs as a daemon, with the package of this repository, driven by emacsclient.

    async with Emacs.start(tmp_path / "project", model=server) as emacs:
        await emacs.edit("calc.py", "def add")
        await emacs.eval("(flowmill-generate)")
        await emacs.until("(run-is 'ready)")

Nothing here sleeps: `until` lets Emacs read what its processes say until the condition holds.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from doubles.editor import _environment as environment
from doubles.openai_server import FakeOpenAI
from doubles.processes import gone, marked

PACKAGE = Path(__file__).parents[2] / "editors" / "emacs"
PATIENCE = 150.0
"""Seconds after which `until` gives up; a run takes a few on a machine that is not busy."""
INIT = """
(setq native-comp-deferred-compilation nil comp-enable-subr-trampolines nil
      native-comp-jit-compilation nil native-comp-enable-subr-trampolines nil)
(setq server-client-instructions nil make-backup-files nil auto-save-default nil create-lockfiles nil use-short-answers t)
(set-language-environment "UTF-8")
(package-initialize)
(add-to-list 'load-path {package})
(require 'flowmill)
(require 'json)
(setq flowmill-command '({python} "-m" "flowmill_server"))
(defvar home nil)
(defun run () (car flowmill--runs))
(defun run-is (state) (and (run) (eq (flowmill-run-state (run)) state)))
(defun text () (with-current-buffer home (buffer-substring-no-properties (point-min) (point-max))))
(defun log-text () (with-current-buffer "*Messages*" (buffer-string)))
(defmacro at-home (&rest body) `(save-window-excursion (switch-to-buffer home) ,@body))
{init}
(require 'server)
(advice-add 'server-start :after (lambda (&rest _) (message "flowmill-ready\\n")))
"""
EGLOT = """
(require 'eglot)
(setq eglot-sync-connect t eglot-connect-timeout 100)
(flowmill-eglot-setup)
(defun connect () (call-interactively #'eglot))
"""
LSP_MODE = """
(require 'lsp-mode)
(setq lsp-enable-file-watchers nil lsp-restart 'ignore lsp-warn-no-matched-clients nil
      lsp-enable-suggest-server-download nil lsp-auto-guess-root t
      lsp-session-file (expand-file-name "lsp-session" {home}) lsp-response-timeout 100)
(flowmill-lsp-setup)
(defun connect () (lsp) t)
"""


def missing() -> str:
    """Why there is no Emacs to drive, "" if there is."""
    absent = [name for name in ("emacs", "emacsclient") if shutil.which(name) is None]
    return f"{absent[0]} is not installed" if absent else ""


def has_package(name: str) -> bool:
    """Whether Emacs has this package; it is asked, since distributions keep them in different places."""
    words = ["emacs", "-q", "--batch", "--eval", f"(progn (package-initialize) (require '{name}))"]
    return subprocess.run(words, capture_output=True, check=False, timeout=120).returncode == 0


class EmacsError(Exception):
    """What Emacs signalled."""


class Emacs:
    """Made by `start`."""

    def __init__(self, root: Path, init: str, env: dict[str, str], scratch: str) -> None:
        self.root = root
        self._env = {**env, "LC_ALL": "C.UTF-8"}
        self._scratch = scratch
        self._sockets = tempfile.mkdtemp(prefix="sock-")
        """Short: the name of a socket may not be long."""
        # Emacs removes the folder of its socket if that is empty and temporary, and then finds no room for it.
        (Path(self._sockets) / "kept").touch()
        self._init = root.parent / "init.el"
        paths = {"package": str(PACKAGE), "python": sys.executable}
        quoted = {name: json.dumps(path) for name, path in paths.items()}
        init = init.replace("{home}", json.dumps(str(root.parent)))
        self._init.write_text(INIT.format(**quoted, init=init), encoding="utf-8")

    @classmethod
    def start(
        cls, root: Path, model: FakeOpenAI | None = None, *, client: str = EGLOT, cache: Path | None = None
    ) -> Emacs:
        """To be used as `async with`. `client` is the configuration of Eglot or lsp-mode."""
        scratch = tempfile.mkdtemp(prefix="scratch-", dir=root.parent)
        return cls(root, client, environment(root, scratch, cache, model), scratch)

    # ------------------------------------------------------------------ life
    async def __aenter__(self) -> Emacs:
        self._process = await asyncio.create_subprocess_exec(
            "emacs", "-q", "--no-splash", f"--fg-daemon={self._sockets}/test", "-l", str(self._init),
            cwd=self.root, env=self._env, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        assert self._process.stdout is not None
        said = ""
        while "flowmill-ready" not in said:
            line = (await self._process.stdout.readline()).decode()
            assert line, f"Emacs did not start\n{said}"
            said += line
        self._drain = asyncio.ensure_future(self._process.stdout.read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(EmacsError, asyncio.TimeoutError):
            await asyncio.wait_for(self.eval("(let (kill-emacs-query-functions) (kill-emacs))"), 20)
        if self._process.returncode is None:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._process.wait(), 10)
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._drain
        left = await gone(marked(self._scratch), 5.0)
        shutil.rmtree(self._sockets, ignore_errors=True)
        assert kind is not None or left == [], "processes were left behind"

    # ------------------------------------------------------------------ driving
    async def eval(self, form: str) -> Any:
        """The value of a form, by way of JSON. Raises `EmacsError`."""
        wrapped = f"(with-current-buffer (or home (current-buffer)) (json-encode {form}))"
        client = await asyncio.create_subprocess_exec(
            "emacsclient", "-s", f"{self._sockets}/test", "-e", wrapped,
            env=self._env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await client.communicate()
        if client.returncode or not out.startswith(b'"'):
            raise EmacsError((err or out).decode())
        return json.loads(re.sub(r"\\(.)", r"\1", out.decode().strip()[1:-1], flags=re.DOTALL))

    async def until(self, form: str, seconds: float = PATIENCE) -> Any:
        """The form's first value that is neither nil nor false."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        wait = f"(progn (with-timeout (0.5) (while (not {form}) (accept-process-output nil 0.02))) {form})"
        while (found := await self.eval(wait)) is None or found is False:
            assert loop.time() < deadline, f"waited {seconds} s for {form}\n{await self.state()}"
        return found

    async def state(self) -> str:
        """What is known when a test gives up."""
        return str(await self.eval('(list (format "%S" (run)) (log-text))'))

    async def edit(self, name: str, at: str) -> None:
        """Open a file, put point on the first line that has this text, and connect to the server."""
        found = json.dumps(str(self.root / name))
        await self.eval(f"(progn (setq home (find-file-noselect {found})) t)")
        await self.eval(
            f"(at-home (goto-char (point-min)) (search-forward {json.dumps(at)}) (beginning-of-line) t)"
        )
        await self.eval("(at-home (connect) t)")

    async def text(self) -> str:
        """The buffer of the file that was opened."""
        return str(await self.eval("(text)"))
