"""A line in the client's log when a run begins and when it ends."""

from __future__ import annotations

from flowmill.report.words import clock, plural
from flowmill_server.client import Client, Level
from flowmill_server.runs.job import Job
from flowmill_server.show.hearer import Hearer
from flowmill_server.show.words import end_line, for_editor


class StatusLog(Hearer):
    """Says of every run what a user looks for who wonders what flow is doing."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def began(self, job: Job) -> None:
        self._client.log(f"flow: {_deed(job)} {job.name} began (run {job.run})")

    def ended(self, job: Job) -> None:
        end = None if job.unheard else job.story.finished
        facts = f", {clock(end.seconds.total)}, {plural(end.calls, 'model call')}" if end is not None else ""
        level: Level = "warning" if job.problem else "info"
        self._client.log(
            f"flow: {_deed(job)} {job.name} ended (run {job.run}): {for_editor(end_line(job))}{facts}", level
        )


def _deed(job: Job) -> str:
    return "check" if job.origin == "check" else job.mode
