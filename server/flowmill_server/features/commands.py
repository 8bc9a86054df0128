"""`workspace/executeCommand`: flow.generate, flow.repair, flow.cancel and flow.runs. All return at once."""

from __future__ import annotations

from flowmill.errors import UsageError
from flowmill.shapes import Mode
from flowmill_server.runs.job import Job, Origin
from flowmill_server.runs.start import find_function, read_run, read_wanted
from flowmill_server.runs.table import summary
from flowmill_server.server import FlowServer


def begin(
    server: FlowServer,
    mode: Mode,
    given: object,
    command: str,
    *,
    origin: Origin = "user",
    token: int | str | None = None,
) -> Job:
    """A run on the function that a client names. Raises `UsageError`, with the reason if flow may not work there."""
    document, span = find_function(server.documents, read_wanted(given, command))
    reason = server.folders.reason(document)
    if reason:
        raise UsageError(reason)
    # Whoever asks for another body has seen the one that is there.
    force = mode == "generate" and not span.is_stub
    return server.runs.request(mode, document, span, origin=origin, force=force, token=token)


def job_of(server: FlowServer, given: list[object], command: str, *more: str) -> Job:
    """The run that a command names, or the one that stands for it now. Raises `UsageError`."""
    run, _ = read_run(given[0] if given else None, command, *more)
    job = server.runs.find(run)
    if job is None:
        raise UsageError(f"there is no run {run} (any more): flow.runs lists them")
    return job.latest


def generate(server: FlowServer, given: list[object]) -> object:
    return {"run": begin(server, "generate", given[0] if given else None, "flow.generate").run}


def repair(server: FlowServer, given: list[object]) -> object:
    return {"run": begin(server, "repair", given[0] if given else None, "flow.repair").run}


def cancel(server: FlowServer, given: list[object]) -> object:
    job = job_of(server, given, "flow.cancel")
    server.runs.cancel(job.run)
    return {"run": job.run}


def runs(server: FlowServer, given: list[object]) -> object:
    """Every run that is known, the newest first."""
    return [summary(job) for job in reversed(server.runs.jobs.values())]


def register(server: FlowServer) -> None:
    server.commands |= {
        "flow.generate": generate,
        "flow.repair": repair,
        "flow.cancel": cancel,
        "flow.runs": runs,
    }
