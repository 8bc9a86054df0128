"""What is known is shown, and goes at once when it is not true any more."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from lsprotocol import types

from doubles.outcome_parts import EMPTY, SOURCE, TEXT, Bench, RecordingClient, reported
from flowmill_server.outcomes.failures import Found
from flowmill_server.text.document import Document

TWO = Found((reported(), reported(TEXT)), 5)
TEST_TEXT = "from shop import pick\n\ndef test_empty():\n    assert pick([]) == 1\n"


async def turn() -> None:
    """Let what was put off to the next turn of the loop happen."""
    await asyncio.sleep(0)


async def fail(bench: Bench, document: Document, qualname: str = "pick", found: Found = TWO) -> None:
    bench.outcomes.known.record(document, bench.span(document, qualname), found, "r0")
    await turn()


async def test_failures_are_published_with_the_version_and_the_failing_lines(bench: Bench) -> None:
    document = bench.open()
    test = bench.open("tests/test_pick.py", TEST_TEXT)
    await fail(bench, document)
    (params,) = bench.client.published
    assert (params.uri, params.version) == (document.uri, 1)
    (shown,) = params.diagnostics
    assert shown.message == "2 of 5 tests fail: test_empty: boom"
    first, second = list(shown.related_information or ())
    assert (first.location.uri, first.message) == (test.uri, "test_empty: boom")
    assert first.location.range == types.Range(types.Position(3, 4), types.Position(3, 24))
    assert second.message == "test_text[a-b]: boom"


async def test_a_test_file_that_is_not_open_is_named_by_its_line(bench: Bench) -> None:
    await fail(bench, bench.open())
    (shown,) = bench.client.published[-1].diagnostics
    place = next(iter(shown.related_information or ())).location
    assert place.uri == (bench.root / "tests/test_pick.py").as_uri()
    assert place.range == types.Range(types.Position(3, 0), types.Position(3, 0))


async def test_clients_that_cannot_show_more_get_it_in_the_message(tmp_path: Path) -> None:
    client = RecordingClient(diagnostic_versions=False, related_information=False)
    bench = Bench(tmp_path, client)
    await fail(bench, bench.open())
    (params,) = client.published
    assert params.version is None
    assert params.diagnostics[0].related_information is None
    assert params.diagnostics[0].message.splitlines() == [
        "2 of 5 tests fail: test_empty: boom",
        "test_text[a-b]: boom",
    ]
    await bench.aclose()


async def test_many_news_in_one_turn_are_one_message(bench: Bench) -> None:
    document = bench.open()
    for qualname in ("pick", "Box.grown", "pick"):
        bench.outcomes.known.record(document, bench.span(document, qualname), TWO, "r0")
    bench.outcomes.publish_hint(document.uri, "pick", "draft 1")
    assert bench.client.published == []
    await turn()
    (params,) = bench.client.published
    assert len(params.diagnostics) == 3


async def test_an_edit_of_the_function_clears_it_at_once(bench: Bench) -> None:
    document = bench.open()
    await fail(bench, document)
    await fail(bench, document, "Box.grown")
    bench.edit(document, SOURCE.replace("items[0]", "items[1]"))
    assert bench.outcomes.failures(document.uri, "pick") is None
    await turn()
    assert len(bench.client.published[-1].diagnostics) == 1
    assert bench.client.published[-1].version == 2
    assert bench.outcomes.failures(document.uri, "Box.grown") is not None


@pytest.mark.parametrize(
    "text", [f"# above\n\n{SOURCE}", SOURCE.replace("return by", "return -by"), f"{SOURCE}\n\nx = 1\n"]
)
async def test_edits_elsewhere_keep_it_and_say_nothing(bench: Bench, text: str) -> None:
    document = bench.open()
    await fail(bench, document)
    bench.edit(document, text)
    await turn()
    assert len(bench.client.published) == 1
    assert bench.outcomes.failures(document.uri, "pick") is not None


@pytest.mark.parametrize("text", ["", SOURCE.replace("def pick", "def choose"), "x = 1\n"])
async def test_a_function_that_is_gone_has_no_failures(bench: Bench, text: str) -> None:
    document = bench.open()
    await fail(bench, document)
    bench.edit(document, text)
    await turn()
    assert bench.client.published[-1].diagnostics == []


async def test_a_name_that_holds_its_line_moves_with_it(bench: Bench) -> None:
    twice = "def f():\n    return 1\n\n\ndef f():\n    return 2\n"
    document = bench.open(text=twice)
    await fail(bench, document, "f@5")
    bench.edit(document, f"\n{twice}")
    assert bench.outcomes.failures(document.uri, "f@6") is not None
    bench.edit(document, "def f():\n    return 2\n")
    assert bench.outcomes.failures(document.uri, "f") is not None
    bench.edit(document, twice)
    assert bench.outcomes.failures(document.uri, "f@5") is not None


async def test_a_changed_test_file_takes_its_tests_away(bench: Bench) -> None:
    document = bench.open()
    other = reported("tests/test_other.py::test_it")
    await fail(bench, document, found=Found((reported(), other), 4))
    bench.outcomes.test_file_changed(bench.root / "elsewhere/test_pick.py")
    assert bench.client.messages == ["2 of 4 tests fail: test_empty: boom"]
    test = bench.open("tests/test_pick.py", TEST_TEXT)
    bench.edit(test, f"{TEST_TEXT}# changed\n")
    await turn()
    assert bench.client.messages == ["1 of 4 tests fails: test_it: boom"]
    bench.outcomes.test_file_changed(bench.root / "tests/conftest.py")
    await turn()
    assert bench.client.messages == []


async def test_doctests_go_with_their_function_only(bench: Bench) -> None:
    document = bench.open()
    await fail(bench, document, found=Found((reported("src/shop.py::shop.pick"),), 1))
    bench.edit(document, f"# above\n{SOURCE}")
    assert bench.outcomes.failures(document.uri, "pick") is not None


async def test_a_closed_document_has_nothing_and_opened_again_still_nothing(bench: Bench) -> None:
    document = bench.open()
    await fail(bench, document)
    bench.outcomes.publish_hint(document.uri, "pick", "draft 1")
    bench.documents.close(document.uri)
    await turn()
    params = bench.client.published[-1]
    assert (params.uri, params.diagnostics, params.version) == (document.uri, [], None)
    assert bench.outcomes.failures(document.uri, "pick") is None
    bench.open()
    await turn()
    assert len(bench.client.published) == 2


async def test_nothing_is_published_where_nothing_was_shown(bench: Bench) -> None:
    document = bench.open()
    await fail(bench, document, found=Found((), 3))
    bench.outcomes.publish_hint(document.uri, "pick", None)
    bench.documents.close(document.uri)
    await turn()
    assert bench.client.published == []


async def test_hints_follow_their_function_and_go_when_told(bench: Bench) -> None:
    document = bench.open()
    bench.outcomes.publish_hint(document.uri, "pick", "draft 1 · 2/5 tests")
    bench.outcomes.publish_hint(document.uri, "gone", "never seen")
    await turn()
    (hint,) = bench.client.published[-1].diagnostics
    assert (hint.severity, hint.code) == (types.DiagnosticSeverity.Information, "run")
    assert hint.range == types.Range(types.Position(0, 0), types.Position(0, 16))
    bench.edit(document, f"\n\n{SOURCE}")
    bench.outcomes.publish_hint(document.uri, "pick", "draft 2")
    bench.outcomes.publish_hint(document.uri, "pick", "draft 2")
    await turn()
    assert bench.client.published[-1].diagnostics[0].range.start.line == 2
    bench.outcomes.publish_hint(document.uri, "pick", None)
    await turn()
    assert [len(each.diagnostics) for each in bench.client.published] == [1, 1, 0]


async def test_tests_that_pass_elsewhere_clear_only_their_project(bench: Bench) -> None:
    document = bench.open()
    await fail(bench, document)
    bench.outcomes.known.clear(bench.root.parent, frozenset({EMPTY, TEXT}))
    assert bench.outcomes.failures(document.uri, "pick") is not None
    bench.outcomes.known.clear(bench.root, frozenset({EMPTY, TEXT}))
    assert bench.outcomes.failures(document.uri, "pick") is None
