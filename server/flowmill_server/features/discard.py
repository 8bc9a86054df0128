"""flow.discard: drop a run's draft; the next run on that function is told of it."""

from __future__ import annotations

from flowmill.errors import UsageError
from flowmill_server.features.commands import job_of
from flowmill_server.server import FlowServer


def discard(server: FlowServer, given: list[object]) -> object:
    job = job_of(server, given, "flow.discard")
    reason = server.previews.keeps(job)
    if reason:
        raise UsageError(reason)
    # At once: the next message may begin a run, which is told of it.
    server.previews.discard(job)
    return {"run": job.run}


def register(server: FlowServer) -> None:
    server.commands["flow.discard"] = discard
