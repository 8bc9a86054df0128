"""Workspace edits applied as editors do, all of one document as one undo step; or refused with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote, urlsplit

from lsprotocol import types

from doubles.buffers import Buffer

if TYPE_CHECKING:
    from doubles.editor import Editor

Edits = Sequence[types.TextEdit | types.AnnotatedTextEdit | types.SnippetTextEdit]


def apply(editor: Editor, edit: types.WorkspaceEdit) -> tuple[bool, str]:
    """Whether the edit was applied, and why not. All documents are looked at before any is changed."""
    wanted: list[tuple[Buffer, str]] = []
    for uri, version, edits in _documents(editor, edit):
        buffer = editor.buffers.get(uri) or _unopened(editor, uri)
        if version is not None and version != buffer.version:
            return False, f"{buffer.path.name} is at version {buffer.version}, not {version}"
        ticked = [_plain(editor, edit, each) for each in edits]
        wanted.append((buffer, buffer.edited([each for each in ticked if each is not None])))
    for buffer, text in wanted:
        if text != buffer.text:
            editor.become(buffer, text, later=editor.manners.tells_change == "last")
        if not buffer.opened:
            buffer.path.write_bytes(buffer.text.encode(buffer.coding))
    return True, ""


def _documents(editor: Editor, edit: types.WorkspaceEdit) -> list[tuple[str, int | None, Edits]]:
    if edit.document_changes is None:
        return [(uri, None, edits) for uri, edits in (edit.changes or {}).items()]
    can = editor.profile.capabilities.workspace
    if not (can and can.workspace_edit and can.workspace_edit.document_changes):
        editor.client.violations.append("documentChanges for a client that does not declare them")
    found: list[tuple[str, int | None, Edits]] = []
    for change in edit.document_changes:
        assert isinstance(change, types.TextDocumentEdit), f"not an edit of a text: {change}"
        found.append((change.text_document.uri, change.text_document.version, change.edits))
    return found


def _plain(editor: Editor, whole: types.WorkspaceEdit, edit: object) -> types.TextEdit | None:
    """The edit without its annotation, None if the user did not tick it."""
    if isinstance(edit, types.AnnotatedTextEdit):
        annotation = (whole.change_annotations or {}).get(edit.annotation_id)
        if annotation is None:
            editor.client.violations.append(f"the annotation {edit.annotation_id} is nowhere")
        elif annotation.needs_confirmation and not editor.manners.ticks(edit.new_text):
            return None
    return cast("types.TextEdit", edit)


def _unopened(editor: Editor, uri: str) -> Buffer:
    path = Path(unquote(urlsplit(uri).path))
    return Buffer(path, uri, path.read_bytes().decode(), editor.encoding)
