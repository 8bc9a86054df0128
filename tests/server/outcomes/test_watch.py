"""Saves lead to test runs, one at a time; their reports to diagnostics, and to repairs where those are asked for."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from doubles.outcome_parts import EMPTY, SOURCE, TEXT, Bench, result
from flowmill.engine.affected import AffectedReport, AffectedSpec
from flowmill.settings import Settings
from flowmill_server.runs.job import State
from flowmill_server.text.document import Document

CHANGED = SOURCE.replace("items[0]", "items[1]")


async def settle(bench: Bench) -> None:
    """Until no test run waits or goes on."""
    await turns()
    while tasks := [q.worker for q in bench.watch._queues.values() if q.worker and not q.worker.done()]:
        await asyncio.wait(tasks, timeout=10)


async def turns() -> None:
    """As many turns of the loop as anything here takes to begin."""
    for _ in range(20):
        await asyncio.sleep(0)


async def save(bench: Bench, document: Document) -> AffectedSpec:
    bench.documents.save(document.uri)
    spec = await bench.engine.next()
    if bench.engine.gate.is_set():
        await settle(bench)
    return spec


def shown(bench: Bench, document: Document, qualname: str = "pick") -> list[str] | None:
    found = bench.outcomes.failures(document.uri, qualname)
    return [test.id for test in found.tests] if found else None


# ------------------------------------------------------------------ asking
async def test_a_save_asks_for_the_tests_of_what_changed(bench: Bench) -> None:
    document = bench.open()
    await asyncio.sleep(0)
    bench.edit(document, CHANGED)
    spec = await save(bench, document)
    assert (spec.root, spec.saved) == (bench.root, (document.path,))
    assert spec.changed == ((document.path, "pick"),)
    assert (spec.seconds, spec.test_seconds, spec.earlier) == (15.0, 5.0, ())
    assert (await save(bench, document)).changed == ()


async def test_what_is_known_to_fail_is_asked_for_again(bench: Bench) -> None:
    document = bench.open()
    bench.engine.answer = lambda spec: bench.report(bench.blamed(document))
    await save(bench, document)
    assert (await save(bench, document)).earlier == (EMPTY,)


@pytest.mark.parametrize("path", ["file:///p/notes.md", "untitled:Untitled-1"])
async def test_without_the_setting_or_a_file_nothing_runs(bench: Bench, path: str) -> None:
    bench.configured.value = Settings()
    document = bench.open()
    bench.documents.save(document.uri)
    bench.documents.save(path)
    await turns()
    assert bench.engine.specs == []


async def test_a_save_before_the_settings_are_known_waits_for_them(bench: Bench) -> None:
    bench.configured.told.clear()
    document = bench.open()
    bench.documents.save(document.uri)
    await turns()
    assert bench.engine.specs == []
    bench.configured.told.set()
    await bench.engine.next()


async def test_why_tests_cannot_run_is_logged_and_nothing_cleared(bench: Bench) -> None:
    document = bench.open()
    bench.engine.answer = lambda spec: bench.report(bench.blamed(document))
    await save(bench, document)
    bench.engine.answer = lambda spec: "no pytest in it"
    await save(bench, document)
    assert bench.client.lines[-1] == "Tests after saving shop.py: no pytest in it"
    assert shown(bench, document) == [EMPTY]
    bench.engine.answer = lambda spec: bench.report(problem="the tests were stopped after 15 s")
    await save(bench, document)
    assert shown(bench, document) == [EMPTY]


# ------------------------------------------------------------------ what comes of it
async def test_failures_are_shown_and_cleared_by_the_next_save(bench: Bench) -> None:
    document = bench.open()
    bench.engine.answer = lambda spec: bench.report(
        bench.blamed(document, "pick", result(), result(TEXT), total=4)
    )
    await save(bench, document)
    await asyncio.sleep(0)
    assert bench.client.messages == ["2 of 4 tests fail: test_empty: boom"]
    assert bench.client.lines == ["Tests after saving shop.py: 2 tests ran in 0.0 s, 2 failed"]
    bench.engine.answer = lambda spec: bench.report(
        bench.blamed(document, "pick", result(TEXT)), passed=(EMPTY,)
    )
    await save(bench, document)
    assert shown(bench, document) == [TEXT]
    bench.engine.answer = lambda spec: bench.report()
    await save(bench, document)
    assert shown(bench, document) is None, "a test that is gone does not fail"


async def test_a_test_that_fails_for_another_function_is_not_held_against_this_one(bench: Bench) -> None:
    document = bench.open()
    bench.engine.answer = lambda spec: bench.report(bench.blamed(document))
    await save(bench, document)
    bench.engine.answer = lambda spec: bench.report(
        bench.blamed(document, "Box.grown", result(), result(TEXT))
    )
    await save(bench, document)
    assert shown(bench, document) == [EMPTY]
    assert shown(bench, document, "Box.grown") == [TEXT]


async def test_what_was_edited_while_the_tests_ran_is_not_blamed(bench: Bench) -> None:
    document = bench.open()
    bench.engine.gate.clear()
    bench.engine.answer = lambda spec: bench.report(blamed, bench.blamed(document, "Box.grown", result(TEXT)))
    blamed = bench.blamed(document)
    await save(bench, document)
    bench.edit(document, f"# above\n{CHANGED}")
    bench.engine.gate.set()
    await settle(bench)
    assert shown(bench, document) is None
    assert shown(bench, document, "Box.grown") == [TEXT]


async def test_functions_of_files_that_are_not_open_are_left_alone(bench: Bench) -> None:
    document = bench.open()
    blamed = replace(bench.blamed(document), file=bench.root / "src/closed.py")
    bench.engine.answer = lambda spec: bench.report(blamed)
    await save(bench, document)
    await asyncio.sleep(0)
    assert bench.client.published == []


# ------------------------------------------------------------------ one at a time
async def test_saves_meanwhile_are_joined_to_one_more_run(bench: Bench) -> None:
    document, other = bench.open(), bench.open("src/more.py", "def more():\n    return 1\n")
    await asyncio.sleep(0)
    bench.engine.gate.clear()
    await save(bench, document)
    bench.edit(document, CHANGED)
    bench.documents.save(document.uri)
    bench.edit(other, "def more():\n    return 2\n")
    bench.documents.save(other.uri)
    bench.documents.save(document.uri)
    await turns()
    assert len(bench.engine.specs) == 1
    bench.engine.gate.set()
    await settle(bench)
    _, second = bench.engine.specs
    assert set(second.saved) == {document.path, other.path}
    assert set(second.changed) == {(document.path, "pick"), (other.path, "more")}


async def test_a_run_on_the_file_goes_first(bench: Bench) -> None:
    document = bench.open()
    job = bench.runs.request("repair", document, bench.span(document))
    bench.documents.save(document.uri)
    await turns()
    assert bench.engine.specs == []
    bench.runs.end(job)
    await bench.engine.next()


async def test_closing_the_document_ends_its_test_run_and_not_the_next(bench: Bench) -> None:
    document, other = bench.open(), bench.open("src/more.py", "def more(): ...\n")
    bench.engine.gate.clear()
    await save(bench, document)
    bench.documents.save(other.uri)
    await turns()
    bench.documents.close(document.uri)
    assert (await bench.engine.next()).saved == (other.path,)
    assert bench.engine.cancelled == 1


async def test_closing_what_waits_leaves_nothing_to_run(bench: Bench) -> None:
    document = bench.open()
    job = bench.runs.request("repair", document, bench.span(document))
    bench.documents.save(document.uri)
    await turns()
    bench.documents.close(document.uri)
    bench.runs.end(job)
    await settle(bench)
    assert bench.engine.specs == []


async def test_closing_all_ends_everything(bench: Bench) -> None:
    document = bench.open()
    bench.engine.gate.clear()
    await save(bench, document)
    await bench.watch.aclose()
    assert bench.engine.cancelled == 1


async def test_a_report_that_breaks_does_not_end_the_watch(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(spec: AffectedSpec) -> AffectedReport:
        raise RuntimeError("no answer")

    document = bench.open()
    bench.engine.answer = broken
    await save(bench, document)
    assert "the tests after a save broke" in caplog.text
    bench.engine.answer = lambda spec: bench.report(bench.blamed(document))
    await save(bench, document)
    assert shown(bench, document) == [EMPTY]


# ------------------------------------------------------------------ repairs that begin by themselves
class Repaired:
    """A bench whose every save finds `pick` at fault, with repairs asked for."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.document = bench, bench.open()
        bench.configured.value = Settings(watch=True, auto_repair=True)
        bench.engine.answer = lambda spec: bench.report(bench.blamed(self.document))

    async def save(self) -> None:
        await save(self.bench, self.document)

    @property
    def origins(self) -> list[str]:
        return [f"{job.mode} {job.qualname} {job.origin}" for job in self.bench.runs.jobs.values()]


