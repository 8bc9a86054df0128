"""`initialize` and `initialized`: every part learns who the client is, then asks it for what it needs.

`shutdown`, `exit`, `$/setTrace` and `$/cancelRequest` are the protocol's own.
"""

from __future__ import annotations

from pathlib import Path

from lsprotocol import types

from flowmill_server import logs
from flowmill_server.features import configuration, folders, text_document_content, watched_files
from flowmill_server.server import FlowServer


class LogPlace:
    """Keeps the log where the setting `logFile` wants it."""

    def __init__(self, server: FlowServer) -> None:
        self._server = server

    def changed(self) -> None:
        self._server.spawn(self._move())

    async def _move(self) -> None:
        roots = self._server.folders.roots
        settings = await self._server.configuration.load((roots[0] if roots else Path.cwd()) / "_")
        logs.use(settings.log_file or logs.default())


def register(server: FlowServer) -> None:
    place = LogPlace(server)
    server.configuration.listen(place)

    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        server.client.learn(params)
        server.folders.learn(params)
        server.configuration.learn(server.client.options)

    @server.feature(types.INITIALIZED)
    def initialized(params: types.InitializedParams) -> None:
        server.spawn(folders.settle(server))
        server.spawn(server.settle())
        for part in (configuration, watched_files, text_document_content):
            server.spawn(part.start(server))

    del initialize, initialized
