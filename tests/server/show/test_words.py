"""The lines that a user reads of a run, case by case."""

from __future__ import annotations

import pytest

from doubles.records import AFTER, WORSE, RunTale, diff_of, repaired, until_streaming
from doubles.showing import a_job, told_job
from flowmill.shapes import Status
from flowmill_server.runs.job import State
from flowmill_server.show.words import end_line, for_editor, progress_line


def ended(status: Status, before: str, after: str, *, best: int | None = 1) -> RunTale:
    tale = RunTale().start().outcomes(0, before)
    if best:
        tale.draft(1, WORSE).outcomes(1, after).scored(1, after, best=True)
    return tale.finish(status, best, diff_of(WORSE) if best else "", before, after)


@pytest.mark.parametrize(
    ("tale", "line"),
    [
        (RunTale(), "1.5 s · starting"),
        (RunTale().start(), "1.5 s · starting"),
        (RunTale().start().stage("tests", "started"), "1.5 s · running the tests"),
        (
            RunTale().start().stage("tests", "started").outcomes(0, "pf"),
            "1/4 tests before · 1.5 s · running the tests",
        ),
        (RunTale().start().stage("model", "started"), "1.5 s · waiting for the model"),
        (RunTale().start().stage("drafts", "started"), "1.5 s · model reading"),
        (
            RunTale().start().stage("drafts", "started").stage("reflect", "started"),
            "1.5 s · model thinking",
        ),
        (
            RunTale().start().stage("drafts", "started").stream(1, "x"),
            "draft 1 · 1.5 s · model writing",
        ),
        (until_streaming(), "draft 2 · 3/4 tests · 1.5 s · model writing draft 3"),
        (
            until_streaming().draft(3, AFTER, parent=2).outcomes(3, "pp"),
            "draft 3 · 2/4 tests · best 3/4 · 1.5 s · testing",
        ),
        (
            until_streaming().draft(3, AFTER).outcomes(3, "pppp").scored(3, "pppp", best=True),
            "draft 3 · 4/4 tests · 1.5 s · model reading",
        ),
        (
            until_streaming().stage("drafts", "finished").stage("confirm", "started"),
            "draft 2 · 3/4 tests · 1.5 s · confirming",
        ),
    ],
)
async def test_what_a_working_run_is_at(tale: RunTale, line: str) -> None:
    assert progress_line(told_job(tale, "working"), 1.5) == line


@pytest.mark.parametrize(
    ("tale", "state", "line"),
    [
        (repaired(), "ready", "verified: 4/4 tests"),
        (
            ended("verified", "pffp", "pppp").tell(repaired().records[-1].event),
            "ready",
            "verified: 4/4 tests",
        ),
        (ended("improved", "pffp", "pppf"), "ready", "not verified: 3/4 tests"),
        (ended("improved", "", ""), "ready", "not verified: no test was run"),
        (ended("failed", "pffp", "pffp"), "done", "not verified: 2/4 tests"),
        (ended("failed", "pffs", "pffs"), "done", "not verified: 1/3 tests"),
        (ended("unchanged", "pppp", "pppp", best=None), "done", "nothing fails: 4/4 tests"),
        (ended("unchanged", "pppf", "pppf", best=None), "done", "nothing better was found: 3/4 tests"),
        (ended("cancelled", "pffp", "pffp"), "cancelled", "cancelled"),
        (RunTale(), "cancelled", "cancelled"),
        (RunTale(), "replaced", "replaced by a newer run"),
        (RunTale(), "done", "ended without a result"),
    ],
)
async def test_how_a_run_ended(tale: RunTale, state: State, line: str) -> None:
    assert end_line(told_job(tale, state)) == line


async def test_what_broke_a_run_off_is_its_end() -> None:
    job = a_job()
    job.state, job.problem = "done", "the model at http://h:1/v1 refused the connection\x1b[2J"
    assert end_line(job) == "the model at http://h:1/v1 refused the connection\\x1b[2J"


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (
            "The limits are raised by --max-seconds and --max-calls.",
            "The limits are raised by maxSeconds and maxCalls.",
        ),
        ("(--force rewrites it all the same)", '("Rewrite with flow" does it all the same)'),
        (
            "to allow it: flowmill doctor --trust --project /p",
            "to allow it: flowmill doctor --trust --project /p",
        ),
        ("a --flag of somebody else", "a --flag of somebody else"),
    ],
)
def test_flags_become_settings(said: str, text: str) -> None:
    assert for_editor(said) == text
