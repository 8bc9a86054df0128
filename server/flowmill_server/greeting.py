"""Answers `initialize` before the server itself is there: what we can do is known beforehand.

The classes of the protocol alone take half of the start; meanwhile the editor goes on with its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from flowmill import __version__
from flowmill_server.wire.alive import is_alive
from flowmill_server.wire.calls import Request, read_call
from flowmill_server.wire.channels import Channel
from flowmill_server.wire.encodings import choose_encoding
from flowmill_server.wire.frames import FrameReader, Incoming, Message, packed

CHUNK = 1 << 16
CAPABILITIES = Path(__file__).with_name("capabilities.json")
"""What the registered features come to; a test holds them against it."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What came in so far, to be handled as if it came now, but for the answer that was given."""

    frames: FrameReader
    incoming: tuple[Incoming, ...]
    answered: bool
    editor_seen: bool = False
    """The process that `initialize` names was there when it came: it may be gone by the time the server is."""


def greet(channel: Channel) -> Greeting:
    """Wait for the first message, and answer it if it is a proper `initialize`."""
    frames = FrameReader()
    incoming: list[Incoming] = []
    with suppress(OSError):  # whoever reads or writes next finds the connection broken too
        while not incoming and (data := channel.read(CHUNK)):
            incoming.extend(frames.feed(data))
        first = incoming[0] if incoming else None
        call = read_call(first.content) if isinstance(first, Message) else None
        if isinstance(call, Request) and call.method == "initialize" and isinstance(call.params, dict):
            pid = call.params.get("processId")
            seen = isinstance(pid, int) and is_alive(pid)  # before it is answered, and may go
            channel.write(packed({"jsonrpc": "2.0", "id": call.id, "result": result(call.params)}))
            return Greeting(frames, tuple(incoming), answered=True, editor_seen=seen)
    return Greeting(frames, tuple(incoming), answered=False)


def result(params: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to `initialize`, in which only the encoding of positions depends on the client."""
    capabilities = json.loads(CAPABILITIES.read_text(encoding="utf-8"))
    capabilities["positionEncoding"] = choose_encoding(_wishes(params))
    return {"capabilities": capabilities, "serverInfo": {"name": "flowmill", "version": __version__}}


def _wishes(params: Mapping[str, Any]) -> list[object]:
    found: Any = params
    for key in ("capabilities", "general", "positionEncodings"):
        found = cast("dict[str, Any]", found).get(key) if isinstance(found, dict) else None
    return cast("list[object]", found) if isinstance(found, list) else []
