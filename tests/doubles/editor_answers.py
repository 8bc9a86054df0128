"""What an editor answers to the server's requests and keeps of its notifications."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from doubles.editor_edits import apply
from doubles.editor_seen import Message, Progress

if TYPE_CHECKING:
    from doubles.editor import Editor

REFRESHES = (
    types.WORKSPACE_CODE_LENS_REFRESH,
    types.WORKSPACE_INLAY_HINT_REFRESH,
    types.WORKSPACE_DIAGNOSTIC_REFRESH,
)


class Answers:
    """One method for each message that a server may send; `register` makes the editor's client use them."""

    def __init__(self, editor: Editor) -> None:
        self._editor = editor
        self._seen = editor.seen
        self._violations = editor.client.violations

    def register(self) -> None:
        on = self._editor.client.on
        on(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, self.diagnostics)
        on(types.PROGRESS, self.progress)
        on(types.WINDOW_SHOW_MESSAGE, self._seen.messages.append)
        on(types.WINDOW_LOG_MESSAGE, self._seen.logs.append)
        on("flow/event", self.event)
        on(types.WINDOW_WORK_DONE_PROGRESS_CREATE, self.create)
        on(types.WORKSPACE_CONFIGURATION, self.configuration)
        on(types.CLIENT_REGISTER_CAPABILITY, self.registered)
        on(types.CLIENT_UNREGISTER_CAPABILITY, self.unregistered)
        on(types.WINDOW_SHOW_MESSAGE_REQUEST, self.question)
        on(types.WORKSPACE_APPLY_EDIT, self.apply_edit)
        on(types.WINDOW_SHOW_DOCUMENT, self.show)
        on(types.WORKSPACE_TEXT_DOCUMENT_CONTENT_REFRESH, self.content_refresh)
        for method in REFRESHES:
            on(method, lambda _params, method=method: self._seen.refreshed.update([method]))

    # ------------------------------------------------------------------ notifications
    def diagnostics(self, params: types.PublishDiagnosticsParams) -> None:
        self._seen.diagnostics[params.uri] = params

    def progress(self, params: types.ProgressParams) -> None:
        progress = self._seen.progress.setdefault(params.token, Progress(params.token))
        progress.values.append(cast("Message", params.value))

    def event(self, params: Any) -> None:
        if "events" not in cast("Message", self._editor.options.get("flow", {})):
            self._violations.append("flow/event for a client that did not ask for it")

    # ------------------------------------------------------------------ requests
    def create(self, params: types.WorkDoneProgressCreateParams) -> None:
        self._refuse_if(self._editor.manners.creates_progress)
        if params.token in self._seen.progress:
            self._violations.append(f"the progress {params.token} was created twice")
        self._seen.progress[params.token] = Progress(params.token, created=True)

    def configuration(self, params: types.ConfigurationParams) -> list[object]:
        self._refuse_if(self._editor.manners.configures)
        return [self._editor.configuration(item) for item in params.items]

    def registered(self, params: types.RegistrationParams) -> None:
        self._refuse_if(self._editor.manners.registers)
        for each in params.registrations:
            self._seen.registered[each.method] = each.register_options
            # VS Code sends its settings as soon as they are registered, whether they changed or not.
            if each.method == types.WORKSPACE_DID_CHANGE_CONFIGURATION:
                self._editor.push_settings()

    def unregistered(self, params: types.UnregistrationParams) -> None:
        for each in params.unregisterations:
            self._seen.registered.pop(each.method, None)

    def question(self, params: types.ShowMessageRequestParams) -> types.MessageActionItem | None:
        self._refuse_if(self._editor.manners.asks)
        self._seen.questions.append(params)
        chooses = self._editor.manners.chooses
        for action in params.actions or ():
            if chooses and action.title.startswith(chooses[0]):
                del chooses[0]
                return action
        return None

    def apply_edit(self, params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        manner = self._editor.manners.applies
        self._refuse_if(manner)
        self._seen.edits.append(params)
        if manner == "refuses":
            return types.ApplyWorkspaceEditResult(applied=False, failure_reason="the user said no")
        if manner == "lies":
            return types.ApplyWorkspaceEditResult(applied=True)
        applied, reason = apply(self._editor, params.edit)
        return types.ApplyWorkspaceEditResult(applied=applied, failure_reason=reason or None)

    def show(self, params: types.ShowDocumentParams) -> types.ShowDocumentResult:
        self._refuse_if(self._editor.manners.shows)
        self._seen.shown.append(params)
        return types.ShowDocumentResult(success=True)

    def content_refresh(self, params: types.TextDocumentContentRefreshParams) -> None:
        self._seen.refreshed[params.uri] += 1

    @staticmethod
    def _refuse_if(manner: str) -> None:
        if manner == "error":
            raise JsonRpcException("the editor refuses", -32603)
