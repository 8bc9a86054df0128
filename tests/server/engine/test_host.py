"""The engine's real process, with a scripted model: runs, cancels, deaths."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from doubles.openai_server import FakeOpenAI, Reply
from doubles.preview_parts import until
from doubles.processes import gone
from doubles.projects import CALC, GOOD, STUB, WRONG, calc
from doubles.runs import alive, descendants
from doubles.trees import write_tree
from flowmill.engine.affected import AffectedSpec
from flowmill.events import Note, RunFinished
from flowmill.shapes import Draft
from flowmill_server.engine.host import WORKER, Engine
from flowmill_server.engine.messages import Ended, Opened, Place, StartRun, Told

PATIENCE = 60.0


@dataclass
class Ear:
    """Keeps what one run has told."""

    heard: list[Opened | Told | Ended] = field(default_factory=list[Opened | Told | Ended])
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, message: Opened | Told | Ended) -> None:
        self.heard.append(message)
        self.news.set()

    async def until(self, kind: str) -> None:
        """Wait for an event of that type, or for the end."""
        while not any(_type(message) == kind for message in self.heard):
            assert not self.ended, self.heard[-1]
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), PATIENCE)

    async def end(self) -> Ended:
        while not self.ended:
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), PATIENCE)
        last = self.heard[-1]
        assert isinstance(last, Ended)
        return last

    @property
    def ended(self) -> bool:
        return bool(self.heard) and isinstance(self.heard[-1], Ended)

    @property
    def notes(self) -> list[str]:
        events = [message.record.event for message in self.heard if isinstance(message, Told)]
        return [event.text for event in events if isinstance(event, Note)]

    @property
    def finished(self) -> RunFinished:
        (event,) = [m.record.event for m in self.heard if _type(m) == "run.finished" and isinstance(m, Told)]
        assert isinstance(event, RunFinished)
        return event


def _type(message: Opened | Told | Ended) -> str:
    return message.record.event.type if isinstance(message, Told) else type(message).__name__


@pytest.fixture
async def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Engine]:
    monkeypatch.setenv("FLOWMILL_CACHE_DIR", str(tmp_path / "cache"))
    engine = Engine()
    yield engine
    pid = engine.pid
    await engine.close()
    assert pid is None or not alive(pid)


def place(server: FakeOpenAI, root: Path, **buffers: str) -> Place:
    settings = {"baseUrl": server.base_url, "model": "scripted", "maxCalls": 2}
    return Place(settings, None, {root / f"{name}.py": text.encode() for name, text in buffers.items()})


def generate(run: str, root: Path, where: Place, **more: object) -> StartRun:
    return StartRun(run, "generate", root / "calc.py", "add", where, **more)  # type: ignore[arg-type]


async def test_a_run_is_told_from_first_to_last(tmp_path: Path, engine: Engine) -> None:
    root = calc(tmp_path)
    ear = Ear()
    async with FakeOpenAI([Reply((GOOD,))], repeat=True) as server:
        engine.start(generate("r1", root, place(server, root, calc=CALC)), ear.hear)
        end = await ear.end()
    assert isinstance(ear.heard[0], Opened)
    assert (end.problem, end.code, ear.finished.status) == ("", 0, "verified"), ear.notes
    assert end.result is not None
    assert b"return a + b" in end.result.data
    assert [m.record.seq for m in ear.heard if isinstance(m, Told)] == list(range(len(ear.heard) - 2))
    assert all(m.record.run == "r1" for m in ear.heard if isinstance(m, Told))


async def test_the_buffer_counts_and_not_the_file(tmp_path: Path, engine: Engine) -> None:
    root = calc(tmp_path)
    (root / "calc.py").write_text("not python at all (", encoding="utf-8")
    ear = Ear()
    async with FakeOpenAI([Reply((GOOD,))], repeat=True) as server:
        engine.start(generate("r1", root, place(server, root, calc=CALC)), ear.hear)
        await ear.end()
    assert ear.finished.status == "verified"


async def test_a_check_asks_no_model(tmp_path: Path, engine: Engine) -> None:
    root = calc(tmp_path)
    text = CALC.replace(STUB, "    return a - b\n")
    ear, again = Ear(), Ear()
    async with FakeOpenAI([], repeat=False) as server:
        where = place(server, root, calc=text)
        engine.start(generate("r1", root, where, asks=False), ear.hear)
        await ear.end()
        kept = Draft("return b + a\n")
        engine.start(generate("r2", root, where, asks=False, given=(kept,)), again.hear)
        end = await again.end()
        assert not server.requests
    assert (ear.finished.status, ear.finished.calls) == ("unchanged", 0)
    assert ear.finished.evidence.before["failed"] > 0
    assert (again.finished.status, again.finished.calls) == ("verified", 0)
    assert end.result is not None
    assert b"return b + a" in end.result.data


async def test_what_cannot_begin_says_why(tmp_path: Path, engine: Engine) -> None:
    root = calc(tmp_path)
    ear = Ear()
    async with FakeOpenAI([], repeat=False) as server:
        where = place(server, root, calc=CALC)
        engine.start(StartRun("r1", "generate", root / "calc.py", "ad", where), ear.hear)
        end = await ear.end()
    assert end.code == 2
    assert "has no function ad" in end.problem
    assert len(ear.heard) == 1


async def test_cancel_ends_one_run_and_its_processes(tmp_path: Path, engine: Engine) -> None:
    root = calc(tmp_path)
    first = Ear()
    async with FakeOpenAI([Reply((GOOD[:20],), ending="stall"), Reply((WRONG,))], repeat=True) as server:
        engine.start(generate("r1", root, place(server, root, calc=CALC)), first.hear)
        await first.until("draft.delta")
        assert engine.pid is not None
        processes = [engine.pid, *descendants(engine.pid)]
        engine.cancel("r1")
        assert await gone(processes, 1.0) == []
        end = await first.end()
        assert (end.code, first.finished.status) == (0, "cancelled")
        again = Ear()
        engine.start(generate("r2", root, place(server, root, calc=CALC)), again.hear)
        await again.end()
    assert again.finished.status == "improved"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks into /proc")
async def test_a_cancel_leaves_the_other_runs_their_process(tmp_path: Path, engine: Engine) -> None:
    root = calc(tmp_path)
    first, second = Ear(), Ear()
    async with FakeOpenAI([Reply((GOOD[:20],), ending="stall")], repeat=True) as server:
        where = place(server, root, calc=CALC)
        engine.start(generate("r1", root, where), first.hear)
        engine.start(generate("r2", root, where), second.hear)
        await first.until("draft.delta")
        await second.until("draft.delta")
        pid = engine.pid
        engine.cancel("r1")
        await first.end()
        assert (engine.pid, second.ended) == (pid, False)
        engine.cancel("r2")
        await second.end()
        assert engine.pid is None


async def test_a_cancel_in_the_first_moment_does_not_wait_for_the_engine_to_come_up(
    tmp_path: Path, engine: Engine
) -> None:
    root, ear, again = calc(tmp_path), Ear(), Ear()
    async with FakeOpenAI([Reply((GOOD,))], repeat=True) as server:
        where = place(server, root, calc=CALC)
        engine.start(generate("r1", root, where), ear.hear)
        engine.cancel("r1")
        engine.start(generate("r2", root, where), again.hear)
        assert (await ear.end()).code == 130
        await again.end()
    assert again.finished.status == "verified"


async def test_a_process_that_does_not_listen_yet_ends_with_the_cancel(tmp_path: Path) -> None:
    engine = Engine(command=(sys.executable, "-c", "import time; time.sleep(600)"))
    root, ear, early = calc(tmp_path), Ear(), Ear()
    engine.start(generate("r1", root, Place({}, None, {})), ear.hear)
    await until(lambda: engine.pid, "a process")
    pid = engine.pid
    assert pid is not None
    engine.cancel("r1")
    assert ear.ended  # at once, not after the time that a process is given to end what it started
    assert (await ear.end()).code == 130
    engine.start(generate("r2", root, Place({}, None, {})), early.hear)
    engine.cancel("r2")  # before there is a process
    assert (await early.end()).code == 130
    assert engine.pid is None
    await engine.close()
    assert not alive(pid)


NOTHING_TO_READ = "import os, time; os.write(1, (5).to_bytes(4, 'big') + b'empty'); time.sleep(600)"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ((sys.executable, "-c", NOTHING_TO_READ), "stopped unexpectedly (signal 9)"),
        (("/nowhere/python",), "the engine cannot be started: No such file or directory"),
    ],
)
async def test_each_run_is_told_why_there_is_no_engine(
    tmp_path: Path, command: tuple[str, ...], says: str
) -> None:
    """Also one that begins because the one before it ended so."""
    root, engine, second = calc(tmp_path), Engine(command=command), Ear()
    heard: list[str] = []

    def hear(message: Opened | Told | Ended) -> None:
        assert isinstance(message, Ended)
        heard.append(message.problem)
        engine.start(generate("r2", root, where), second.hear)

    where = Place({}, None, {})
    engine.start(generate("r1", root, where), hear)
    end = await second.end()
    await engine.close()
    assert says in heard[0]
    assert says in end.problem


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks into /proc")
async def test_a_killed_engine_ends_its_runs_and_comes_back(tmp_path: Path, engine: Engine) -> None:
    root = calc(tmp_path)
    ear, again = Ear(), Ear()
    async with FakeOpenAI([Reply((GOOD[:20],), ending="stall"), Reply((GOOD,))], repeat=True) as server:
        where = place(server, root, calc=CALC)
        engine.start(generate("r1", root, where), ear.hear)
        await ear.until("draft.delta")
        assert engine.pid is not None
        below = descendants(engine.pid)
        os.kill(engine.pid, signal.SIGKILL)
        end = await ear.end()
        assert "stopped unexpectedly (signal 9)" in end.problem
        engine.start(generate("r2", root, where), again.hear)
        await again.end()
    assert again.finished.status == "verified"
    assert not [pid for pid in below if alive(pid)]


async def test_an_idle_engine_is_let_go_and_the_next_request_starts_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWMILL_CACHE_DIR", str(tmp_path / "cache"))
    root, engine = calc(tmp_path), Engine(rest_seconds=0)
    pids: list[int] = []
    async with FakeOpenAI([], repeat=False) as server:
        for number in range(2):
            ear = Ear()

            def hear(message: Opened | Told | Ended, ear: Ear = ear) -> None:
                pids.append(engine.pid or 0)
                ear.hear(message)

            unknown = StartRun(
                f"r{number}", "generate", root / "calc.py", "ad", place(server, root, calc=CALC)
            )
            engine.start(unknown, hear)
            assert (await ear.end()).code == 2
            assert await gone(pids, PATIENCE) == []
            assert engine.pid is None
    await engine.close()
    assert len(set(pids)) == 2


async def test_closing_ends_what_runs(tmp_path: Path, engine: Engine) -> None:
    root = calc(tmp_path)
    ear = Ear()
    async with FakeOpenAI([Reply((GOOD[:20],), ending="stall")], repeat=True) as server:
        engine.start(generate("r1", root, place(server, root, calc=CALC)), ear.hear)
        await ear.until("draft.delta")
        assert engine.pid is not None
        below = [engine.pid, *descendants(engine.pid)]
        await engine.close()
    assert not [pid for pid in below if alive(pid)]
    assert (await ear.end()).run == "r1"


async def test_affected_tests(tmp_path: Path, engine: Engine) -> None:
    root = calc(tmp_path)
    text = CALC.replace(STUB, "    return a - b\n")
    async with FakeOpenAI([], repeat=False) as server:
        where = place(server, root, calc=text)
        answer = await engine.affected(AffectedSpec(root, (root / "calc.py",)), where)
    assert answer.problem == ""
    assert answer.report is not None
    assert {blamed.qualname for blamed in answer.report.blamed} == {"add"}


def test_modules_of_the_project_do_not_take_the_place_of_ours(tmp_path: Path) -> None:
    """The server's working directory is the project, in most editors."""
    write_tree(
        tmp_path, {"difflib.py": "raise SystemExit(7)", "flowmill_server/__init__.py": "raise SystemExit(8)"}
    )
    done = subprocess.run(WORKER, cwd=tmp_path, input=b"", capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
