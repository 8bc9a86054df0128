"""A document that is closed takes the runs on it along."""

from __future__ import annotations

from flowmill_server.server import FlowServer
from flowmill_server.text.document import Document


class Closing:
    """A listener of the documents."""

    def __init__(self, server: FlowServer) -> None:
        self._server = server

    def opened(self, document: Document) -> None:
        pass

    def changed(self, document: Document) -> None:
        pass

    def saved(self, document: Document) -> None:
        pass

    def closed(self, document: Document) -> None:
        self._server.runs.cancel_all(document.uri)


def register(server: FlowServer) -> None:
    server.documents.listen(Closing(server))
