"""`textDocument/publishDiagnostics`: has the outcomes hear of runs and documents, and tests run on save."""

from __future__ import annotations

from flowmill_server.outcomes.asking import Asking
from flowmill_server.outcomes.auto import AutoRepair
from flowmill_server.outcomes.blaming import Blaming
from flowmill_server.outcomes.quiet import Quiet
from flowmill_server.outcomes.watch import Means, Watch
from flowmill_server.server import FlowServer


def register(server: FlowServer) -> None:
    outcomes = server.outcomes
    asking = Asking(server.engine, server.configuration, server.folders, server.place, server.client)
    quiet = Quiet(server.runs)
    auto = AutoRepair(server.runs, server.configuration)
    blaming = Blaming(outcomes.known, server.documents)
    watch = Watch(server.documents, Means(asking, outcomes.roots, quiet, blaming, auto))
    # What is known of a text comes before what is done about it.
    for run_listener in (quiet, auto):
        server.runs.listen(run_listener)
    for document_listener in (outcomes.known, watch):
        server.documents.listen(document_listener)
    server.on_close(watch.aclose)
    server.on_close(outcomes.aclose)
