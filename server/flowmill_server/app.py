"""Puts the server together: every request that it answers, and who hears of runs first."""

from __future__ import annotations

from flowmill_server.features import (
    accept,
    closing,
    code_action,
    code_lens,
    commands,
    configuration,
    diagnostics,
    discard,
    flow_run,
    folders,
    lifecycle,
    progress_cancel,
    save,
    show_diff,
    text_document_content,
    text_sync,
    watched_files,
)
from flowmill_server.server import FlowServer

FEATURES = (
    lifecycle,
    configuration,
    folders,
    watched_files,
    text_sync,
    save,
    code_action,
    code_lens,
    commands,
    flow_run,
    diagnostics,
    accept,
    discard,
    show_diff,
    text_document_content,
    progress_cancel,
    closing,
)


def create_server() -> FlowServer:
    """A server that answers as soon as it has a connection."""
    server = FlowServer()
    for feature in FEATURES:
        feature.register(server)
    return server
