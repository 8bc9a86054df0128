"""`workspace/textDocumentContent`: what stands in a document of a run, `flow:/run/RUN/log.md` and its like."""

from __future__ import annotations

from lsprotocol import types

from flowmill_server.server import FlowServer


async def start(server: FlowServer) -> None:
    """Once the client is initialized: offer the documents, which can only be done then."""
    await server.showing.virtual.register()


def register(server: FlowServer) -> None:
    @server.feature(types.WORKSPACE_TEXT_DOCUMENT_CONTENT)
    def content(params: types.TextDocumentContentParams) -> types.TextDocumentContentResult:
        return types.TextDocumentContentResult(server.showing.virtual.text(params.uri))

    del content