async def test_a_failure_starts_one_repair_for_each_text_of_the_function(bench: Bench) -> None:
    here = Repaired(bench)
    await here.save()
    assert here.origins == ["repair pick auto"]
    bench.runs.end(bench.runs.jobs["r0"], "done")
    await here.save()
    assert len(here.origins) == 1, "the same text was tried"
    bench.edit(here.document, CHANGED)
    await here.save()
    assert len(here.origins) == 2
    bench.runs.end(bench.runs.jobs["r1"], "ready")
    bench.edit(here.document, SOURCE.replace("[0]", "[2]"))
    await here.save()
    assert len(here.origins) == 2, "a result waits for the user"


async def test_no_repair_without_the_setting_or_elsewhere(bench: Bench) -> None:
    here = Repaired(bench)
    bench.configured.value = Settings(watch=True)
    await here.save()
    bench.configured.value = Settings(watch=True, auto_repair=True)
    report = bench.report(bench.blamed(here.document))
    bench.engine.answer = lambda spec: replace(report, saved=(bench.root / "tests/test_pick.py",))
    await here.save()
    assert here.origins == []


@pytest.mark.parametrize("state", ["discarded", "done", "cancelled"])
async def test_no_repair_of_a_text_that_the_user_had_one_of(bench: Bench, state: State) -> None:
    here = Repaired(bench)
    job = bench.runs.request("repair", here.document, bench.span(here.document))
    bench.runs.end(job, "ready")
    bench.runs.move(job, state)
    await here.save()
    assert here.origins == ["repair pick user"]


async def test_a_stub_is_not_repaired(bench: Bench) -> None:
    here = Repaired(bench)
    bench.edit(here.document, "def pick(items):\n    raise NotImplementedError\n")
    await here.save()
    assert shown(bench, here.document) == [EMPTY]
    assert here.origins == []


async def test_a_save_that_breaks_much_begins_few_repairs(bench: Bench) -> None:
    here = Repaired(bench)
    names = [f"f{n}" for n in range(6)]
    bench.edit(here.document, "".join(f"def {name}():\n    return {name!r}\n\n\n" for name in names))
    blamed = [bench.blamed(here.document, name, result(f"t.py::test_{name}")) for name in names]
    bench.engine.answer = lambda spec: bench.report(*blamed)
    await here.save()
    assert len(here.origins) == 3
