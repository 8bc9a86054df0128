"""`textDocument/codeAction`: what flow offers at the function under the cursor, from what is known already."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from lsprotocol import types

from flowmill_server.actions import KINDS, Change, Here, menu, offers
from flowmill_server.runs.job import Job
from flowmill_server.server import FlowServer
from flowmill_server.text.document import Document
from flowmill_server.text.outline import FunctionSpan

EDIT_SECONDS = 0.25
"""The longest that the menu waits for an edit that is being carried over to changed text."""


def register(server: FlowServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(code_action_kinds=KINDS))
    async def code_action(params: types.CodeActionParams) -> Sequence[types.CodeAction | types.Command]:
        document = server.documents.get(params.text_document.uri)
        if document is None or not document.is_python:
            return []
        reason = server.folders.reason(document)
        if reason and not (server.client.disabled_actions and server.folders.offered(document)):
            return []
        await server.documents.ready(document)
        outline, extent = document.outline, params.range
        span = outline.at(extent.start.line + 1) or outline.at(extent.end.line + 1)
        if span is None:
            return []
        here = await _look(server, document, span, reason)
        return menu(offers(here), params.context.only, params.text_document.uri, server.client)

    del code_action


async def _look(server: FlowServer, document: Document, span: FunctionSpan, reason: str) -> Here:
    """Gather what is known of the function."""
    job = server.runs.at(document.uri, span.qualname)
    failures = server.outcomes.failures(document.uri, span.qualname)
    current = failures is not None and failures.digest == span.digest
    return Here(
        uri=document.uri,
        span=span,
        reason=reason or document.outline.problem_in(span),
        job=job,
        change=await _change(server, job, document) if job is not None else None,
        failing=failures.diagnostic(document, span) if failures is not None and current else None,
    )


async def _change(server: FlowServer, job: Job, document: Document) -> Change | None:
    """What accepting would change; an edit that is nearly worked out is worth a moment."""
    change = server.previews.edits(job, document)
    if change is None or not change.pending:
        return change
    try:
        return await asyncio.wait_for(server.previews.ready(job, document), EDIT_SECONDS)
    except asyncio.TimeoutError:
        return change
