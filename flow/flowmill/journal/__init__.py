"""Every run kept: its events, the model's answers and the file it started from."""

from __future__ import annotations

from flowmill.journal.shapes import Answer, JournalError, Recorded, RunRow, UnknownRun
from flowmill.journal.store import Beginning, Journal
from flowmill.journal.transfer import export, load_export

__all__ = [
    "Answer",
    "Beginning",
    "Journal",
    "JournalError",
    "Recorded",
    "RunRow",
    "UnknownRun",
    "export",
    "load_export",
]
