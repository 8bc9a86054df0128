"""Runs leave behind what they have shown of the code as it stands, as long as that is the code."""

from __future__ import annotations

import asyncio

from doubles.outcome_parts import SOURCE, TEXT, Bench, reported, story
from flowmill.events import TestReported
from flowmill_server.text.document import Document

BAD, WORSE = reported(), reported(TEXT)


def shown(bench: Bench, document: Document) -> list[str] | None:
    found = bench.outcomes.failures(document.uri, "pick")
    return [test.id for test in found.tests] if found else None


async def test_a_baseline_is_shown_while_the_run_works_and_put_right_in_the_end(bench: Bench) -> None:
    document = bench.open()
    job = bench.runs.request("repair", document, bench.span(document))
    *working, end = story(
        BAD,
        WORSE,
        drafts=(TestReported(1, TEXT, "passed", 0.1, "", ""),),
        status="failed",
        before={"failed": 1},
    )
    bench.runs.tell(job, *working)
    assert shown(bench, document) == [BAD.id, WORSE.id]
    bench.runs.tell(job, end)
    bench.runs.end(job)
    assert shown(bench, document) == [WORSE.id]


async def test_what_does_not_count_in_the_end_goes(bench: Bench) -> None:
    document = bench.open()
    job = bench.runs.request("repair", document, bench.span(document))
    bench.runs.tell(job, *story(BAD, status="unchanged"))
    assert shown(bench, document) == [BAD.id]
    bench.runs.end(job)
    assert shown(bench, document) is None


async def test_a_cancelled_run_takes_nothing_back(bench: Bench) -> None:
    document = bench.open()
    job = bench.runs.request("repair", document, bench.span(document))
    bench.runs.tell(job, *story(BAD, status="cancelled"))
    bench.runs.end(job, "cancelled")
    assert shown(bench, document) == [BAD.id]


async def test_a_function_that_was_edited_meanwhile_gets_nothing(bench: Bench) -> None:
    document = bench.open()
    job = bench.runs.request("repair", document, bench.span(document))
    bench.edit(document, SOURCE.replace("[0]", "[1]"))
    bench.runs.tell(job, *story(BAD, status="failed", before={"failed": 1}))
    bench.runs.end(job)
    assert shown(bench, document) is None


async def test_a_document_that_was_closed_meanwhile_gets_nothing(bench: Bench) -> None:
    document = bench.open()
    job = bench.runs.request("repair", document, bench.span(document))
    bench.documents.close(document.uri)
    bench.runs.tell(job, *story(BAD, status="failed", before={"failed": 1}))
    bench.runs.end(job)
    assert shown(bench, document) is None


async def test_accepting_clears_what_was_said_of_the_old_text_only(bench: Bench) -> None:
    document = bench.open()
    old = bench.runs.request("repair", document, bench.span(document))
    bench.runs.tell(old, *story(BAD, status="verified", before={"failed": 1}))
    bench.runs.end(old, "ready")
    assert shown(bench, document) == [BAD.id]
    bench.runs.move(old, "accepted")
    assert shown(bench, document) is None
    bench.edit(document, SOURCE.replace("[0]", "[1]"))
    check = bench.runs.request("repair", document, bench.span(document), origin="check")
    bench.runs.tell(check, *story(WORSE, status="unchanged", before={"failed": 1}))
    bench.runs.end(check)
    bench.runs.move(old, "accepted")
    assert shown(bench, document) == [WORSE.id]


async def test_a_check_that_passes_clears(bench: Bench) -> None:
    document = bench.open()
    first = bench.runs.request("repair", document, bench.span(document))
    bench.runs.tell(first, *story(BAD, status="failed", before={"failed": 1}))
    bench.runs.end(first)
    good = reported(BAD.id, "passed", "", "")
    check = bench.runs.request("repair", document, bench.span(document), origin="check")
    bench.runs.tell(check, *story(good, status="unchanged", before={"passed": 1}))
    bench.runs.end(check)
    assert shown(bench, document) is None


async def test_the_projects_place_is_found_beside_the_run(bench: Bench) -> None:
    document = bench.open(placed=False)
    job = bench.runs.request("repair", document, bench.span(document))
    assert await bench.roots.find(job.path) == bench.root
    assert bench.roots.known(job.path) == bench.root
    bench.roots.doubt()  # the editor sends its settings once more
    bench.runs.tell(job, *story(BAD))
    await asyncio.sleep(0)
    assert bench.client.published[-1].diagnostics[0].related_information


async def test_closing_ends_the_search_for_a_place(bench: Bench) -> None:
    document = bench.open(placed=False)
    bench.runs.request("repair", document, bench.span(document))
    await bench.outcomes.aclose()
