"""`flow/run`: a run as one request, for clients that want nothing but the outcome."""

from __future__ import annotations

import asyncio

from flowmill.errors import FlowmillError
from flowmill_server.features.commands import begin
from flowmill_server.runs.start import read_mode, read_token
from flowmill_server.server import FlowServer


def register(server: FlowServer) -> None:
    @server.feature("flow/run")
    async def run(params: object) -> object:
        job = begin(server, read_mode(params), params, "flow/run", origin="request", token=read_token(params))
        try:
            # The run may be wanted by others when this request is not any more.
            last = await asyncio.shield(job.done)
        except asyncio.CancelledError:
            server.runs.cancel(job.run)
            raise
        if last is None:
            raise FlowmillError(job.problem or "the run was replaced by a newer one", hint=job.hint)
        return last.to_json()

    del run
