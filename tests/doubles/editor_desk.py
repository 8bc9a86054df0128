"""The documents of the tests' editor: opened, typed into, saved and closed, and the server told of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lsprotocol import types

from doubles.buffers import Buffer


class Desk:
    """What the editor has open."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.encoding = "utf-16"
        self.buffers: dict[str, Buffer] = {}

    def notify(self, method: str, params: object = None) -> None:
        """Send a notification."""
        raise NotImplementedError

    def open(self, name: str, text: str | None = None, *, language: str = "python", uri: str = "") -> Buffer:
        """Open a file of the project, with the text on disk unless another is given."""
        path = self.root / name
        text = path.read_bytes().decode() if text is None else text
        buffer = Buffer(path, uri or path.as_uri(), text, self.encoding, language)
        self.buffers[buffer.uri] = buffer
        self.reopen(buffer)
        return buffer

    def reopen(self, buffer: Buffer) -> None:
        buffer.opened = True
        item = types.TextDocumentItem(buffer.uri, buffer.language, buffer.version, buffer.text)
        self.notify(types.TEXT_DOCUMENT_DID_OPEN, types.DidOpenTextDocumentParams(item))

    def close(self, buffer: Buffer) -> None:
        buffer.opened = False
        self.notify(
            types.TEXT_DOCUMENT_DID_CLOSE,
            types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(buffer.uri)),
        )

    def save(self, buffer: Buffer) -> None:
        """Write the file and say so."""
        buffer.path.write_bytes(buffer.text.encode(buffer.coding))
        self.notify(
            types.TEXT_DOCUMENT_DID_SAVE,
            types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(buffer.uri)),
        )

    def become(self, buffer: Buffer, text: str, *, whole: bool = False, later: bool = False) -> None:
        """Change the text, as one undo step and one didChange: the smallest one, or the `whole` text.

        The server is told `later` if an answer of ours is to go out before.
        """
        change = buffer.become(text)
        full = types.TextDocumentContentChangeWholeDocument(text=text)
        document = types.VersionedTextDocumentIdentifier(version=buffer.version, uri=buffer.uri)
        params = types.DidChangeTextDocumentParams(document, [full if whole else change])
        if buffer.opened and later:
            asyncio.get_running_loop().call_soon(self.notify, types.TEXT_DOCUMENT_DID_CHANGE, params)
        elif buffer.opened:
            self.notify(types.TEXT_DOCUMENT_DID_CHANGE, params)

    def replace(self, buffer: Buffer, old: str, new: str) -> None:
        """Type over the only place where the text has `old`."""
        assert buffer.text.count(old) == 1, f"{old!r} occurs {buffer.text.count(old)} times"
        self.become(buffer, buffer.text.replace(old, new))

    def undo(self, buffer: Buffer) -> None:
        """One step back, which is a change like any other to the server."""
        before = buffer.past.pop()
        self.become(buffer, before)
        buffer.past.pop()
