"""What the user asks to see is opened by the first way that the client has, and leaves nothing behind."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from lsprotocol import types

from doubles.records import AFTER, diff_of, repaired, until_streaming
from doubles.showing import Beside, HandClock, Paper, ToldRuns, a_job, client_on
from flowmill_server.runs.job import State
from flowmill_server.show.files import MOST_RUNS, STALE_SECONDS, RunFiles
from flowmill_server.show.viewer import Viewer
from flowmill_server.show.virtual import VirtualDocuments

SHOW = types.WINDOW_SHOW_DOCUMENT
OPENED = types.ShowDocumentResult(True)


class Bench:
    def __init__(self, folder: Path, *able: str) -> None:
        self.paper, self.beside, self.runs, self.folder = Paper(), Beside(), ToldRuns(), folder / "runs"
        self.paper.answers[SHOW] = OPENED
        client = client_on(self.paper, *able)
        self.files = RunFiles(lambda: self.folder)
        self.virtual = VirtualDocuments(client, self.runs, self.beside.spawn, HandClock())
        self.viewer = Viewer(client, self.virtual, self.files, self.beside.spawn)
        self.runs.listen(self.viewer)
        self.job = self.runs.begin(a_job())
        self.runs.tell(self.job, until_streaming().records)

    @property
    def opened(self) -> list[str]:
        return [params.uri for params in self.paper.heard(SHOW)]

    @property
    def found(self) -> list[str]:
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*.*"))


async def test_a_virtual_document_where_the_client_has_them(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "virtual_documents", "show_document")
    await bench.virtual.register()
    await bench.viewer.show(bench.job, "result.diff")
    assert bench.opened == ["flow:/run/r0fabricat/result.diff"]
    (params,) = bench.paper.heard(SHOW)
    assert (params.external, params.take_focus) == (False, False)
    assert not bench.folder.exists()


async def test_else_a_file_of_the_cache_that_follows_the_run(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "show_document")
    assert not bench.folder.exists()
    await bench.viewer.show(bench.job, "result.diff")
    path = bench.folder / "r0fabricat" / "result.diff"
    assert bench.opened == [path.as_uri()]
    assert path.read_text("utf-8") == bench.job.story.diff
    bench.runs.tell(bench.job, repaired().records[len(until_streaming().records) :])
    bench.runs.end(bench.job, "ready")
    await bench.beside.finish()
    assert path.read_text("utf-8") == diff_of(AFTER)
    assert bench.found == ["r0fabricat/result.diff"]


async def test_a_virtual_document_that_cannot_be_opened_becomes_a_file(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "virtual_documents", "show_document")
    await bench.virtual.register()
    bench.paper.answers[SHOW] = types.ShowDocumentResult(False)
    await bench.viewer.show(bench.job, "log.md")
    assert len(bench.opened) == 2
    assert bench.opened[1].startswith("file:")
    assert bench.paper.logged[-1].startswith("# Repair `chunked`")


async def test_else_the_text_goes_to_the_log(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.viewer.show(bench.job, "result.diff")
    assert bench.paper.logged == [bench.job.story.diff]
    assert not bench.folder.exists()


@pytest.mark.parametrize("state", ["accepted", "discarded", "replaced"])
async def test_the_files_go_with_the_result(tmp_path: Path, state: State) -> None:
    bench = Bench(tmp_path, "show_document")
    await bench.viewer.show(bench.job, "result.diff")
    await bench.viewer.show(bench.job, "log.md")
    bench.runs.end(bench.job, "ready")
    bench.runs.move(bench.job, state)
    await bench.beside.finish()
    assert list(bench.folder.iterdir()) == []


async def test_none_is_left_when_the_server_ends(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "show_document")
    await bench.viewer.show(bench.job, "log.md")
    await bench.files.close()
    assert list(bench.folder.iterdir()) == []


async def test_a_bounded_number_is_kept_and_what_a_killed_server_left_goes(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "show_document")
    for name, age in (("old", 2 * STALE_SECONDS), ("young", 60.0)):
        (bench.folder / name).mkdir(parents=True)
        then = time.time() - age
        os.utime(bench.folder / name, (then, then))
    for number in range(MOST_RUNS + 5):
        await bench.viewer.show(bench.runs.begin(a_job(f"r{number}")), "log.md")
    kept = {path.name for path in bench.folder.iterdir()}
    assert kept == {"young", *(f"r{number}" for number in range(5, MOST_RUNS + 5))}


async def test_a_cache_that_cannot_be_written_leaves_the_log(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file, no folder")
    bench = Bench(tmp_path, "show_document")
    await bench.viewer.show(bench.job, "result.diff")
    assert bench.opened == []
    assert bench.paper.logged == [bench.job.story.diff]
