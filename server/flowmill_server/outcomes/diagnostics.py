"""Publishes diagnostics: once a turn of the loop for each document, and only if there is news."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from lsprotocol import types

from flowmill_server.outcomes.failures import SOURCE, line_range
from flowmill_server.text.document import Document


class Reader(Protocol):
    """The part of the client that is needed here."""

    diagnostic_versions: bool

    def tell(self, method: str, params: object = None) -> None: ...


class Opened(Protocol):
    def get(self, uri: str) -> Document | None: ...


class Publisher:
    """`failing` gives the diagnostics that a document should have now; hints are added to them."""

    def __init__(
        self, client: Reader, documents: Opened, failing: Callable[[Document], Sequence[types.Diagnostic]]
    ) -> None:
        self._client = client
        self._documents = documents
        self._failing = failing
        self._hints: dict[str, dict[str, str]] = {}
        self._shown: set[str] = set()
        """The documents for which the client has any."""
        self._due: set[str] = set()

    def touch(self, uri: str) -> None:
        """There is news about this document: publish it once what now runs is done."""
        if not self._due:
            asyncio.get_running_loop().call_soon(self._publish_due)
        self._due.add(uri)

    def hint(self, uri: str, qualname: str, text: str | None) -> None:
        """A line on the function's `def`, in place of the one before; None takes it away."""
        hints = self._hints.setdefault(uri, {})
        if hints.get(qualname) == text:
            return
        if text is None:
            hints.pop(qualname, None)
        else:
            hints[qualname] = text
        self.touch(uri)

    def forget(self, uri: str) -> None:
        """The document was closed: what the client still shows of it goes."""
        self._hints.pop(uri, None)
        self.touch(uri)

    def _publish_due(self) -> None:
        due, self._due = self._due, set()
        for uri in due:
            self._publish(uri)

    def _publish(self, uri: str) -> None:
        document = self._documents.get(uri)
        found = [] if document is None else [*self._failing(document), *self._hinted(document)]
        if not found and uri not in self._shown:
            return
        if found:
            self._shown.add(uri)
        else:
            self._shown.discard(uri)
        versioned = document is not None and self._client.diagnostic_versions
        version = document.version if document is not None and versioned else None
        params = types.PublishDiagnosticsParams(uri, found, version)
        self._client.tell(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, params)

    def _hinted(self, document: Document) -> list[types.Diagnostic]:
        found: list[types.Diagnostic] = []
        for qualname, text in self._hints.get(document.uri, {}).items():
            span = document.outline.find(qualname)
            if span is not None:
                found.append(
                    types.Diagnostic(
                        range=line_range(document, span.def_line),
                        message=text,
                        severity=types.DiagnosticSeverity.Information,
                        code="run",
                        source=SOURCE,
                        data={"qualname": span.qualname},
                    )
                )
        return found
