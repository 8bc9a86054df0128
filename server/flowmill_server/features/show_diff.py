"""The command flow.showDiff: the run's result beside the code, or the best draft's change so far."""

from __future__ import annotations

from flowmill_server.features.commands import job_of
from flowmill_server.server import FlowServer

COMMAND = "flow.showDiff"


def show_diff(server: FlowServer, given: list[object]) -> object:
    """Answers at once; the document opens when the client gets to it."""
    job = job_of(server, given, COMMAND)
    server.previews.shown(job.run)
    server.spawn(server.showing.viewer.show(job, "result.diff"))
    return {"run": job.run}


def register(server: FlowServer) -> None:
    server.commands[COMMAND] = show_diff
