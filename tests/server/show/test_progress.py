"""One line per run, through the first channel that the client has."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator

import pytest
from lsprotocol import types

from doubles.records import RunTale, repaired, until_streaming
from doubles.showing import NEVER, URI, Beside, HandClock, Hints, Paper, ToldRuns, a_job, client_on
from flowmill_server.show.progress import Progress

CREATE = types.WINDOW_WORK_DONE_PROGRESS_CREATE


class Bench:
    """A progress, its client, and all it was given."""

    def __init__(self, *able: str) -> None:
        self.paper, self.clock, self.beside, self.runs = Paper(), HandClock(), Beside(), ToldRuns()
        self.hints = Hints()
        self.client = client_on(self.paper, *able)
        self.progress = Progress(
            self.client,
            self.beside.spawn,
            self.hints.put,
            self.runs.cancel,
            self.clock,
        )
        self.runs.listen(self.progress)

    @property
    def lines(self) -> list[str]:
        return [value.message for value in self.paper.progress()]

    @property
    def kinds(self) -> str:
        return "".join(value.kind[0] for value in self.paper.progress())


@pytest.fixture(params=["own", "created"])
async def shown(request: pytest.FixtureRequest) -> AsyncGenerator[Bench]:
    """A run that is shown by the request's own token, or by a progress that the server created."""
    bench = Bench("progress")
    job = a_job()
    if request.param == "own":
        job.token = 7
    bench.runs.begin(job)
    await bench.beside.settle()
    yield bench
    bench.progress.close()
    assert bench.clock.pending == 0
    assert not bench.beside.tasks


async def test_a_run_from_its_first_word_to_its_last(shown: Bench) -> None:
    job = shown.runs.jobs["r0fabricat"]
    for record in repaired().records:
        shown.runs.tell(job, [record])
        shown.clock.advance(0.5)
    shown.runs.end(job, "ready")
    values = shown.paper.progress()
    assert shown.kinds == "b" + "r" * (len(values) - 2) + "e"
    assert values[0].title == "flow: chunked"
    assert values[0].cancellable is True
    assert values[-1].message == "verified: 4/4 tests"
    assert any(re.fullmatch(r"draft 3 · 2/4 tests · best 3/4 · \d\d s · testing", x) for x in shown.lines)
    assert {getattr(value, "percentage", None) for value in values} == {None}
    tokens = {params.token for params in shown.paper.heard(types.PROGRESS)}
    assert tokens == ({7} if job.token else {"flow/r0fabricat"})
    assert bool(shown.paper.heard(CREATE)) != bool(job.token)
    shown.clock.advance(60)
    assert shown.paper.progress() == values


async def test_four_updates_a_second_and_the_last_one(shown: Bench) -> None:
    job = shown.runs.jobs["r0fabricat"]
    tale = RunTale().start().stage("drafts", "started").stream(1, "x" * 24 * 200)
    before = len(shown.lines)
    for record in tale.records:
        shown.runs.tell(job, [record])
        shown.clock.advance(0.01)
    seconds = len(tale.records) * 0.01
    assert len(shown.lines) - before <= 4 * seconds + 1
    shown.clock.advance(0.25)
    assert shown.lines[-1].endswith("model writing")
    shown.runs.end(job, "done")


async def test_the_seconds_go_on_while_nothing_happens(shown: Bench) -> None:
    job = shown.runs.jobs["r0fabricat"]
    shown.runs.tell(job, RunTale().start().stage("model", "started").records)
    shown.clock.advance(3)
    assert shown.lines[-1] == "2.2 s · waiting for the model"
    assert len(shown.lines) <= 5
    shown.runs.end(job, "done")


async def test_cancel_reaches_the_run_and_nobody_elses_progress_does(shown: Bench) -> None:
    token = shown.paper.heard(types.PROGRESS)[0].token
    shown.progress.cancelled("another's")
    assert shown.runs.cancelled == []
    shown.progress.cancelled(token)
    assert shown.runs.cancelled == ["r0fabricat"]
    shown.runs.end(shown.runs.jobs["r0fabricat"], "cancelled")
    assert shown.lines[-1] == "cancelled"
    shown.progress.cancelled(token)
    assert shown.runs.cancelled == ["r0fabricat"]


async def test_with_its_own_token_the_first_word_is_said_before_anything_else_runs() -> None:
    bench = Bench("progress")
    job = a_job()
    job.token = "t"
    bench.runs.begin(job)
    assert bench.kinds[0] == "b"
    bench.runs.end(job, "done")


async def test_a_client_that_answers_late_is_told_how_it_stands_then() -> None:
    bench = Bench("progress")
    bench.paper.answers[CREATE] = NEVER
    job = bench.runs.begin(a_job())
    await bench.beside.settle()
    bench.runs.tell(job, until_streaming().records)
    bench.clock.advance(5)
    assert bench.lines == []
    bench.paper.answer(CREATE)
    await bench.beside.settle()
    assert bench.lines[0] == "draft 2 · 3/4 tests · 5.0 s · model writing draft 3"
    bench.runs.end(job, "done")
    assert bench.kinds[-1] == "e"


