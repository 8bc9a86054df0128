"""The menu of a function and what stands above it, for every state of its run and every kind of client."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from lsprotocol import types

from doubles.server_parts import Abilities, WaitingChange
from flowmill.events import DraftDelta, DraftMade, Event, Record, TestReported, TestsSelected
from flowmill.shapes import Outcome, TestRef
from flowmill_server.actions import KINDS, Change, Here, is_wanted, lenses, menu, offers, progress_words
from flowmill_server.runs.job import Job, State
from flowmill_server.text.outline import FunctionSpan

URI = "file:///projects/a.py"
HERE = [{"uri": URI, "qualname": "C.f"}]
RUN = [{"run": "r1"}]
FAILING = types.Diagnostic(types.Range(types.Position(1, 4), types.Position(1, 5)), "2 of 9 tests fail")


def span(*, stub: bool = False) -> FunctionSpan:
    return FunctionSpan("C.f", "f", 1, 2, 9, stub, "digest")


def reported(draft: int, number: int, outcome: Outcome) -> TestReported:
    return TestReported(draft, f"t.py::test_{number}", outcome, 0.1, "", "")


def made(draft: int) -> DraftMade:
    return DraftMade(draft, "model", None, "def f(): ...", "diff")


async def job(state: State, *events: Event) -> Job:
    """A run that has told these events."""
    found = Job("r1", "generate", URI, Path("/projects/a.py"), "C.f", 1, "digest", state=state)
    for seq, event in enumerate(events):
        found.story.add(Record("r1", seq, float(seq), event))
    return found


def shown(
    here: Here, client: Abilities | None = None, only: Sequence[str] | None = None
) -> list[types.CodeAction]:
    actions = menu(offers(here), only, URI, client or Abilities())
    return [action for action in actions if isinstance(action, types.CodeAction)]


def rows(actions: Sequence[types.CodeAction]) -> list[tuple[str, str, str, object]]:
    return [
        (
            action.title,
            str(action.kind),
            action.command.command if action.command else "edit" if action.edit else "",
            action.command.arguments if action.command else None,
        )
        for action in actions
    ]


GENERATE = ("Generate with flow", "refactor.rewrite.flow", "flow.generate", HERE)
REWRITE = ("Rewrite with flow", "refactor.rewrite.flow", "flow.generate", HERE)
REPAIR = ("Repair with flow", "refactor.rewrite.flow.repair", "flow.repair", HERE)
FIX = ("Repair with flow", "quickfix.flow", "flow.repair", HERE)
CANCEL = ("Flow: cancel", "refactor.rewrite.flow.cancel", "flow.cancel", RUN)
DIFF = ("Flow: show diff", "refactor.rewrite.flow.diff", "flow.showDiff", RUN)
DISCARD = ("Flow: discard", "refactor.rewrite.flow.discard", "flow.discard", RUN)
ACCEPT = ("Flow: accept (9/9 tests)", "refactor.rewrite.flow.accept", "edit", None)


# ------------------------------------------------------------------ what is offered
@pytest.mark.parametrize(
    ("here", "expected"),
    [
        (Here(URI, span(stub=True)), [GENERATE]),
        (Here(URI, span()), [REWRITE, REPAIR]),
        (Here(URI, span(), failing=FAILING), [REWRITE, FIX]),
        (Here(URI, span(stub=True), failing=FAILING), [GENERATE, FIX]),
    ],
)
def test_without_a_run(here: Here, expected: list[tuple[str, str, str, object]]) -> None:
    assert rows(shown(here)) == expected


def test_a_known_failure_is_attached_to_its_repair() -> None:
    rewrite, repair = shown(Here(URI, span(), failing=FAILING))
    assert repair.diagnostics == [FAILING]
    assert rewrite.diagnostics is None


@pytest.mark.parametrize("state", ["queued", "working"])
async def test_while_a_run_works_the_menu_begins_with_it(state: State) -> None:
    here = Here(URI, span(), job=await job(state), failing=FAILING)
    assert rows(shown(here)) == [CANCEL, DIFF, DISCARD, REWRITE, FIX]
    unfit = Here(URI, span(stub=True), reason="a syntax error", job=await job(state, made(1)))
    assert rows(shown(unfit, Abilities(disabled_actions=False))) == [CANCEL, DIFF, DISCARD]


async def test_a_result_is_accepted_by_an_edit() -> None:
    here = Here(URI, span(), job=await job("ready"), change=WaitingChange())
    actions = shown(here)
    assert rows(actions) == [ACCEPT, DIFF, DISCARD, REWRITE, REPAIR]
    edit = actions[0].edit
    assert edit is not None
    assert edit.changes is None
    assert edit.document_changes
    change = edit.document_changes[0]
    assert isinstance(change, types.TextDocumentEdit)
    assert (change.text_document.uri, change.text_document.version) == (URI, 7)
    assert change.edits == WaitingChange().edits


async def test_a_client_without_versioned_edits_gets_plain_ones() -> None:
    here = Here(URI, span(), job=await job("ready"), change=WaitingChange())
    edit = shown(here, Abilities(document_changes=False))[0].edit
    assert edit is not None
    assert edit.document_changes is None
    assert edit.changes == {URI: WaitingChange().edits}


@pytest.mark.parametrize(
    ("change", "title"),
    [
        (WaitingChange(passed=7, verified=False), "Flow: accept (7/9 tests)"),
        (WaitingChange(passed=1, total=1), "Flow: accept (1/1 tests)"),
        (WaitingChange(passed=0, total=0, verified=False), "Flow: accept (0/0 tests)"),
    ],
)
async def test_the_title_says_how_the_tests_went(change: WaitingChange, title: str) -> None:
    accept = shown(Here(URI, span(), job=await job("ready"), change=change))[0]
    assert accept.title == title
    assert accept.is_preferred is (True if change.verified else None)


async def test_what_cannot_be_accepted_now_says_why_or_is_left_out() -> None:
    stale = WaitingChange(edits=[], reason="f changed since the run started")
    here = Here(URI, span(), job=await job("ready"), change=stale)
    accept = shown(here)[0]
    assert accept.disabled == types.CodeActionDisabled("F changed since the run started")
    assert accept.edit is None
    assert rows(shown(here, Abilities(disabled_actions=False))) == [DIFF, DISCARD, REWRITE, REPAIR]
    nothing = Here(URI, span(), job=await job("ready"))
    assert rows(shown(nothing)) == [DIFF, DISCARD, REWRITE, REPAIR]


def test_a_reason_disables_or_hides() -> None:
    here = Here(URI, span(), reason="flow never edits test files")
    actions = shown(here)
    assert [action.title for action in actions] == ["Rewrite with flow", "Repair with flow"]
    for action in actions:
        assert action.disabled == types.CodeActionDisabled("Flow never edits test files")
        assert action.command is None
    assert shown(here, Abilities(disabled_actions=False)) == []


# ------------------------------------------------------------------ kinds of clients
@pytest.mark.parametrize(
    ("only", "wanted"),
    [
        (None, True),
        ([], True),
        ([types.CodeActionKind.Empty], True),
        ([types.CodeActionKind.Refactor], True),
        (["refactor.rewrite"], True),
        (["refactor.rewrite.flow"], True),
        (["refactor.rewrite.flow.accept"], False),
        (["refactor.rewrite.flo"], False),
        ([types.CodeActionKind.QuickFix], False),
        ([types.CodeActionKind.QuickFix, types.CodeActionKind.RefactorRewrite], True),
        (["source.organizeImports"], False),
    ],
)
def test_only_asks_for_a_kind_and_those_below_it(only: Sequence[str] | None, wanted: bool) -> None:
    assert is_wanted("refactor.rewrite.flow", only) is wanted
    assert bool(shown(Here(URI, span(stub=True)), only=only)) is wanted


def test_quick_fixes_alone() -> None:
    assert rows(shown(Here(URI, span(), failing=FAILING), only=["quickfix"])) == [FIX]


async def test_a_client_without_literals_gets_commands() -> None:
    client = Abilities(action_literals=False)
    here = Here(URI, span(), reason="", job=await job("ready"), change=WaitingChange())
    commands = menu(offers(here), None, URI, client)
    assert all(isinstance(command, types.Command) for command in commands)
    assert [str(command.command) for command in commands] == [
        "flow.accept",
        "flow.showDiff",
        "flow.discard",
        "flow.generate",
        "flow.repair",
    ]
    assert menu(offers(Here(URI, span(), reason="no")), None, URI, client) == []


async def test_what_a_model_writes_is_marked_where_that_is_known() -> None:
    here = Here(URI, span(), job=await job("ready"), change=WaitingChange())
    marked = [action.title for action in shown(here) if action.tags == [types.CodeActionTag.LlmGenerated]]
    assert marked == ["Flow: accept (9/9 tests)", "Rewrite with flow", "Repair with flow"]
    plain = shown(here, Abilities(llm_tag=False, preferred_actions=False))
    assert [(action.tags, action.is_preferred) for action in plain] == [(None, None)] * 5


async def test_every_kind_is_announced() -> None:
    everything = [
        Here(URI, span(), failing=FAILING),
        Here(URI, span(), job=await job("working", made(1))),
        Here(URI, span(), job=await job("ready"), change=WaitingChange()),
    ]
    kinds = {str(action.kind) for here in everything for action in shown(here)}
    assert kinds == set(KINDS)


# ------------------------------------------------------------------ lenses
def titles(found: Sequence[types.CodeLens]) -> list[str]:
    assert all(lens.command and lens.command.arguments == RUN for lens in found)
    return [lens.command.title for lens in found if lens.command]


async def test_above_a_run_that_works() -> None:
    found = lenses(await job("working", made(3), reported(3, 1, "passed")), 4, None)
    assert titles(found) == ["flow: draft 3 · 1/1 test", "cancel"]
    assert {lens.range.start.line for lens in found} == {4}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (WaitingChange(), ["accept (9/9 tests)", "show diff", "discard"]),
        (
            WaitingChange(edits=[], reason="soon", pending=True),
            ["accept (9/9 tests)", "show diff", "discard"],
        ),
        (WaitingChange(edits=[], reason="f changed"), ["show diff", "discard"]),
        (None, ["show diff", "discard"]),
    ],
)
async def test_above_a_result(change: Change | None, expected: list[str]) -> None:
    assert titles(lenses(await job("ready"), 0, change)) == expected


async def test_progress_in_a_few_words() -> None:
    tests = TestsSelected(tuple(TestRef(f"t.py::test_{n}") for n in range(9)), "coverage")
    assert progress_words(await job("queued")) == "waiting"
    assert progress_words(await job("working")) == "starting"
    assert progress_words(await job("working", tests)) == "starting"
    first = (tests, reported(0, 1, "passed"), reported(0, 2, "failed"))
    assert progress_words(await job("working", *first)) == "first look · 1/9 tests"
    assert progress_words(await job("working", *first, DraftDelta(1, "x"))) == "draft 1"
    several = (*first, made(1), made(2), reported(2, 1, "passed"), reported(2, 2, "passed"))
    assert progress_words(await job("working", *several)) == "draft 2 · 2/9 tests"
    assert progress_words(await job("working", *several, DraftDelta(1, "x"))) == "draft 1"
