"""`window/workDoneProgress/cancel`: the user cancels what a progress stands for."""

from __future__ import annotations

from lsprotocol import types

from flowmill_server.server import FlowServer


def register(server: FlowServer) -> None:
    @server.feature(types.WINDOW_WORK_DONE_PROGRESS_CANCEL)
    def cancel(params: types.WorkDoneProgressCancelParams) -> None:
        server.showing.progress.cancelled(params.token)

    del cancel
