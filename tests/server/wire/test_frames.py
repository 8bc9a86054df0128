"""Bytes in, JSON values out, however the bytes are cut and whatever lies between the messages."""

from __future__ import annotations

import json
import random

import pytest

from doubles.lsp import frame, packed
from flowmill_server.wire import frames
from flowmill_server.wire.frames import FrameReader, Garbled, Message

ONE, TWO = {"one": 1}, {"two": "é\r\n\r\nContent-Length: 3\r\n\r\n"}


def read(data: bytes, step: int = 1 << 20) -> list[object]:
    """The values in some bytes that come `step` at a time; None for what is garbled."""
    reader = FrameReader()
    pieces = [data[start : start + step] for start in range(0, len(data), step)]
    found = [incoming for piece in pieces for incoming in reader.feed(piece)]
    return [incoming.content if isinstance(incoming, Message) else None for incoming in found]


@pytest.mark.parametrize("step", [1, 2, 7, 64, 1 << 20])
def test_however_the_bytes_are_cut(step: int) -> None:
    body = json.dumps(TWO, ensure_ascii=False).encode()
    assert read(packed(ONE) + frame(body) + packed([]), step) == [ONE, TWO, []]


@pytest.mark.parametrize(
    "header",
    [
        "content-length: {}\r\n\r\n",
        "CONTENT-LENGTH:{}\r\n\r\n",
        "Content-Length : {} \r\n\r\n",
        "Content-Length: {}\n\n",
        "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
        "Content-Length: {}\r\nContent-Type: x\r\nX-Anything: 7\r\n\r\n",
        "Welcome to the shell!\r\nContent-Length: {}\r\n\r\n",
    ],
)
def test_headers_that_are_understood(header: str) -> None:
    assert read(frame(json.dumps(ONE).encode(), header) + packed(TWO)) == [ONE, TWO]


@pytest.mark.parametrize(
    "rubbish",
    [
        b"Content-Length: -5\r\n\r\n",
        b"Content-Length: 99999999999\r\n\r\n{}",
        b"Content-Length: 99999999999999999999999\r\n\r\n",
        b"Content-Length: many\r\n\r\n",
        b"Content-Length:\r\n\r\n",
        b"Content-Type: x\r\n\r\n{}",
        b"\r\n\r\n\r\n\r\n",
        b"Content-Length: 0\r\n\r\n",
        frame(b"{"),
        frame(b"\xff\xfe\xfa"),
        frame(b"[" * 100_000),
        frame(b"1" * 10_000),
        b"Content-Length: 7\r\n\r\n" + json.dumps(ONE).encode(),
        b"Content-Length: 40\r\n\r\n" + json.dumps(ONE).encode(),
    ],
)
def test_rubbish_is_told_once_and_loses_no_message_after_it(rubbish: bytes) -> None:
    assert read(packed(ONE) + rubbish + packed(TWO)) == [ONE, None, TWO]


def test_a_length_too_large_costs_one_message_even_if_the_next_comes_later() -> None:
    reader = FrameReader()
    assert [*reader.feed(b"Content-Length: 12\r\n\r\n" + json.dumps(ONE).encode())] == []
    found = [*reader.feed(packed(TWO) + packed(ONE))]
    assert [type(incoming) for incoming in found] == [Garbled, Message, Message]


def test_what_is_kept_of_rubbish_is_bounded() -> None:
    reader = FrameReader()
    for _ in range(100):
        assert len([*reader.feed(b"x" * frames.LONGEST_HEADER)]) <= 1
    assert len(reader._buffer) <= 2 * frames.LONGEST_HEADER
    assert [*reader.feed(b"\n\n" + packed(ONE))][-1] == Message(ONE)


def test_random_bytes_never_raise() -> None:
    chance = random.Random(7)
    whole = packed(ONE) * 3 + b"Content-Length: 5\r\n\r\n" + packed(TWO)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 9)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        assert read(bytes(data) + packed(ONE) + packed(ONE), chance.randint(1, 50))[-1] == ONE
