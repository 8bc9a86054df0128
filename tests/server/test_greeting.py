"""The answer to `initialize` that is given before the server is there must be the one that it would give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from doubles.lsp import frame, log, packed, start
from flowmill_server.app import create_server
from flowmill_server.greeting import CAPABILITIES, greet, result
from flowmill_server.wire.channels import Channel
from flowmill_server.wire.shaping import make_converter

GENERAL: tuple[Any, ...] = (
    {},
    {"positionEncodings": ["utf-32", "utf-8"]},
    {"positionEncodings": ["utf-7", "utf-8"]},
    {"positionEncodings": []},
)


def given_by_the_server(capabilities: Any) -> dict[str, Any]:
    converter = make_converter()
    params = converter.structure({"processId": None, "capabilities": capabilities}, types.InitializeParams)
    protocol: Any = create_server().protocol
    return converter.unstructure(protocol._initialize(params))


@pytest.mark.parametrize("general", GENERAL)
async def test_it_is_the_answer_that_the_server_would_give(general: Any) -> None:
    expected = given_by_the_server({"general": general})
    told = result({"capabilities": {"general": general}})
    written = {name: value for name, value in expected["capabilities"].items() if name != "positionEncoding"}
    assert told == expected, f"{CAPABILITIES.name} should be {json.dumps(written, indent=2)}"


ODD_WISHES: Any = {"positionEncodings": [None, 3, "utf-8"]}
ODD_GENERAL: tuple[Any, ...] = (*GENERAL, None, 3, ODD_WISHES)


@pytest.mark.parametrize("general", ODD_GENERAL)
def test_no_capabilities_keep_it_from_answering(general: Any) -> None:
    for params in ({"capabilities": {"general": general}}, {"capabilities": general}, {}):
        assert result(params)["capabilities"]["positionEncoding"] in ("utf-8", "utf-16", "utf-32")


def greeted(*pieces: bytes) -> tuple[bool, list[bytes], int]:
    """Whether that was answered, what was written, and how many messages are left to handle."""
    coming, written = [*pieces], list[bytes]()
    greeting = greet(Channel(lambda _: coming.pop(0) if coming else b"", written.append))
    return greeting.answered, written, len(greeting.incoming)


INITIALIZE: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"capabilities": {}},
}


@pytest.mark.parametrize(
    "first",
    [
        b"",
        frame(b"{"),
        packed([INITIALIZE]),
        packed({**INITIALIZE, "id": None}),
        packed({**INITIALIZE, "params": [1]}),
        packed({**INITIALIZE, "method": "shutdown"}),
    ],
)
def test_only_a_proper_first_message_is_answered(first: bytes) -> None:
    answered, written, _ = greeted(first)
    assert not answered
    assert written == []


def test_what_came_with_it_is_kept() -> None:
    data = packed(INITIALIZE) + packed({"jsonrpc": "2.0", "method": "initialized"}) + b"Content-"
    answered, written, left = greeted(data[:30], data[30:])
    assert answered
    assert len(written) == 1
    assert left == 2


async def test_one_answer_and_the_rest_in_order(tmp_path: Path) -> None:
    async with start(tmp_path) as peer:
        for number, method in enumerate(["initialize", "initialized", "shutdown", "shutdown", "exit"]):
            message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": {}}
            peer.send(message if method in ("initialized", "exit") else {**message, "id": number})
        assert await peer.ended() == 0
        assert [m["id"] for m in peer.got if "method" not in m and "result" in m] == [0, 2]
        assert [m["id"] for m in peer.got if "error" in m] == [3]
    assert "ERROR" not in log(tmp_path)


async def test_an_editor_that_leaves_at_once(tmp_path: Path) -> None:
    async with start(tmp_path) as peer:
        peer.close_input()
        assert await peer.ended() == 1
        assert await peer.errors() == ""
