"""The open documents: who hears of what, and what the disk adds."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from lsprotocol import types

from doubles.preview_parts import until
from flowmill.errors import TargetError
from flowmill_server.text.document import Document
from flowmill_server.text.documents import Documents
from flowmill_server.text.positions import Encoding


@dataclass
class Editor:
    encoding: Encoding = "utf-16"


@dataclass
class Ear:
    """Notes what it hears; one that is `deaf` breaks instead."""

    heard: list[str] = field(default_factory=list[str])
    deaf: bool = False

    def _hear(self, what: str, document: Document) -> None:
        if self.deaf:
            raise RuntimeError("deaf")
        self.heard.append(f"{what} {document.version} {document.text!r}")

    def opened(self, document: Document) -> None:
        self._hear("opened", document)

    def changed(self, document: Document) -> None:
        self._hear("changed", document)

    def saved(self, document: Document) -> None:
        self._hear("saved", document)

    def closed(self, document: Document) -> None:
        self._hear("closed", document)


def item(uri: str, text: str, language: str = "python") -> types.TextDocumentItem:
    return types.TextDocumentItem(uri, language, 1, text)


def change(uri: str, version: int, text: str) -> types.DidChangeTextDocumentParams:
    identifier = types.VersionedTextDocumentIdentifier(version, uri)
    whole = types.TextDocumentContentChangeWholeDocument(text)
    return types.DidChangeTextDocumentParams(identifier, [whole])


URI = "file:///project/a.py"


def test_listeners_hear_in_order_and_one_that_breaks_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    documents, ear = Documents(Editor()), Ear()
    documents.listen(Ear(deaf=True))
    documents.listen(ear)
    with caplog.at_level(logging.CRITICAL):
        documents.open(item(URI, "a"))
        documents.change(change(URI, 2, "b"))
        documents.save(URI)
        documents.close(URI)
    assert ear.heard == ["opened 1 'a'", "changed 2 'b'", "saved 2 'b'", "closed 2 'b'"]
    assert documents.all() == []
    assert documents.get(URI) is None


def test_what_concerns_no_open_document_is_passed_over() -> None:
    documents, ear = Documents(Editor()), Ear()
    documents.listen(ear)
    documents.change(change(URI, 2, "b"))
    documents.save(URI)
    documents.close(URI)
    assert ear.heard == []


def test_opened_twice_is_opened_anew() -> None:
    documents = Documents(Editor())
    documents.open(item(URI, "a"))
    documents.open(item(URI, "b"))
    (document,) = documents.all()
    assert document.text == "b"


def test_a_document_is_found_however_its_address_is_spelled() -> None:
    documents = Documents(Editor())
    document = documents.open(item("file:///a%20b/c.py", ""))
    assert documents.get("file:///a b/c.py") is document
    assert documents.get("file:///a%20b/./c.py") is document
    assert documents.by_path(Path("/a b/c.py")) is document
    assert documents.get("file:///a%20b/d.py") is None
    untitled = documents.open(item("untitled:1", ""))
    assert documents.get("untitled:1") is untitled
    assert documents.get("untitled:2") is None


def test_columns_are_those_that_the_client_counts_when_it_opens() -> None:
    editor = Editor()
    documents = Documents(editor)
    editor.encoding = "utf-8"
    assert documents.open(item(URI, "")).encoding == "utf-8"


async def test_buffers_are_what_would_be_saved(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / "a.py").write_bytes(b"\xef\xbb\xbfold\n")
    link = tmp_path / "link"
    link.symlink_to(real)
    documents = Documents(Editor())
    document = documents.open(item((link / "a.py").as_uri(), "new\n"))
    documents.open(item((tmp_path / "none.txt").as_uri(), "text", "plaintext"))
    documents.open(item("untitled:1", "x"))
    await until(lambda: document.bom, "the disk has told of the byte order mark")
    saved = b"\xef\xbb\xbfnew\n"
    assert documents.by_path(real / "a.py") is document
    assert documents.buffers() == {
        link / "a.py": saved,
        real / "a.py": saved,
        tmp_path / "none.txt": b"text",
    }


async def test_a_document_is_read_soon_after_it_was_opened() -> None:
    documents = Documents(Editor())
    document = documents.open(item("untitled:1", "def f(): pass\n" * 5000))
    assert not document.outline.settled
    await documents.ready(document)
    assert document.outline.settled
    await documents.ready(document)
    assert len(document.outline.functions) == 5000


async def test_what_is_half_typed_is_read_again_when_the_typing_rests() -> None:
    documents = Documents(Editor(), rest_seconds=0)
    document = documents.open(item("untitled:1", "def f(): pass\n"))
    await documents.ready(document)
    documents.change(change("untitled:1", 2, "def f(): pass\nx = '''\n"))
    assert not document.outline.settled
    for _ in range(2):  # the timer's turn of the loop, and that of what it starts
        await asyncio.sleep(0)
    await documents.ready(document)
    assert document.outline.settled
    assert document.outline.problem


async def test_closing_and_stopping_leave_no_work() -> None:
    before = asyncio.all_tasks()
    documents = Documents(Editor())
    for number in range(3):
        documents.open(item(f"untitled:{number}", "def f(): pass\n" * 5000))
    documents.change(change("untitled:2", 2, "'''"))
    documents.close("untitled:0")
    documents.stop()
    await asyncio.gather(*(asyncio.all_tasks() - before), return_exceptions=True)
    assert asyncio.all_tasks() == before


def test_a_file_that_is_not_open_is_read_from_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"\xef\xbb\xbfdef f(): pass\r\n")
    documents = Documents(Editor())
    document = documents.load(path.as_uri())
    assert document.encoded() == path.read_bytes()
    assert document.outline.find("f")
    assert documents.all() == []


@pytest.mark.parametrize("uri", ["untitled:1", "file:///no/such/file.py", "file:///etc"])
def test_what_cannot_be_read_is_said(uri: str) -> None:
    with pytest.raises(TargetError):
        Documents(Editor()).load(uri)
