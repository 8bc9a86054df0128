"""A server with the real protocol, entry and end, and with handlers that do what handlers should not."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from flowmill.errors import ModelError, UsageError
from flowmill_server import logs, serve
from flowmill_server.main import open_channel
from flowmill_server.protocol import FlowProtocol


class OddServer(LanguageServer):
    protocol: FlowProtocol  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self) -> None:
        super().__init__("odd", "1", protocol_cls=FlowProtocol)  # pyright: ignore[reportUnknownMemberType]
        self.commands: dict[str, Callable[[OddServer, list[object]], object]] = {}
        self.closing: Callable[[], Awaitable[None]] = _nothing

    async def close(self) -> None:
        self.protocol.notify("odd/closing")
        await self.closing()


async def _nothing() -> None:
    return


def make() -> OddServer:
    server = OddServer()
    server.commands |= {"odd.slow": _slow, "odd.usage": _usage, "odd.model": _model, "odd.echo": _echo}
    server.commands["odd.broken"] = lambda _server, given: given[7]

    @server.feature("odd/echo")
    def echo(params: object) -> object:
        return {"type": type(params).__name__, "params": params}

    @server.feature("odd/sleep")
    async def sleep(params: object) -> object:
        server.protocol.notify("odd/asleep", params)
        try:
            await asyncio.sleep(3600)
        finally:
            server.protocol.notify("odd/woken", params)

    @server.feature("odd/fail")
    async def fail(params: object) -> object:
        raise KeyError("secret")

    @server.feature("odd/unspeakable")
    def unspeakable(params: object) -> object:
        return object.__new__(object)

    @server.feature(types.WORKSPACE_DID_RENAME_FILES)
    def renamed(params: types.RenameFilesParams) -> None:
        raise ZeroDivisionError

    @server.feature("odd/note")
    async def note(params: object) -> None:
        if params is not None:
            raise KeyError("secret")

    @server.feature("odd/print")
    def talk(params: object) -> object:
        print("printed")
        os.write(1, b"written\n")
        subprocess.run([sys.executable, "-c", "print('a child printed'); input()"], check=False)
        return True

    @server.feature("odd/counts")
    def counts(params: object) -> object:
        protocol: Any = server.protocol
        tables = (protocol._request_futures, protocol._result_types, protocol._answering, protocol._following)
        return {"tables": sum(map(len, tables)), "tasks": len(asyncio.all_tasks())}

    @server.feature("odd/ask")
    async def ask(params: object) -> object:
        """Ask the client something, give it up, and have it answered too late."""
        future = server.protocol.send_request_async("workspace/configuration", {"items": []}, "late")
        await asyncio.wait({future}, timeout=0.05)
        return future.cancel()

    @server.feature("odd/flood")
    def flood(params: Any) -> object:
        for number in range(params["messages"]):
            server.protocol.notify("odd/flood", {"number": number, "text": "x" * params["size"]})
        return None

    @server.feature("odd/stubborn")
    def stubborn(params: Any) -> None:
        if params["way"] == "task":
            server.closing = lambda: asyncio.sleep(3600)
        else:
            server.closing = lambda: asyncio.to_thread(time.sleep, 3600)

    return server


async def _slow(server: OddServer, given: list[object]) -> object:
    server.protocol.notify("odd/asleep", {})
    await asyncio.sleep(0.2)
    return "done"


def _usage(server: OddServer, given: list[object]) -> object:
    raise UsageError("odd.usage takes nothing")


def _model(server: OddServer, given: list[object]) -> object:
    raise ModelError("the model is asleep", hint="wake it")


def _echo(server: OddServer, given: list[object]) -> object:
    return given


if __name__ == "__main__":
    channel = open_channel(sys.argv[1:])
    logs.start(logs.default())
    code = serve.run(make().protocol, channel)
    logs.stop()
    sys.exit(code)
