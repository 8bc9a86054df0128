"""Accepting by command, against an editor that behaves or does not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from lsprotocol import types

from doubles.preview_parts import ActingEditor, Answers, Bench, edits_of, finish
from doubles.projects import ADDS, CALC, STUB
from flowmill.shapes import Draft
from flowmill_server.text.positions import Encoding

DRAFT = Draft("return a + b")
RICH = Draft("return math.fsum([a, b])", imports=("import math",))
DONE = CALC.replace(STUB, ADDS)


@pytest.fixture
def calc(tmp_path: Path) -> Path:
    path = tmp_path / "calc.py"
    path.write_text(CALC)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
@pytest.mark.parametrize("document_changes", [True, False])
async def test_one_edit_against_the_version_at_hand(
    calc: Path, encoding: Encoding, document_changes: bool
) -> None:
    bench = Bench(calc, ActingEditor(encoding=encoding, document_changes=document_changes))
    document = bench.editor.open(calc, CALC + "# \U0001f40d", version=7)
    job = bench.ready(DRAFT)
    await bench.previews.accept(job)
    assert document.text == DONE + "# \U0001f40d"
    assert (job.state, bench.editor.messages) == ("accepted", [])
    (asked,) = bench.editor.asked
    assert asked.label == "flow: accept add"
    uri, version, edits = edits_of(asked.edit)
    assert (uri, version, len(edits)) == (calc.as_uri(), 7 if document_changes else None, 1)
    assert bench.on_disk == CALC


@pytest.mark.parametrize(
    ("annotations", "seen", "hunks", "confirms"),
    [
        (True, False, None, True),
        (True, True, None, False),
        (True, False, [0], False),
        (False, False, None, False),
    ],
)
async def test_the_editor_asks_only_where_nothing_else_showed_the_change(
    calc: Path, annotations: bool, seen: bool, hunks: list[int] | None, confirms: bool
) -> None:
    bench = Bench(calc, ActingEditor(change_annotations=annotations))
    bench.editor.open(calc)
    job = bench.ready(DRAFT)
    if seen:
        bench.previews.shown(job.run)
    await bench.previews.accept(job, hunks)
    edit = bench.editor.asked[0].edit
    known = edit.change_annotations or {}
    assert [a.needs_confirmation for a in known.values()] == ([True] if confirms else [])
    assert edit.document_changes is not None
    (change,) = edit.document_changes
    assert isinstance(change, types.TextDocumentEdit)
    named = {e.annotation_id for e in change.edits if isinstance(e, types.AnnotatedTextEdit)}
    assert named == set(known)
    assert job.state == "accepted"


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ("refuses", "the editor did not make the change: the buffer is read-only; the draft is kept"),
        ("nothing", "the editor did not make the change: the draft is kept"),
        ("lies", "the editor said it made the change, but the text is as before: the draft is kept"),
    ],
)
async def test_an_editor_that_does_not_make_the_edit(calc: Path, answers: Answers, says: str) -> None:
    bench = Bench(calc, ActingEditor(answers=answers))
    document = bench.editor.open(calc)
    job = bench.ready(DRAFT)
    await bench.previews.accept(job)
    assert (job.state, document.text, bench.editor.messages) == ("ready", CALC, [says])
    bench.editor.answers = "applies"
    await bench.previews.accept(job)
    assert (job.state, document.text) == ("accepted", DONE)


async def test_an_editor_without_edits_by_command(calc: Path) -> None:
    bench = Bench(calc, ActingEditor(apply_edit=False))
    bench.editor.open(calc)
    job = bench.ready(DRAFT)
    await bench.previews.accept(job)
    assert job.state == "ready"
    assert bench.editor.messages == [
        'this editor takes no edits from a command: use the code action "Flow: accept"'
    ]


async def test_an_edit_that_arrives_in_pieces_after_the_answer(calc: Path) -> None:
    bench = Bench(calc, ActingEditor(answers="pieces"))
    document = bench.editor.open(calc)
    job = bench.ready(RICH)
    await bench.previews.accept(job)
    assert (job.state, bench.runs.checks) == ("accepted", [])
    assert "import math" in document.text


async def test_an_answer_that_is_late_is_seen_by_its_edit(calc: Path) -> None:
    bench = Bench(calc, ActingEditor(answers="nothing"))
    document = bench.editor.open(calc)
    job = bench.ready(DRAFT)
    await bench.previews.accept(job)
    bench.editor.make(document, edits_of(bench.editor.asked[0].edit)[2])
    assert job.state == "accepted"


async def test_chosen_hunks_are_tested_again(calc: Path) -> None:
    bench = Bench(calc)
    document = bench.editor.open(calc)
    job = bench.ready(RICH)
    await bench.previews.accept(job, [1])
    assert document.text == CALC.replace(STUB, "    return math.fsum([a, b])\n")
    assert job.state == "accepted"
    (check,) = bench.runs.checks
    assert check.digest != job.digest
    finish(check, None, 0, 4, "unchanged")
    bench.runs.end(check, "done")
    assert bench.editor.messages == ["add accepted in part: 0/4 tests pass"]


async def test_edits_that_the_user_unticked(calc: Path) -> None:
    bench = Bench(calc, ActingEditor(keep=lambda edit: "import" not in edit.new_text))
    bench.editor.open(calc)
    job = bench.ready(RICH)
    await bench.previews.accept(job)
    assert (job.state, len(bench.runs.checks)) == ("accepted", 1)


async def test_what_the_user_makes_of_it_is_tested_again(calc: Path) -> None:
    bench = Bench(calc, ActingEditor(afterwards=lambda text: text.replace("a + b", "b + a")))
    bench.editor.open(calc)
    job = bench.ready(DRAFT)
    await bench.previews.accept(job)
    (check,) = bench.runs.checks
    bench.pass_check(check, job, DRAFT)
    assert job.state == "accepted"
    assert bench.editor.messages == ["add accepted with changes of yours: 4/4 tests pass"]


async def test_a_run_that_works_is_not_accepted(calc: Path) -> None:
    bench = Bench(calc)
    document = bench.editor.open(calc)
    span = document.outline.find("add")
    assert span is not None
    job = bench.runs.request("generate", document, span)
    await bench.previews.accept(job)
    assert bench.editor.messages == ["the run on add is still working"]
    assert document.text == CALC


async def test_a_hunk_that_is_not_there(calc: Path) -> None:
    bench = Bench(calc)
    bench.editor.open(calc)
    job = bench.ready(DRAFT)
    await bench.previews.accept(job, [3])
    assert bench.editor.messages == ["there is no hunk 3: this change has one hunk, 0"]
    assert job.state == "ready"


async def test_two_accepts_at_once(calc: Path) -> None:
    bench = Bench(calc, ActingEditor(answers="pieces"))
    document = bench.editor.open(calc)
    job = bench.ready(RICH)
    await asyncio.gather(bench.previews.accept(job), bench.previews.accept(job))
    assert bench.editor.messages == ["add is being accepted already"]
    assert len(bench.editor.asked) == 1
    assert document.text.count("import math") == 1
    assert bench.previews.refusal(job) == "the run on add was accepted already"


async def test_a_file_that_is_not_open(calc: Path) -> None:
    bench = Bench(calc)
    job = bench.ready(DRAFT)
    await bench.previews.accept(job)
    assert edits_of(bench.editor.asked[0].edit)[1] is None
    document = bench.editor.documents.get(calc.as_uri())
    assert document is not None
    assert (document.text, job.state, bench.on_disk) == (DONE, "accepted", CALC)


async def test_a_file_that_is_not_open_and_changed(calc: Path) -> None:
    bench = Bench(calc)
    job = bench.ready(DRAFT)
    bench.write("import os\n" + CALC)
    await bench.previews.accept(job)
    document = bench.editor.documents.get(calc.as_uri())
    assert document is not None
    assert document.text == "import os\n" + DONE


async def test_a_closed_file_whose_function_changed_or_that_is_gone(calc: Path) -> None:
    bench = Bench(calc)
    job = bench.ready(DRAFT)
    bench.write(DONE)
    await bench.previews.accept(job)
    bench.delete()
    await bench.previews.accept(job)
    assert (job.state, bench.editor.asked, bench.runs.checks) == ("ready", [], [])
    changed, gone = bench.editor.messages
    assert changed == "add changed since the run started: open calc.py and run flow again"
    assert gone == f"{calc}: no such file"


async def test_an_edit_elsewhere_is_carried_over(calc: Path) -> None:
    bench = Bench(calc)
    document = bench.editor.open(calc)
    job = bench.ready(DRAFT)
    theirs = "# \U0001f40d\n" + CALC.replace("return items[-1]", "return items[0]")
    bench.editor.type(document, theirs)
    await bench.previews.accept(job)
    assert document.text == theirs.replace(STUB, ADDS)
    assert (job.state, bench.runs.checks) == ("accepted", [])


@pytest.mark.parametrize(
    ("theirs", "says"),
    [
        (CALC.replace("def add", "def plus"), "add is not in this file any more: it was renamed or removed"),
        (
            CALC.replace("def add(a, b)", "def add(a, b"),
            "There is a syntax error in this function: '(' was never closed (line 10)",
        ),
    ],
)
async def test_a_text_that_the_draft_does_not_suit(calc: Path, theirs: str, says: str) -> None:
    bench = Bench(calc)
    document = bench.editor.open(calc)
    job = bench.ready(DRAFT)
    bench.editor.type(document, theirs)
    await bench.previews.accept(job)
    assert (job.state, document.text, bench.editor.asked) == ("ready", theirs, [])
    assert says in bench.editor.messages[0]


async def test_test_files_are_never_edited(tmp_path: Path) -> None:
    path = tmp_path / "test_calc.py"
    path.write_text(CALC)
    bench = Bench(path)
    bench.editor.open(path)
    job = bench.ready(DRAFT)
    await bench.previews.accept(job)
    assert bench.editor.messages == ["test_calc.py is a test file, and flow never edits those"]
    assert bench.editor.asked == []


async def test_a_function_that_changed_is_tested_first_and_accepted_when_asked_again(calc: Path) -> None:
    bench = Bench(calc)
    document = bench.editor.open(calc)
    job = bench.ready(DRAFT)
    theirs = CALC.replace("The sum of both", "Their sum")
    bench.editor.type(document, theirs)
    await bench.previews.accept(job)
    (check,) = bench.runs.checks
    assert bench.editor.messages == [
        "add changed since the run started: the draft is tested on the new text before it is offered"
    ]
    assert document.text == theirs
    bench.pass_check(check, job, DRAFT)
    assert (job.state, check.state, job.latest) == ("replaced", "ready", check)
    assert bench.editor.messages[1:] == [
        "add was changed; with the kept draft on the new text 4/4 tests pass: accept it again to apply it"
    ]
    await bench.previews.accept(check)
    assert document.text == theirs.replace(STUB, ADDS)


async def test_a_function_that_changed_so_that_the_draft_fails(calc: Path) -> None:
    bench = Bench(calc)
    document = bench.editor.open(calc)
    job = bench.ready(DRAFT)
    bench.editor.type(document, CALC.replace("def add(a, b)", "def add(a, b, c=1)"))
    await bench.previews.accept(job)
    (check,) = bench.runs.checks
    finish(check, None, 3, 1, "failed")
    bench.runs.end(check, "done")
    says = "add was changed, and with the kept draft 3/4 tests pass there: run flow again"
    assert bench.editor.messages[1:] == [says]
    proposal = bench.previews.edits(job, document)
    assert proposal is not None
    assert (proposal.reason, job.state) == (says, "ready")
    await bench.previews.accept(job)
    assert len(bench.runs.checks) == 1
    bench.editor.type(document, CALC)
    restored = bench.previews.edits(job, document)
    assert restored is not None
    assert (restored.reason, len(restored.edits)) == ("", 1)
