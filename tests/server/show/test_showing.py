"""All parts together: what one run sends to a client, in which order, and that nothing stays behind."""

from __future__ import annotations

import json
from pathlib import Path

from lsprotocol import types

from doubles.records import RunTale, repaired
from doubles.showing import NEVER, Beside, Hand, HandClock, Hints, Paper, ToldRuns, a_job, client_on
from flowmill_server.show.showing import Showing

LENSES = types.WORKSPACE_CODE_LENS_REFRESH


class Bench:
    def __init__(self, folder: Path, *able: str) -> None:
        self.paper, self.clock, self.beside, self.runs = Paper(), HandClock(), Beside(), ToldRuns()
        self.hints = Hints()
        self.showing = Showing(
            client_on(self.paper, *able),
            self.runs,
            Hand(),
            self.hints.put,
            self.beside.spawn,
            self.clock,
            lambda: folder / "runs",
        )

    async def run(self, tale: RunTale) -> None:
        job = self.runs.begin(a_job(tale.run))
        for record in tale.records:
            self.runs.tell(job, [record])
            self.clock.advance(0.1)
            await self.beside.settle(3)
        self.runs.end(job, "ready")
        await self.beside.settle()


async def test_every_event_goes_to_who_asked_for_it_in_order(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "events")
    await bench.run(repaired())
    events = bench.paper.heard("flow/event")
    assert events == [record.to_json() for record in repaired().records]
    assert [event["seq"] for event in events] == list(range(len(events)))
    json.dumps(events)
    silent = Bench(tmp_path)
    await silent.run(repaired())
    assert silent.paper.heard("flow/event") == []


async def test_the_log_has_a_line_at_the_beginning_and_at_the_end(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.run(repaired())
    assert bench.paper.logged == [
        "flow: repair chunked began (run r0fabricat)",
        "flow: repair chunked ended (run r0fabricat): verified: 4/4 tests, 18 s, 7 model calls",
    ]


async def test_a_sign_of_life_leaves_before_anything_else_runs(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "events")
    bench.runs.begin(a_job())
    assert bench.paper.logged == ["flow: repair chunked began (run r0fabricat)"]
    assert len(bench.hints) == 1


async def test_lenses_are_fetched_anew_twice_a_second_at_most(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "code_lens_refresh")
    await bench.run(repaired())
    seconds = len(repaired().records) * 0.1
    assert 2 <= len(bench.paper.heard(LENSES)) <= 2 * seconds + 2
    bench.clock.advance(1)
    await bench.beside.settle()
    fetched = len(bench.paper.heard(LENSES))
    bench.runs.tell(
        bench.runs.jobs["r0fabricat"], RunTale().stream(3, "every word").note("and a note").records
    )
    bench.clock.advance(1)
    await bench.beside.settle()
    assert len(bench.paper.heard(LENSES)) == fetched


async def test_lenses_are_left_alone_where_the_client_fetches_none(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.run(repaired())
    assert bench.paper.asked == []


async def test_nothing_stays_behind(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "progress", "code_lens_refresh", "virtual_documents", "virtual_documents_refresh")
    for number in range(20):
        await bench.run(repaired(f"r{number}"))
    await bench.showing.close()
    await bench.beside.settle()
    assert bench.clock.pending == 0
    assert not bench.beside.tasks
    assert bench.paper._request_futures == {}


async def test_a_run_that_works_when_the_server_ends_is_let_go(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "progress", "code_lens_refresh")
    bench.paper.answers[LENSES] = NEVER
    bench.runs.begin(a_job())
    await bench.beside.settle()
    await bench.showing.close()
    bench.clock.advance(5)
    assert bench.clock.pending == 0
    await bench.beside.stop()
