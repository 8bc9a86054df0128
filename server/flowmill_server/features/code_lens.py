"""`textDocument/codeLens`: above a function with a run, how far it is and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence

from lsprotocol import types

from flowmill_server.actions import lenses
from flowmill_server.server import FlowServer


def register(server: FlowServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_CODE_LENS)
    async def code_lens(params: types.CodeLensParams) -> Sequence[types.CodeLens]:
        document = server.documents.get(params.text_document.uri)
        if document is None:
            return []
        await server.documents.ready(document)
        shown: list[types.CodeLens] = []
        for job in server.runs.on(document.uri):
            span = job.span_in(document)
            # Of several runs on a function the newest counts, as in the menu.
            if span is not None and server.runs.at(document.uri, span.qualname) is job:
                shown += lenses(job, span.first_line - 1, server.previews.edits(job, document))
        return shown

    del code_lens
