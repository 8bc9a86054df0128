"""Which functions of the open documents have failing tests, kept only as long as it is true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from lsprotocol import types

from flowmill.events import TestReported
from flowmill_server.outcomes.diagnostics import Publisher, Reader
from flowmill_server.outcomes.failures import Failures, Found, file_of
from flowmill_server.outcomes.places import related
from flowmill_server.outcomes.roots import Roots
from flowmill_server.text.document import Document
from flowmill_server.text.outline import FunctionSpan

CONFTEST = "conftest.py"


class Shown(Reader, Protocol):
    related_information: bool


class Documents(Protocol):
    def get(self, uri: str) -> Document | None: ...
    def by_path(self, path: Path) -> Document | None: ...


class Known:
    """Listens to the documents: an entry goes when its function or one of its tests changes."""

    def __init__(self, client: Shown, documents: Documents, roots: Roots) -> None:
        self._client = client
        self._documents = documents
        self._roots = roots
        self._entries: dict[str, dict[str, Failures]] = {}
        self.publisher = Publisher(client, documents, self._diagnostics)

    # -------------------------------------------------------------- asking
    def at(self, uri: str, qualname: str) -> Failures | None:
        return self._entries.get(uri, {}).get(qualname)

    def held_against(self, root: Path) -> dict[str, frozenset[tuple[str, str]]]:
        """Every test of the project that is known to fail, with the functions, as address and name, it is known for."""
        found: dict[str, frozenset[tuple[str, str]]] = {}
        for uri, entries in self._entries.items():
            if self._root(uri) != root:
                continue
            for qualname, entry in entries.items():
                for test in entry.tests:
                    found[test.id] = found.get(test.id, frozenset()) | {(uri, qualname)}
        return found

    # -------------------------------------------------------------- learning
    def record(self, document: Document, span: FunctionSpan, found: Found, source: str) -> None:
        """Take it that these tests fail with the function as it is now; none of them: it is fine."""
        if not found.tests:
            self.drop(document.uri, span.qualname)
            return
        shown = self._related(document.uri, found.tests)
        entry = Failures(found.tests, span.digest, found.total, source, shown)
        self._entries.setdefault(document.uri, {})[span.qualname] = entry
        self.publisher.touch(document.uri)

    def drop(self, uri: str, qualname: str) -> None:
        if self._entries.get(uri, {}).pop(qualname, None) is not None:
            self.publisher.touch(uri)

    def clear(self, root: Path, tests: frozenset[str]) -> None:
        """These tests of the project do not fail any more, or are gone."""
        self._drop_tests(lambda uri, test: test in tests and self._root(uri) == root)

    def test_file_changed(self, path: Path) -> None:
        """What its tests said may be true no longer; for a conftest.py, what all tests below it said."""
        posix = path.as_posix()

        def is_meant(uri: str, file: str) -> bool:
            if path.name == CONFTEST:
                return self._is_below(path.parent, uri, file)
            # pytest counts its paths from where its configuration lies, so only the end is sure.
            return posix.endswith(f"/{file}") and not uri.endswith(f"/{file}")

        for uri, entries in self._entries.items():
            for entry in list(entries.values()):
                # Asked at each keystroke: by file first, for there are few of them.
                meant = {file for file in entry.files if is_meant(uri, file)}
                if meant:
                    self._drop_tests(lambda at, test, of=uri, out=meant: at == of and file_of(test) in out)

    # -------------------------------------------------------------- documents
    def opened(self, document: Document) -> None:
        pass

    def changed(self, document: Document) -> None:
        """Keep what is still true, under the function's present name."""
        entries = self._entries.get(document.uri)
        if entries:
            kept: dict[str, Failures] = {}
            for qualname, entry in entries.items():
                span = find_unchanged(document, qualname, entry.digest)
                if span is not None:
                    kept[span.qualname] = entry
            self._entries[document.uri] = kept
            if len(kept) < len(entries):
                self.publisher.touch(document.uri)
        if document.path is not None and self._entries:
            self.test_file_changed(document.path)

    def saved(self, document: Document) -> None:
        pass

    def closed(self, document: Document) -> None:
        self._entries.pop(document.uri, None)
        self.publisher.forget(document.uri)

    # ------------------------------------------------------------------
    def _drop_tests(self, is_meant: Callable[[str, str], bool]) -> None:
        for uri, entries in self._entries.items():
            for qualname, entry in list(entries.items()):
                left = tuple(test for test in entry.tests if not is_meant(uri, test.id))
                if left and len(left) < len(entry.tests):
                    entries[qualname] = replace(entry, tests=left, related=self._related(uri, left))
                    self.publisher.touch(uri)
                elif not left:
                    self.drop(uri, qualname)

    def _related(
        self, uri: str, tests: tuple[TestReported, ...]
    ) -> tuple[types.DiagnosticRelatedInformation, ...]:
        root = self._root(uri)
        if root is None or not self._client.related_information:
            return ()
        return related(tests, root, self._documents)

    def _root(self, uri: str) -> Path | None:
        document = self._documents.get(uri)
        return self._roots.known(document.path) if document is not None and document.path else None

    def _is_below(self, folder: Path, uri: str, file: str) -> bool:
        root = self._root(uri)
        return root is not None and (root / file).is_relative_to(folder)

    def _diagnostics(self, document: Document) -> list[types.Diagnostic]:
        found: list[types.Diagnostic] = []
        for qualname, entry in self._entries.get(document.uri, {}).items():
            span = document.outline.find(qualname)
            if span is not None:
                found.append(entry.diagnostic(document, span))
        return found


def find_unchanged(document: Document, qualname: str, digest: str) -> FunctionSpan | None:
    """The function if its text is still that of the digest, whatever line it has moved to."""
    span = document.outline.find(qualname)
    if span is not None and span.digest == digest:
        return span
    name, at, _ = qualname.partition("@")
    if not at and span is not None:
        return None
    # Its name held the line where it was, or holds it now that there are several of the name.
    alike = (span for span in document.outline.functions if span.digest == digest)
    return next((span for span in alike if span.qualname.partition("@")[0] == name), None)
