"""JSON-RPC with a real server process: one answer to each request, whatever handlers and clients do."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from doubles.lsp import ODD, Peer, frame, log, packed, start

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
INTERNAL_ERROR, NOT_INITIALIZED, CANCELLED, FAILED = -32603, -32002, -32800, -32803
BROKEN = ("odd/note (KeyError)", "workspace/didRenameFiles (ZeroDivisionError)")
V: dict[str, Any] = {"jsonrpc": "2.0"}
NO_ID: dict[str, Any] = {"id": {}, "method": "odd/echo"}
LATE: dict[str, Any] = {"id": "late", "result": []}


@asynccontextmanager
async def odd(folder: Path) -> AsyncGenerator[Peer]:
    """The odd server after its handshake; it must end properly."""
    async with start(folder, ODD) as peer:
        await peer.initialize()
        yield peer
        await peer.call("shutdown")
        peer.notify("exit")
        assert await peer.ended() == 0
        assert peer.failure is None


def answers(peer: Peer, number: object) -> list[dict[str, Any]]:
    return [m for m in peer.got if "method" not in m and m["id"] == number]


async def nothing_kept(peer: Peer) -> None:
    """No table of the protocol holds anything, once what came before was handled."""
    for _ in range(10):
        if (await peer.call("odd/counts"))["result"]["tables"] == 0:
            return
    raise AssertionError(f"something is kept: {peer.got[-1]}")


async def test_only_initialize_is_answered_before_it(tmp_path: Path) -> None:
    async with start(tmp_path, ODD) as peer:
        peer.notify("odd/note", {"boom": True})
        assert (await peer.call("odd/echo"))["error"]["code"] == NOT_INITIALIZED
        assert (await peer.call("shutdown"))["error"]["code"] == NOT_INITIALIZED
        assert (await peer.call("initialize", ["x"]))["error"]["code"] == INVALID_PARAMS
        assert "capabilities" in await peer.initialize()
        again = await peer.call("initialize", {"processId": None, "capabilities": {}})
        assert again["error"]["code"] == INVALID_REQUEST
        await peer.call("shutdown")
        assert (await peer.call("odd/echo"))["error"]["code"] == INVALID_REQUEST
        assert (await peer.call("shutdown"))["error"]["code"] == INVALID_REQUEST
        peer.notify("exit")
        assert await peer.ended() == 0


async def test_what_is_no_message_is_answered_by_the_book(tmp_path: Path) -> None:
    async with odd(tmp_path) as peer:
        for rubbish, code in [
            (frame(b"{"), PARSE_ERROR),
            (b"Content-Length: -4\r\n\r\n", PARSE_ERROR),
            (packed([V | {"id": 1, "method": "odd/echo"}]), INVALID_REQUEST),
            (packed(V | {"id": None, "method": "odd/echo"}), INVALID_REQUEST),
            (packed(V | NO_ID), INVALID_REQUEST),
        ]:
            seen = len(answers(peer, None))
            peer.write(rubbish)
            await peer.call("odd/echo")
            assert [m["error"]["code"] for m in answers(peer, None)[seen:]] == [code], rubbish
        peer.send(V | {"id": "a", "method": "odd/echo", "params": 5})
        assert (await peer.answer("a"))["error"]["code"] == INVALID_PARAMS
        peer.send(V | {"id": "b", "method": 5})
        assert (await peer.answer("b"))["error"]["code"] == INVALID_REQUEST
        peer.send({"id": "c", "method": "odd/echo"})
        assert (await peer.answer("c"))["error"]["code"] == INVALID_REQUEST
        assert (await peer.call("workspace/executeCommand", {}))["error"]["code"] == INVALID_PARAMS


async def test_unknown_methods_and_answers_nobody_asked_for_are_quiet(tmp_path: Path) -> None:
    async with odd(tmp_path) as peer:
        peer.notify("$/unheard", {"of": 1})
        peer.notify("textDocument/didOpen", {"nonsense": True})
        peer.notify("$/cancelRequest", {"id": [1]})
        peer.notify("$/cancelRequest", {"id": "never asked"})
        peer.send(V | {"id": "never asked", "result": 1})
        peer.send(V | {"id": ["never", "asked"], "result": 1})
        peer.send(V | {"id": 7, "error": "what"})
        assert (await peer.call("odd/unheard"))["error"]["code"] == METHOD_NOT_FOUND
        assert (await peer.call("$/unheard"))["error"]["code"] == METHOD_NOT_FOUND
        assert not [m for m in peer.got if m.get("method") == "window/showMessage"]


async def test_a_request_without_an_id_is_ignored(tmp_path: Path) -> None:
    async with odd(tmp_path) as peer:
        peer.notify("initialize", {"processId": None, "capabilities": {}})
        peer.notify("workspace/executeCommand", {"command": "odd.nothing"})
        peer.notify("shutdown")
        assert (await peer.call("odd/echo", {"still": "here"}))["result"]["params"] == {"still": "here"}
        assert not [m for m in peer.got if m.get("method") == "window/showMessage"]


async def test_custom_params_are_plain(tmp_path: Path) -> None:
    async with odd(tmp_path) as peer:
        params = {"type_name": "x", "class": {"def": [1, None]}, "😀": "\ud800"}
        assert (await peer.call("odd/echo", params))["result"] == {"type": "dict", "params": params}


async def test_a_cancelled_request_is_answered_once_and_its_work_stops(tmp_path: Path) -> None:
    async with odd(tmp_path) as peer:
        number = peer.ask("odd/sleep", {"n": 1})
        await peer.told("odd/asleep")
        for _ in range(3):
            peer.notify("$/cancelRequest", {"id": number})
        assert (await peer.answer(number))["error"]["code"] == CANCELLED
        await peer.told("odd/woken")
        peer.notify("$/cancelRequest", {"id": number})
        await peer.call("odd/echo")
        assert len(answers(peer, number)) == 1
        await nothing_kept(peer)


async def test_an_id_in_use_is_refused_and_free_afterwards(tmp_path: Path) -> None:
    async with odd(tmp_path) as peer:
        peer.ask("odd/sleep", {}, "twice")
        await peer.told("odd/asleep")
        peer.ask("odd/echo", {}, "twice")
        assert (await peer.answer("twice"))["error"]["code"] == INVALID_REQUEST
        peer.notify("$/cancelRequest", {"id": "twice"})
        await peer.told("odd/woken")
        peer.ask("odd/echo", {}, "twice")
        await peer.call("odd/echo")
        assert [m.get("error", {}).get("code") for m in answers(peer, "twice")] == [
            INVALID_REQUEST,
            CANCELLED,
            None,
        ]


async def test_a_command_is_not_cancelled_and_answers_once(tmp_path: Path) -> None:
    async with odd(tmp_path) as peer:
        number = peer.ask("workspace/executeCommand", {"command": "odd.slow"})
        await peer.told("odd/asleep")
        peer.notify("$/cancelRequest", {"id": number})
        assert (await peer.answer(number))["result"] == "done"
        assert len(answers(peer, number)) == 1


@pytest.mark.parametrize(
    ("command", "given", "code", "words"),
    [
        ("odd.usage", [], INVALID_PARAMS, "odd.usage takes nothing"),
        ("odd.model", [], FAILED, "the model is asleep\nwake it"),
        ("odd.absent", [], INVALID_PARAMS, "there is no command odd.absent; there are odd.broken, "),
        (
            "odd.broken",
            [1],
            INTERNAL_ERROR,
            "flowmill: internal error in workspace/executeCommand (IndexError)",
        ),
    ],
)
async def test_commands_that_fail(
    tmp_path: Path, command: str, given: list[int], code: int, words: str
) -> None:
    async with odd(tmp_path) as peer:
        answer = await peer.call("workspace/executeCommand", {"command": command, "arguments": given})
        assert answer["error"]["code"] == code
        assert answer["error"]["message"].startswith(words)


async def test_commands_are_advertised_and_get_their_arguments_as_they_are(tmp_path: Path) -> None:
    async with start(tmp_path, ODD) as peer:
        capabilities = (await peer.initialize())["capabilities"]
        assert "odd.echo" in capabilities["executeCommandProvider"]["commands"]
        given = [{"uri": "file:///a", "position": {"line": 1}}, None, 3]
        answer = await peer.call("workspace/executeCommand", {"command": "odd.echo", "arguments": given})
        assert answer["result"] == given
        assert (await peer.call("workspace/executeCommand", {"command": "odd.echo"}))["result"] == []


async def test_mistakes_are_logged_with_a_traceback_and_shown_once(tmp_path: Path) -> None:
    async with odd(tmp_path) as peer:
        for _ in range(20):
            peer.notify("odd/note", {"boom": True})
            peer.notify("workspace/didRenameFiles", {"files": []})
        for method in ("odd/fail", "odd/unspeakable"):
            error = (await peer.call(method))["error"]
            assert error["code"] == INTERNAL_ERROR
            assert "server.log" in error["message"]
            assert "\n" not in error["message"]
        shown = [m["params"]["message"] for m in peer.got if m.get("method") == "window/showMessage"]
        places = [f"flowmill: internal error in {place}; see " for place in BROKEN]
        assert sorted(line.partition("; see ")[0] + "; see " for line in shown) == places
    text = log(tmp_path)
    assert text.count("odd/note failed") == 20
    assert 'raise KeyError("secret")' in text


async def test_an_answer_that_comes_too_late_finds_nobody_and_leaves_no_trace(tmp_path: Path) -> None:
    async with odd(tmp_path) as peer:
        number = peer.ask("odd/ask")
        await peer.told("workspace/configuration")
        assert (await peer.answer(number))["result"] is True
        peer.send(V | LATE)
        for _ in range(50):
            peer.notify("odd/note")
        await nothing_kept(peer)
    assert "InvalidStateError" not in log(tmp_path)
    assert "ERROR" not in log(tmp_path)


async def test_shutdown_ends_what_is_in_flight(tmp_path: Path) -> None:
    async with start(tmp_path, ODD) as peer:
        await peer.initialize()
        sleeping = peer.ask("odd/sleep", {})
        command = peer.ask("workspace/executeCommand", {"command": "odd.slow"})
        await peer.told("odd/asleep")
        assert (await peer.call("shutdown"))["result"] is None
        assert (await peer.answer(sleeping))["error"]["code"] == CANCELLED
        assert (await peer.answer(command))["error"]["code"] == CANCELLED
        peer.notify("exit")
        assert await peer.ended() == 0
    assert "ERROR" not in log(tmp_path)


async def test_nothing_but_frames_on_stdout(tmp_path: Path) -> None:
    async with odd(tmp_path) as peer:
        assert (await peer.call("odd/print"))["result"] is True
        assert (await peer.call("odd/echo"))["result"]
    said = await peer.errors()
    assert "printed" in said
    assert "written" in said
    assert "a child printed" in said


async def test_everything_arrives_in_order(tmp_path: Path) -> None:
    async with odd(tmp_path) as peer:
        await peer.call("odd/flood", {"messages": 2_000, "size": 300})
        flood = [m["params"]["number"] for m in peer.got if m.get("method") == "odd/flood"]
        assert flood == [*range(2_000)]
        assert peer.got[-1].get("method") is None
