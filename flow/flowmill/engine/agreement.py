"""Without a trusted test: drafts are chosen by what independent drafts agree on, and called unverified.

Dual agreement after CodeT (Chen et al., 2022): a group of drafts that pass the same
made tests weighs its size times the number of those tests.
"""

from __future__ import annotations

import ast
from collections import defaultdict

from flowmill.engine.board import Board
from flowmill.engine.desk import Desk
from flowmill.engine.emitter import Emitter
from flowmill.engine.prompting import prompt_for
from flowmill.engine.reply import code_blocks, parse_leniently
from flowmill.engine.verdict import Verdict, is_made, passed

ENOUGH = 5
MOST_MADE = 8


async def agree(desk: Desk) -> None:
    """Have the model make tests, which only rank the drafts."""
    with desk.emitter.stage("made tests"):
        reply = await desk.ask(prompt_for(desk.task, "made_tests", {}, max_tokens=512), draft=False)
    desk.made = made_module(reply.text, desk.task.function.qualname, desk.task.around.module_name)
    if desk.made is None:
        desk.emitter.note("the model made no usable tests: drafts are only checked to load")


def made_module(reply: str, qualname: str, module: str) -> str | None:
    """A test module with one function for each `assert` of the reply, or None if there is none."""
    asserts: list[str] = []
    for block in code_blocks(reply):
        parsed = parse_leniently(block.code, may_trim=True)
        found = (ast.unparse(n) for n in (ast.walk(parsed[1]) if parsed else ()) if isinstance(n, ast.Assert))
        asserts += [text for text in found if qualname.rsplit(".", 1)[-1] in text]
    if not asserts or not module:
        return None
    top = qualname.split(".")[0]
    tests = [f"def test_{n}():\n    {text}\n" for n, text in enumerate(dict.fromkeys(asserts[:MOST_MADE]), 1)]
    return "\n\n".join(
        [f"import {module} as _module\nfrom {module} import *\n{top} = _module.{top}\n", *tests]
    )


def enough_unverified(board: Board) -> bool:
    """True if nothing can verify a draft and enough of them are there to choose from."""
    suite = board.suite
    if suite.trusts:
        return False
    return sum(not v.refused for v in board.verdicts) >= ENOUGH


def settle_by_agreement(board: Board, emitter: Emitter) -> None:
    """Where nothing was trusted, the best draft is the one that most drafts agree with."""
    suite = board.suite
    drafts = [v for v in board.verdicts if not v.refused and v.complete]
    if suite.trusts or not drafts:
        return
    groups: defaultdict[frozenset[str], list[Verdict]] = defaultdict(list)
    for v in drafts:
        groups[frozenset(i for i, r in v.results.items() if is_made(i) and r.outcome == "passed")].append(v)

    def weight(v: Verdict) -> tuple[int, int, int]:
        good = frozenset(i for i, r in v.results.items() if is_made(i) and r.outcome == "passed")
        return passed(v, suite, suite.doctests), len(groups[good]) * (1 + len(good)), -v.size

    best = max(drafts, key=weight)
    before = passed(board.baseline, suite, suite.doctests)
    if not suite.was_stub and passed(best, suite, suite.doctests) <= before:
        return
    board.prefer(best)
    emitter.note(
        f"unverified: no test of the project reaches this function; draft {board.best.number} is what "
        f"{len(drafts)} drafts agree on most",
        "warning",
    )
