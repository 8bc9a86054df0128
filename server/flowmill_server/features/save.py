"""`textDocument/didSave`: whoever listens to the documents hears of it."""

from __future__ import annotations

from lsprotocol import types

from flowmill_server.server import FlowServer


def register(server: FlowServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_SAVE, types.SaveOptions(include_text=False))
    def did_save(params: types.DidSaveTextDocumentParams) -> None:
        server.documents.save(params.text_document.uri)

    del did_save
