"""`flow/run`: a run as one request, for clients that want nothing but the outcome."""

from __future__ import annotations

import asyncio

from flowmill.errors import FlowmillError
from flowmill_server.features.commands import begin
from flowmill_server.runs.job import Job
from flowmill_server.runs.start import read_mode, read_token
from flowmill_server.server import FlowServer


def register(server: FlowServer) -> None:
    @server.feature("flow/run")
    def run(params: object) -> asyncio.Future[object]:
        # Begun before the next message is read, which may be a command about this very run.
        job = begin(server, read_mode(params), params, "flow/run", origin="request", token=read_token(params))
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        job.done.add_done_callback(lambda _: _settle(answer, job))
        # Before the answer goes out, whose callback comes after this one.
        answer.add_done_callback(lambda _: _cancelled(server, job) if answer.cancelled() else None)
        return answer

    del run


def _cancelled(server: FlowServer, job: Job) -> None:
    server.showing.progress.answered(job)
    server.runs.cancel(job.run)


def _settle(answer: asyncio.Future[object], job: Job) -> None:
    if answer.done():
        return
    if job.unheard and job.state == "done":
        answer.set_exception(FlowmillError(job.problem or "the run ended without a result", hint=job.hint))
    else:
        answer.set_result(job.done.result().to_json())
