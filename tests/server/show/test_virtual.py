"""Documents under `flow:` addresses, for clients that ask for them, and how often they are told of news."""

from __future__ import annotations

import pytest
from lsprotocol import types

from doubles.records import AFTER, RunTale, repaired, until_streaming
from doubles.showing import NEVER, Beside, HandClock, Paper, ToldRuns, a_job, client_on
from flowmill.errors import UsageError
from flowmill_server.show.virtual import MOST_WATCHED, VirtualDocuments

REFRESH = types.WORKSPACE_TEXT_DOCUMENT_CONTENT_REFRESH
REGISTER = types.CLIENT_REGISTER_CAPABILITY
DRAFT = "flow:/run/r0fabricat/draft.py"
LOG = "flow:/run/r0fabricat/log.md"


class Bench:
    def __init__(self, *able: str) -> None:
        self.paper, self.clock, self.beside, self.runs = Paper(), HandClock(), Beside(), ToldRuns()
        client = client_on(self.paper, *able)
        self.virtual = VirtualDocuments(client, self.runs, self.beside.spawn, self.clock)
        self.runs.listen(self.virtual)

    @property
    def refreshed(self) -> list[str]:
        return [params.uri for params in self.paper.heard(REFRESH)]


def bench_of_vscode() -> Bench:
    return Bench("virtual_documents", "virtual_documents_refresh")


async def test_they_are_offered_to_clients_that_take_them() -> None:
    bench = bench_of_vscode()
    await bench.virtual.register()
    (params,) = bench.paper.heard(REGISTER)
    (registration,) = params.registrations
    assert registration.method == "workspace/textDocumentContent"
    assert registration.register_options.schemes == ["flow"]
    assert bench.virtual.registered
    other = Bench()
    await other.virtual.register()
    assert other.paper.asked == []
    assert not other.virtual.registered
    refusing = bench_of_vscode()
    refusing.paper.answers[REGISTER] = RuntimeError("no")
    await refusing.virtual.register()
    assert not refusing.virtual.registered


@pytest.mark.parametrize(
    "uri",
    [
        "flow:/run/r0fabricat/result.diff",
        "flow:///run/r0fabricat/result.diff",
        "flow://run/r0fabricat/result.diff",
        "flow:%2Frun%2Fr0fabricat%2Fresult.diff",
        "flow:/run/r0fabricat/result.diff?v=2",
    ],
)
async def test_an_address_may_be_spelled_as_clients_do(uri: str) -> None:
    bench = Bench()
    job = bench.runs.begin(a_job())
    bench.runs.tell(job, repaired().records)
    assert bench.virtual.text(uri) == job.story.diff


@pytest.mark.parametrize(
    "uri",
    ["", "flow:/run/r0fabricat", "flow:/run/r0fabricat/../log.md", "file:///etc/passwd", "flow:/run//log.md"],
)
async def test_other_addresses_are_refused(uri: str) -> None:
    bench = Bench()
    bench.runs.begin(a_job())
    with pytest.raises(UsageError, match="is no document of flow"):
        bench.virtual.text(uri)


async def test_a_run_that_is_not_kept_any_more_says_so() -> None:
    assert Bench().virtual.text("flow:/run/gone/log.md") == "Run gone is not kept any more.\n"


async def test_only_what_was_asked_for_is_refreshed_and_twice_a_second_at_most() -> None:
    bench = bench_of_vscode()
    job = bench.runs.begin(a_job())
    bench.runs.tell(job, until_streaming().records)
    await bench.beside.settle()
    assert bench.refreshed == []
    before = bench.virtual.text(DRAFT)
    bench.virtual.text(LOG)
    for record in RunTale().stream(3, AFTER[170:], size=1).records:
        bench.runs.tell(job, [record])
        bench.clock.advance(0.05)
        await bench.beside.settle(3)
    seconds = len(AFTER[170:]) * 0.05
    assert 2 * seconds - 2 <= len(bench.refreshed) <= 2 * seconds + 2
    assert set(bench.refreshed) == {DRAFT}
    assert bench.virtual.text(DRAFT).startswith(before)
    bench.clock.advance(1)
    bench.runs.tell(job, repaired().records[-3:])
    bench.runs.end(job, "ready")
    bench.clock.advance(1)
    await bench.beside.settle()
    assert bench.refreshed.count(LOG) >= 1
    assert "## Result" in bench.virtual.text(LOG)
    bench.virtual.close()
    assert bench.clock.pending == 0


async def test_a_client_that_does_not_answer_is_asked_once() -> None:
    bench = bench_of_vscode()
    bench.paper.answers[REFRESH] = NEVER
    job = bench.runs.begin(a_job())
    bench.virtual.text(LOG)
    for record in repaired().records:
        bench.runs.tell(job, [record])
        bench.clock.advance(1)
        await bench.beside.settle(3)
    assert len(bench.refreshed) == 1
    await bench.beside.stop()


async def test_without_refresh_nothing_is_watched() -> None:
    bench = Bench("virtual_documents")
    job = bench.runs.begin(a_job())
    bench.virtual.text(LOG)
    bench.runs.tell(job, repaired().records)
    bench.clock.advance(1)
    await bench.beside.settle()
    assert bench.refreshed == []


async def test_documents_that_are_never_closed_do_not_pile_up() -> None:
    bench = bench_of_vscode()
    for number in range(2 * MOST_WATCHED):
        bench.runs.begin(a_job(f"r{number}"))
        bench.virtual.text(f"flow:/run/r{number}/log.md")
    bench.runs.end(bench.runs.jobs["r0"], "done")
    bench.runs.end(bench.runs.jobs[f"r{2 * MOST_WATCHED - 1}"], "done")
    await bench.beside.settle()
    assert bench.refreshed == [f"flow:/run/r{2 * MOST_WATCHED - 1}/log.md"]
