"""One `workspace/applyEdit` out of the chosen changes. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from lsprotocol import types

ANNOTATION = "flow.accept"


@dataclass(frozen=True, slots=True)
class Form:
    """How the client wants its edits. `confirm`: it shows them and asks the user before it makes them."""

    document_changes: bool
    confirm: bool = False


def apply_params(
    name: str, uri: str, version: int | None, edits: list[types.TextEdit], form: Form, evidence: str
) -> types.ApplyWorkspaceEditParams:
    """The request: one document, one edit, one undo step."""
    label = f"flow: accept {name}"
    return types.ApplyWorkspaceEditParams(workspace_edit(uri, version, edits, form, label, evidence), label)


def workspace_edit(
    uri: str,
    version: int | None,
    edits: list[types.TextEdit],
    form: Form,
    label: str = "",
    evidence: str = "",
) -> types.WorkspaceEdit:
    """With the document's version where the client looks at it, so that a changed text is never overwritten."""
    if not form.document_changes:
        return types.WorkspaceEdit(changes={uri: edits})
    identifier = types.OptionalVersionedTextDocumentIdentifier(uri, version)
    if not form.confirm:
        return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(identifier, [*edits])])
    # An annotation that an edit names has to be there: Neovim fails over one that is not.
    marked = [types.AnnotatedTextEdit(ANNOTATION, edit.range, edit.new_text) for edit in edits]
    return types.WorkspaceEdit(
        document_changes=[types.TextDocumentEdit(identifier, [*marked])],
        change_annotations={ANNOTATION: types.ChangeAnnotation(label, True, evidence or None)},
    )