async def test_what_is_shown_before_its_answer_can_be_cancelled() -> None:
    bench = Bench("progress")
    bench.paper.answers[CREATE] = NEVER
    job = bench.runs.begin(a_job())
    await bench.beside.settle()
    bench.progress.cancelled("flow/r0fabricat")
    assert bench.runs.cancelled == ["r0fabricat"]
    bench.runs.end(job, "cancelled")
    bench.progress.cancelled("flow/r0fabricat")
    assert bench.runs.cancelled == ["r0fabricat"]
    bench.paper.answer(CREATE)
    await bench.beside.settle()
    assert bench.kinds == "be"


async def test_a_progress_that_was_refused_cancels_nothing() -> None:
    bench = Bench("progress")
    bench.paper.answers[CREATE] = RuntimeError("no")
    job = bench.runs.begin(a_job())
    await bench.beside.settle()
    bench.progress.cancelled("flow/r0fabricat")
    assert bench.runs.cancelled == []
    bench.runs.end(job, "done")


async def test_a_client_that_answers_after_the_end_is_not_left_with_an_open_progress() -> None:
    bench = Bench("progress")
    bench.paper.answers[CREATE] = NEVER
    job = bench.runs.begin(a_job())
    await bench.beside.settle()
    bench.runs.tell(job, repaired().records)
    bench.runs.end(job, "ready")
    assert bench.lines == []
    bench.paper.answer(CREATE)
    await bench.beside.settle()
    assert bench.kinds == "be"
    bench.clock.advance(60)
    assert bench.kinds == "be"
    assert bench.clock.pending == 0


async def test_a_client_that_never_answers_hinders_nothing() -> None:
    bench = Bench("progress")
    bench.paper.answers[CREATE] = NEVER
    job = bench.runs.begin(a_job())
    await bench.beside.settle()
    bench.runs.tell(job, repaired().records)
    bench.runs.end(job, "ready")
    bench.clock.advance(60)
    assert bench.lines == []
    assert bench.hints == []
    await bench.beside.stop()
    assert bench.paper._request_futures == {}


async def test_a_client_that_refuses_gets_the_line_at_the_function() -> None:
    bench = Bench("progress")
    bench.paper.answers[CREATE] = RuntimeError("no")
    job = bench.runs.begin(a_job())
    await bench.beside.settle()
    assert bench.hints == [(URI, "chunked", "flow: chunked: 0.0 s · starting")]
    bench.runs.end(job, "done")
    assert bench.hints[-1] == (URI, "chunked", None)


async def test_without_progress_the_line_stands_at_the_function_once_a_second() -> None:
    bench = Bench()
    job = bench.runs.begin(a_job())
    assert len(bench.hints) == 1
    for record in until_streaming().records:
        bench.runs.tell(job, [record])
        bench.clock.advance(0.1)
    assert len(bench.hints) <= 2 + len(until_streaming().records) * 0.1
    bench.runs.end(job, "cancelled")
    assert bench.hints[-1] == (URI, "chunked", None)
    bench.clock.advance(60)
    assert bench.hints[-1] == (URI, "chunked", None)
    assert bench.paper.told == []


async def test_a_run_that_waits_says_so_unless_another_speaks_at_its_function() -> None:
    bench = Bench()
    first = bench.runs.begin(a_job("r1"))
    said = len(bench.hints)
    second = bench.runs.begin(a_job("r2"), "queued")
    third = bench.runs.begin(a_job("r3", "other"), "queued")
    bench.clock.advance(2)
    assert {hint[1] for hint in bench.hints[said:] if "waiting" in str(hint[2])} == {"other"}
    bench.runs.end(first, "done")
    bench.runs.move(second, "working")
    bench.clock.advance(2)
    assert any(hint[1] == "chunked" and "starting" in str(hint[2]) for hint in bench.hints)
    for job in (second, third):
        bench.runs.end(job, "done")
    assert bench.clock.pending == 0


async def test_a_waiting_run_that_is_replaced_ends_its_progress() -> None:
    bench = Bench("progress")
    job = bench.runs.begin(a_job(), "queued")
    await bench.beside.settle()
    bench.clock.advance(1)
    assert bench.lines == ["0.0 s · starting", "1.0 s · waiting for another run"]
    bench.runs.move(job, "replaced")
    bench.runs.end(job, "replaced")
    assert bench.kinds == "bre"
    assert bench.lines[-1] == "replaced by a newer run"


async def test_nothing_is_kept_of_runs_that_are_over() -> None:
    bench = Bench("progress")
    for number in range(50):
        job = bench.runs.begin(a_job(f"r{number}"))
        await bench.beside.settle(4)
        bench.runs.end(job, "done")
    assert bench.progress._shown == {}
    assert bench.progress._tokens == {}
    assert bench.clock.pending == 0
