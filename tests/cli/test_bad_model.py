"""A model that is not there, refuses, breaks off or does not stop: one line says so, and what to do."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from doubles.command import KEY, Scripted
from doubles.openai_server import Reply, error
from doubles.projects import GOOD, HALF, HALF_BODY, calc

GENERATE = ("generate", "calc.py::add", "--apply", "--max-calls", "4")


async def test_nothing_listens(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(GOOD)
    with socket.socket() as free:
        # Bound and not listening: nobody else can take the port, and connections are refused.
        free.bind(("127.0.0.1", 0))
        flowmill.base_url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        ended = await flowmill.run(*GENERATE)
    assert (ended.code, ended.changed) == (4, ())
    assert ended.err.startswith(f"flowmill: no server answers at {flowmill.base_url} (connection refused)")
    assert "check --base-url" in ended.err


async def test_a_refused_key_is_never_shown(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(error(401, f"Incorrect API key provided: {KEY}"))
    journal = flowmill.keep_own_journal()
    ended = await flowmill.run(*GENERATE, "--json")
    assert (ended.code, ended.changed) == (4, ())
    assert f"{flowmill.base_url} refused the key (401): check FLOWMILL_API_KEY" in ended.err
    assert ended.finished["status"] == "unchanged"
    assert flowmill.server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    kept = [path.read_bytes() for path in journal.iterdir() if path.is_file()]
    assert any(b"refused the key" in data for data in kept), "the journal tells why"
    assert not any(KEY.encode() in data for data in kept)


async def test_an_echoed_key_is_masked(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(error(403, f"{KEY} has no access"))
    journal = flowmill.keep_own_journal()
    ended = await flowmill.run(*GENERATE)
    assert ended.code == 4
    assert "does not allow this key" in ended.err
    assert "*** has no access" in ended.err
    assert not any(KEY.encode() in path.read_bytes() for path in journal.iterdir() if path.is_file())


async def test_an_unknown_model(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    pages: dict[str, object] = {"/v1/models": {"data": [{"id": "scripted-7b"}, {"id": "other"}]}}
    refusal = error(404, "The model `scripted` does not exist", code="model_not_found")
    flowmill = await scripted(refusal, pages=pages)
    ended = await flowmill.run(*GENERATE)
    assert (ended.code, ended.changed) == (4, ())
    assert f"{flowmill.base_url} has no model 'scripted'; it has scripted-7b" in ended.err


async def test_a_web_page(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(Reply(body="<!doctype html><h1>Welcome</h1>", content_type="text/html"))
    ended = await flowmill.run(*GENERATE)
    assert (ended.code, ended.changed) == (4, ())
    assert "answered a web page instead of JSON" in ended.err


async def test_out_of_quota(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(error(429, "You exceeded your current quota", code="insufficient_quota"))
    ended = await flowmill.run(*GENERATE)
    assert (ended.code, ended.changed) == (4, ())
    assert "is out of quota or credit (429)" in ended.err
    assert len(flowmill.server.requests) == 1


async def test_a_busy_server_is_asked_again(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(error(429, "slow down", {"Retry-After": "0"}), GOOD)
    ended = await flowmill.run(*GENERATE, "--json")
    assert (ended.code, ended.changed) == (0, ("calc.py",))


async def test_a_broken_stream_begins_anew(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(Reply(("```python\ndef add(a, b):\n    return",), ending="break"), GOOD)
    ended = await flowmill.run(*GENERATE, "--json")
    assert (ended.code, ended.changed) == (0, ("calc.py",))
    assert "the answer begins anew" in ended.notes
    assert ended.finished["best"] == 1


async def test_a_stalled_stream_ends_with_the_time_limit(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(Reply(("```python\ndef add(a, b):",), ending="stall"))
    ended = await flowmill.run(*GENERATE, "--max-seconds", "6", "--json")
    assert (ended.code, ended.changed) == (1, ())
    assert "stopped: the time limit of 6 s is used up (--max-seconds)" in ended.notes
    assert ended.finished["seconds"]["total"] < 30
    assert flowmill.server.requests
    await asyncio.wait_for(flowmill.server.dropped.wait(), 10)


async def test_a_server_that_dies_leaves_the_best_draft_on_show(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    gate = asyncio.Event()
    flowmill = await scripted(HALF, Reply(("```python\n", "never"), gate=gate))
    async with flowmill.start(*GENERATE, "--json") as running:
        await running.until("draft.scored", draft=1)
        await flowmill.server.__aexit__(None, None, None)
        ended = await running.end()
    assert (ended.code, ended.changed) == (4, ())
    assert (ended.finished["status"], ended.finished["best"]) == ("improved", 1)
    assert HALF_BODY in ended.finished["diff"]
    assert f"no server answers at {flowmill.base_url}" in ended.err
