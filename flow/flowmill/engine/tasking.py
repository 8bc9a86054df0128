"""From a baseline to the task that every prompt of a run begins with."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from flowmill.context.fit import estimate_tokens, fit
from flowmill.context.gather import Context, gather
from flowmill.engine.board import Board
from flowmill.engine.desk import Task
from flowmill.engine.emitter import Emitter
from flowmill.engine.holding import function_of, hold_back
from flowmill.engine.mend import Surroundings
from flowmill.engine.request import RunRequest
from flowmill.engine.undefined import lookup_of
from flowmill.engine.verdict import Suite
from flowmill.project.selection import module_name
from flowmill.shapes import Mode, ModelProfile
from flowmill.source.functions import Function, find_functions
from flowmill.source.imports import module_names
from flowmill.source.text import SourceFile

RESERVE_TOKENS = 600
"""Kept free of context in every prompt: the varying end, with a failing case in it."""
MOST_CALLS = 4
FIRST_TEST = 300
"""Room for one test even where the function itself fills the prompt."""


async def make_task(
    request: RunRequest,
    file: SourceFile,
    function: Function,
    mode: Mode,
    board: Board,
    profile: ModelProfile,
    emitter: Emitter,
) -> Task:
    """Gather what prompts need, hold some tests back, and fit the rest to the model's context.

    The board's suite then knows which tests the prompts show.
    """
    suite = board.suite
    with emitter.stage("context"):
        # A test that does not reach the function says nothing of it, however short it is.
        telling = [t for t in suite.tests if t.id in suite.counting] or suite.tests
        full = await asyncio.to_thread(gather, request.project, file, function, telling, request.buffers)
        # What fails now says most, so it is neither held back nor cut before the rest.
        failing = {function_of(i) for i in suite.failing_before()} if not suite.was_stub else set[str]()
        tests = tuple(sorted(full.tests, key=lambda t: function_of(t.id) not in failing))
        held = {function_of(i) for i in hold_back([t.id for t in tests])}
        shown = replace(
            full,
            tests=tuple(t for t in tests if function_of(t.id) not in held),
            calls=_calls(
                suite, function.name, {t.id: t.text for t in tests if function_of(t.id) not in held}
            ),
        )
        fitted = fit(shown, replace(profile, context=_size(profile, full)), RESERVE_TOKENS)
    if fitted.cut:
        emitter.note("left out of the prompt, which is full: " + ", ".join(fitted.cut))
    in_prompt = {function_of(t.id) for t in fitted.tests}
    board.reconsider(
        replace(suite, visible=frozenset(i for i in suite.counting if function_of(i) in in_prompt))
    )
    sources = {function_of(t.id): t.whole or t.text for t in full.tests}
    module, _ = module_name(request.project.root, file.path)
    return Task(
        mode=mode,
        function=function,
        text=file.text,
        context=fitted,
        profile=profile,
        around=Surroundings(
            function,
            frozenset(module_names(file.tree)),
            module,
            _siblings(function, file),
            lookup_of(file, function, fitted.neighbours),
        ),
        test_sources={t.id: sources[function_of(t.id)] for t in suite.tests if function_of(t.id) in sources},
        rejected=request.rejected,
        seed=request.seed,
    )


def _calls(suite: Suite, name: str, shown: Mapping[str, str]) -> tuple[str, ...]:
    """What the function was given in tests that do not themselves spell it, each kind once, the shortest first."""
    indirect = [i for i in suite.baseline if name not in shown.get(function_of(i), name)]
    calls = sorted({suite.baseline[i].call for i in indirect} - {""}, key=len)
    return tuple(calls[:MOST_CALLS])


def _size(profile: ModelProfile, full: Context) -> int:
    """The context to fit to: what is worth its time, but never less than the function and a test need."""
    if not profile.prompt:
        return profile.context
    least = estimate_tokens(full.header) + estimate_tokens(full.body) + FIRST_TEST + RESERVE_TOKENS
    return min(profile.context, max(profile.prompt, least) + profile.reply)


def _siblings(function: Function, file: SourceFile) -> frozenset[str]:
    owner = function.qualname.rpartition(".")[0]
    return frozenset(f.name for f in find_functions(file) if f.qualname.rpartition(".")[0] == owner)
