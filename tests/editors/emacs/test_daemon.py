"""The real Emacs, with Eglot and with lsp-mode: generate, preview, accept, undo once, cancel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from doubles.openai_server import Reply, error
from doubles.projects import ADDS, CALC, GOOD, STUB

pytestmark = pytest.mark.timeout(400)
Of = Callable[..., Awaitable[Any]]
UNDO = "(at-home (undo-boundary) (setq last-command 'ignore this-command 'undo) (undo) t)"


async def test_generate_preview_accept_undo(project: Path, client: str, model: Of, emacs: Of) -> None:
    gate = asyncio.Event()
    ed = await emacs(await model(Reply((GOOD[:32], GOOD[32:]), gate=gate)), client=client)
    await ed.edit("calc.py", "def add")
    before = (project / "calc.py").read_bytes()
    await ed.eval("(at-home (flowmill-generate) t)")
    await ed.until("(and (run) (flowmill-run-streaming (run)))")
    line = await ed.eval("(at-home (substring-no-properties (flowmill-mode-line)))")
    assert line.startswith(" flow:add[draft ")
    assert line.endswith("model writing]")
    gate.set()
    await ed.until("(run-is 'ready)")
    assert "flow:add[4/4 tests, verified]" in await ed.eval(
        "(at-home (format-mode-line mode-line-misc-info))"
    )
    assert (await ed.text(), (project / "calc.py").read_bytes()) == (CALC, before)
    await ed.eval("(at-home (flowmill-show-diff) t)")
    diff = await ed.eval('(with-current-buffer "*flow diff: add*" (list (buffer-string) major-mode))')
    assert diff[1] == "diff-mode"
    assert "\n+    return a + b\n" in diff[0]
    await ed.eval('(with-current-buffer "*flow diff: add*" (flowmill-accept) t)')
    await ed.until('(string-search "a + b" (text))')
    assert await ed.text() == CALC.replace(STUB, ADDS)
    await ed.until("(run-is 'accepted)")
    assert not await ed.eval("(at-home (flowmill-mode-line))")
    await ed.eval(UNDO)
    assert await ed.text() == CALC
    assert (project / "calc.py").read_bytes() == before


async def test_with_the_embedded_model(project: Path, eglot: str, weights: Path, emacs: Of) -> None:
    ed = await emacs(client=eglot, cache=weights)
    await ed.edit("calc.py", "def add")
    before = (project / "calc.py").read_bytes()
    await ed.eval("(at-home (flowmill-generate) t)")
    await ed.until("(run-is 'ready)", 300)
    assert (await ed.text(), (project / "calc.py").read_bytes()) == (CALC, before)
    await ed.eval("(at-home (flowmill-show-diff) t)")
    await ed.eval('(with-current-buffer "*flow diff: add*" (flowmill-accept) t)')
    await ed.until("(run-is 'accepted)")
    assert STUB not in await ed.text()
    await ed.eval(UNDO)
    assert await ed.text() == CALC


async def test_two_keys_from_point_to_accepted_code(eglot: str, model: Of, emacs: Of) -> None:
    ed = await emacs(await model(GOOD), client=eglot)
    await ed.eval('(progn (global-set-key (kbd "<f8>") #\'flowmill-next) t)')
    await ed.edit("calc.py", "def add")
    await ed.eval('(at-home (execute-kbd-macro (kbd "<f8>")) t)')
    await ed.until("(run-is 'ready)")
    await ed.until('(string-search "flow: add is verified: 4/4 tests" (log-text))')
    await ed.eval('(at-home (execute-kbd-macro (kbd "<f8>")) t)')
    await ed.until('(string-search "a + b" (text))')
    assert await ed.text() == CALC.replace(STUB, ADDS)
    await ed.eval(UNDO)
    assert await ed.text() == CALC


async def test_cancel_then_discard(project: Path, client: str, model: Of, emacs: Of) -> None:
    gate = asyncio.Event()
    server = await model(Reply((GOOD[:32], GOOD[32:]), gate=gate))
    ed = await emacs(server, client=client)
    await ed.edit("calc.py", "def add")
    await ed.eval("(at-home (flowmill-generate) t)")
    await ed.until("(and (run) (flowmill-run-streaming (run)))")
    await ed.eval("(at-home (flowmill-cancel) t)")
    await ed.until("(run-is 'cancelled)")
    await asyncio.wait_for(server.dropped.wait(), 5)
    assert await ed.text() == CALC
    gate.set()
    await ed.eval("(at-home (flowmill-generate) t)")
    await ed.until("(run-is 'ready)")
    await ed.eval("(at-home (flowmill-discard) t)")
    await ed.until("(run-is 'discarded)")
    await ed.eval("(at-home (flowmill-log) t)")
    await ed.until(
        '(and (get-buffer "*flow log: add*")'
        ' (with-current-buffer "*flow log: add*" (string-search "# Generate `add`" (buffer-string))))'
    )
    assert (await ed.text(), (project / "calc.py").read_text()) == (CALC, CALC)


async def test_one_hunk_of_the_diff(eglot: str, model: Of, emacs: Of) -> None:
    ed = await emacs(await model(GOOD), client=eglot)
    await ed.edit("calc.py", "def add")
    await ed.eval("(at-home (flowmill-generate) t)")
    await ed.until("(run-is 'ready)")
    await ed.eval("(at-home (flowmill-show-diff) t)")
    await ed.eval('(with-current-buffer "*flow diff: add*" (diff-hunk-next) (diff-apply-hunk) t)')
    assert await ed.text() == CALC.replace(STUB, ADDS)


async def test_ediff(eglot: str, model: Of, emacs: Of) -> None:
    ed = await emacs(await model(GOOD), client=eglot)
    await ed.edit("calc.py", "def add")
    await ed.eval("(at-home (flowmill-generate) t)")
    await ed.until("(run-is 'ready)")
    await ed.eval("(progn (fset 'ediff-buffers (lambda (&rest buffers) (setq shown buffers))) t)")
    await ed.eval("(at-home (flowmill-show-diff t) t)")
    await ed.until("(and (bound-and-true-p shown) t)")
    assert await ed.eval("(with-current-buffer (cadr shown) (buffer-string))") == CALC.replace(STUB, ADDS)
    assert await ed.text() == CALC


async def test_words_when_there_is_nothing(eglot: str, model: Of, emacs: Of) -> None:
    ed = await emacs(await model(GOOD), client=eglot)
    await ed.edit("calc.py", "def add")
    for command in ("cancel", "discard", "show-diff", "log"):
        said = await ed.eval(f"(condition-case err (flowmill-{command}) (user-error (cadr err)))")
        assert said.startswith("Flow: ")
    await ed.eval("(at-home (flowmill-accept) t)")
    await ed.until('(string-search "flow: no result waits to be accepted" (log-text))')
    await ed.eval("(at-home (goto-char (point-min)) (flowmill-generate) t)")
    await ed.until('(string-search "put the cursor into one" (log-text))')


async def test_a_model_that_refuses_is_named(client: str, model: Of, emacs: Of) -> None:
    ed = await emacs(await model(error(401, "bad key")), client=client)
    await ed.edit("calc.py", "def add")
    await ed.eval("(at-home (flowmill-repair) t)")
    assert "401" in await ed.until('(and (string-search "401" (log-text)) (log-text))')
    assert await ed.text() == CALC
