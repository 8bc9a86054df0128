"""flow.accept: apply a run's change, or some of its hunks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from flowmill.errors import UsageError
from flowmill_server.features.commands import job_of
from flowmill_server.runs.start import read_run
from flowmill_server.server import FlowServer

FORM = "flow.accept takes {run, hunks?}: hunks are the numbers, counted from 0, of hunks in the run's diff"


def accept(server: FlowServer, given: list[object]) -> object:
    job = job_of(server, given, "flow.accept", "hunks")
    hunks = read_hunks(read_run(given[0], "flow.accept", "hunks")[1].get("hunks"))
    refusal = server.previews.refusal(job)
    if refusal:
        raise UsageError(refusal)
    server.spawn(server.previews.accept(job, hunks))
    return {"run": job.run}


def read_hunks(given: object) -> Sequence[int] | None:
    """The numbers of the hunks; None, for all of them, if none are named. Raises `UsageError`."""
    if given is None:
        return None
    numbers = cast("Sequence[object]", given) if isinstance(given, (list, tuple)) else ()
    hunks = [n for n in numbers if isinstance(n, int) and not isinstance(n, bool) and n >= 0]
    if not hunks or len(hunks) != len(numbers):
        raise UsageError(FORM)
    return hunks


def register(server: FlowServer) -> None:
    server.commands["flow.accept"] = accept
