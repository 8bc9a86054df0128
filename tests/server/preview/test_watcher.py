"""What the previews make of the user's typing: edits kept up to date, offers taken by code action, undo, re-tests."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from doubles.preview_parts import ActingEditor, Bench, finish, until
from doubles.projects import ADDS, CALC, STUB
from flowmill.shapes import Draft
from flowmill_server.preview.parts import Delays

DRAFT = Draft("return a + b")
RICH = Draft("return math.fsum([a, b])", imports=("import math",))
DONE = CALC.replace(STUB, ADDS)
CHANGED = CALC.replace("The sum of both", "Their sum")


@pytest.fixture
def calc(tmp_path: Path) -> Path:
    path = tmp_path / "calc.py"
    path.write_text(CALC)
    return path


async def test_the_edits_are_there_as_soon_as_the_run_has_ended(calc: Path) -> None:
    bench = Bench(calc)
    document = bench.editor.open(calc)
    job = bench.ready(DRAFT)
    offer = bench.offer(job)
    assert (offer.version, offer.passed, offer.total, offer.verified) == (1, 4, 4, True)
    bench.editor.make(document, offer.edits)
    assert document.text == DONE


async def test_a_long_text_takes_a_moment(calc: Path) -> None:
    bench = Bench(calc)
    document = bench.editor.open(calc, CALC + "# a comment\n" * 10_000)
    job = bench.ready(DRAFT)
    offer = bench.offer(job)
    assert (offer.pending, offer.edits) == (True, [])
    assert offer.reason == "the edit of add is being worked out: ask again in a moment"
    known = await bench.previews.ready(job, document)
    assert known is not None
    assert (known.reason, len(known.edits)) == ("", 1)


async def test_an_edit_elsewhere_is_carried_over_unasked(calc: Path) -> None:
    bench = Bench(calc)
    document = bench.editor.open(calc)
    job = bench.ready(DRAFT)
    bench.editor.type(document, "import os\n" + CALC.replace("last(items)", "last("))
    bench.editor.make(document, bench.offer(job).edits)
    assert document.text == "import os\n" + DONE.replace("last(items)", "last(")
    assert (job.state, bench.runs.checks) == ("accepted", [])


async def test_an_edit_with_an_import_is_carried_over_in_a_moment(calc: Path) -> None:
    bench = Bench(calc)
    document = bench.editor.open(calc)
    job = bench.ready(RICH)
    bench.editor.type(document, CALC.replace('"""Sums."""\n', '"""Sums."""\n\nimport math\n'))
    assert bench.offer(job).pending
    await until(lambda: not bench.offer(job).pending, "the edits are worked out")
    bench.editor.make(document, bench.offer(job).edits)
    assert document.text.count("import math") == 1
    assert (job.state, bench.runs.checks) == ("accepted", [])


async def test_the_edit_of_a_code_action_is_seen_at_once(calc: Path) -> None:
    bench = Bench(calc)
    document = bench.editor.open(calc)
    job = bench.ready(RICH)
    bench.editor.make(document, bench.offer(job).edits)
    assert (job.state, bench.editor.messages, bench.runs.checks) == ("accepted", [], [])


async def test_edits_that_come_one_by_one_are_one_accept(calc: Path) -> None:
    bench = Bench(calc, delays=Delays(settle=5.0))
    document = bench.editor.open(calc)
    job = bench.ready(RICH)
    for edit in reversed(bench.offer(job).edits):
        assert job.state == "ready"
        bench.editor.make(document, [edit])
    assert (job.state, bench.runs.checks) == ("accepted", [])


async def test_a_part_of_the_edits_is_tested_again(calc: Path) -> None:
    bench = Bench(calc)
    document = bench.editor.open(calc)
    job = bench.ready(RICH)
    bench.editor.make(document, bench.offer(job).edits[-1:])
    await until(lambda: job.state == "accepted", "the part is seen")
    (check,) = bench.runs.checks
    finish(check, None, 1, 3, "unchanged")
    bench.runs.end(check, "done")
    assert bench.editor.messages == ["add accepted in part: 1/4 tests pass"]


async def test_an_import_of_the_users_own_is_no_accept(calc: Path) -> None:
    bench = Bench(calc)
    document = bench.editor.open(calc)
    job = bench.ready(RICH)
    bench.editor.make(document, bench.offer(job).edits[:1])
    await until(lambda: not bench.offer(job).pending, "the rest is worked out")
    assert (job.state, len(bench.offer(job).edits)) == ("ready", 1)
    bench.editor.make(document, bench.offer(job).edits)
    assert job.state == "accepted"


async def test_an_accept_that_was_formatted_at_once(calc: Path) -> None:
    bench = Bench(calc)
    document = bench.editor.open(calc)
    job = bench.ready(DRAFT)
    bench.editor.type(document, DONE.replace("3.14  # kept", "3.14159"))
    await until(lambda: job.state == "accepted", "the function is the draft's")
    assert len(bench.runs.checks) == 1


async def test_undo_brings_the_offer_back_and_redo_takes_it_again(calc: Path) -> None:
    bench = Bench(calc)
    document = bench.editor.open(calc)
    job = bench.ready(DRAFT)
    for _ in range(2):
        await bench.previews.accept(job)
        assert (job.state, document.text) == ("accepted", DONE)
        bench.editor.type(document, CALC)
        assert job.state == "ready"
    bench.editor.type(document, DONE)
    await until(lambda: job.state == "accepted", "the redo is seen")
    assert bench.editor.messages == []


async def test_undo_while_the_part_that_was_taken_is_still_tested(calc: Path) -> None:
    bench = Bench(calc)
    document = bench.editor.open(calc)
    job = bench.ready(RICH)
    await bench.previews.accept(job, [0])
    (check,) = bench.runs.checks
    assert (job.state, check.state) == ("accepted", "working")
    bench.editor.type(document, CALC)
    assert job.state == "ready"
    assert check.state == "cancelled"


async def test_undo_does_not_put_an_old_run_before_a_newer_one(calc: Path) -> None:
    bench = Bench(calc)
    document = bench.editor.open(calc)
    job = bench.ready(DRAFT)
    await bench.previews.accept(job)
    newer = bench.ready(Draft("return sum((a, b))"), text=CALC)
    bench.editor.type(document, CALC)
    assert (job.state, newer.state) == ("accepted", "ready")


async def test_a_changed_function_is_tested_once_the_typing_rests(calc: Path) -> None:
    bench = Bench(calc)
    document = bench.editor.open(calc)
    job = bench.ready(DRAFT)
    bench.editor.type(document, CALC.replace("add(a, b)", "add(a"))
    bench.editor.type(document, CHANGED)
    await until(lambda: bench.runs.checks, "the kept draft is tested")
    assert "the draft is tested on the new text" in bench.offer(job).reason
    (check,) = bench.runs.checks
    bench.pass_check(check, job, DRAFT)
    assert (job.state, bench.editor.messages) == ("replaced", [])
    assert bench.editor.logged == ["add was changed; with the kept draft on the new text 4/4 tests pass"]
    bench.editor.make(document, bench.offer(check).edits)
    assert (document.text, check.state) == (CHANGED.replace(STUB, ADDS), "accepted")


async def test_a_draft_that_fails_on_the_changed_function_is_not_tested_again_and_again(calc: Path) -> None:
    bench = Bench(calc)
    document = bench.editor.open(calc)
    job = bench.ready(DRAFT)
    bench.editor.type(document, CHANGED)
    await until(lambda: bench.runs.checks, "the kept draft is tested")
    finish(bench.runs.checks[0], None, 2, 2, "failed")
    bench.runs.end(bench.runs.checks[0], "done")
    bench.editor.type(document, "# above\n" + CHANGED)
    await until(lambda: not bench.offer(job).pending, "the text is looked at")
    assert bench.offer(job).reason == (
        "add was changed, and with the kept draft 2/4 tests pass there: run flow again"
    )
    await asyncio.sleep(0.1)  # Longer than the typing has to rest.
    assert len(bench.runs.checks) == 1


async def test_a_newer_text_ends_the_test_on_the_older(calc: Path) -> None:
    bench = Bench(calc)
    document = bench.editor.open(calc)
    bench.ready(DRAFT)
    bench.editor.type(document, CHANGED)
    await until(lambda: bench.runs.checks, "the kept draft is tested")
    bench.editor.type(document, CHANGED.replace("Their", "The"))
    await until(lambda: len(bench.runs.checks) == 2, "it is tested anew")
    assert [check.state for check in bench.runs.checks] == ["cancelled", "working"]


async def test_a_syntax_error_is_no_reason_to_test(calc: Path) -> None:
    bench = Bench(calc)
    document = bench.editor.open(calc)
    job = bench.ready(DRAFT)
    bench.editor.type(document, CALC.replace("add(a, b)", "add(a, b"))
    await until(lambda: not bench.offer(job).pending, "the text is looked at")
    assert "syntax error" in bench.offer(job).reason
    await asyncio.sleep(0.1)  # Longer than the typing has to rest.
    assert bench.runs.checks == []
    bench.editor.type(document, CALC)
    assert bench.offer(job).reason == ""


async def test_closing_and_opening_again(calc: Path) -> None:
    bench = Bench(calc)
    document = bench.editor.open(calc)
    job = bench.ready(DRAFT)
    bench.editor.type(document, "import os\n" + CALC)
    bench.editor.documents.close(document.uri)
    again = bench.editor.open(calc, version=1)
    offer = bench.offer(job)
    assert (offer.version, offer.reason) == (1, "")
    await bench.previews.accept(job)
    assert again.text == DONE


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_wide_characters_at_the_end_of_the_file(calc: Path, encoding: str, tmp_path: Path) -> None:
    assert encoding in ("utf-8", "utf-16", "utf-32")
    text = "def add(a, b): '\U0001f40d\U0001f40d'"
    bench = Bench(calc, ActingEditor(encoding=encoding))
    document = bench.editor.open(calc, text)
    job = bench.ready(DRAFT)
    bench.editor.make(document, bench.offer(job).edits)
    assert document.text == "def add(a, b):\n    '\U0001f40d\U0001f40d'\n    return a + b"
    assert job.state == "accepted"
