"""`flow/event`: every event of every run, for clients that draw runs by themselves."""

from __future__ import annotations

from flowmill.events import Record
from flowmill_server.client import Client
from flowmill_server.runs.job import Job
from flowmill_server.show.hearer import Hearer

FLOW_EVENT = "flow/event"


class EventFeed(Hearer):
    """Sends each record as it comes, in order, if the client asked for them."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def told(self, job: Job, record: Record) -> None:
        if self._client.events:
            self._client.tell(FLOW_EVENT, record.to_json())
