"""`textDocument/didOpen`, `didChange` and `didClose`: documents are kept as the editor has them."""

from __future__ import annotations

from lsprotocol import types

from flowmill_server.server import FlowServer


def register(server: FlowServer) -> None:
    documents = server.documents

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        documents.open(params.text_document)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        documents.change(params)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        documents.close(params.text_document.uri)

    async def stop() -> None:
        documents.stop()

    server.on_close(stop)
    del did_open, did_change, did_close
