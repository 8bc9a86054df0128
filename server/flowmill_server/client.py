"""What this client can do, and the only way to talk to it.

Nothing here raises for what the client did or did not do, and nothing waits forever:
an editor that answers late, wrongly or not at all costs a line in the log.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Mapping
from typing import Any, Literal, Protocol, cast

from lsprotocol import types

from flowmill_server.wire.encodings import Encoding, choose_encoding

logger = logging.getLogger(__name__)

Level = Literal["info", "warning", "error"]

MESSAGE_TYPES = {
    "info": types.MessageType.Info,
    "warning": types.MessageType.Warning,
    "error": types.MessageType.Error,
}
NEEDS = {
    types.WORKSPACE_APPLY_EDIT: "apply_edit",
    types.WORKSPACE_CONFIGURATION: "configuration",
    types.WORKSPACE_CODE_LENS_REFRESH: "code_lens_refresh",
    types.WORKSPACE_TEXT_DOCUMENT_CONTENT_REFRESH: "virtual_documents_refresh",
    types.WINDOW_SHOW_DOCUMENT: "show_document",
    types.WINDOW_SHOW_MESSAGE_REQUEST: "message_actions",
    types.WINDOW_WORK_DONE_PROGRESS_CREATE: "progress",
}
"""Requests that are never sent to a client that did not declare them."""


class Wire(Protocol):
    """The part of the protocol that talking to the client takes."""

    def notify(self, method: str, params: Any | None = None) -> None: ...

    def send_request_async(self, method: str, params: Any | None = None) -> asyncio.Future[Any]:
        """The answer to come. Once it is cancelled, a late one finds nobody."""
        ...


class Client:
    """The editor at the other end. Until `learn` was called it is one that can do nothing."""

    name: str = ""
    encoding: Encoding = "utf-16"
    events: bool = False
    """It asked for `flow/event` notifications."""

    progress: bool = False
    """The server may create progress."""
    apply_edit: bool = False
    document_changes: bool = False
    change_annotations: bool = False
    code_lens_refresh: bool = False
    virtual_documents: bool = False
    """`workspace/textDocumentContent` may be registered, which can only be done dynamically."""
    virtual_documents_refresh: bool = False
    show_document: bool = False
    message_actions: bool = False
    """`window/showMessageRequest` shows buttons."""
    action_literals: bool = False
    disabled_actions: bool = False
    preferred_actions: bool = False
    llm_tag: bool = False
    related_information: bool = False
    diagnostic_versions: bool = False
    configuration: bool = False
    dynamic_configuration: bool = False
    """`workspace/didChangeConfiguration` may, and then must, be registered."""
    workspace_folders: bool = False
    watched_files: bool = False
    """`workspace/didChangeWatchedFiles` may be registered."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._once: set[str] = set()
        self.options: dict[str, object] = {}
        """`initializationOptions` as a whole, {} if there are none."""
        self.flow: dict[str, object] = {}
        """`initializationOptions.flow`: what concerns the protocol, not the user's settings."""

    def learn(self, params: types.InitializeParams) -> None:
        """Read who the client is and what it can do. Absent means that it cannot."""
        info = params.client_info
        self.name = info.name if info else ""
        self.options = _table(params.initialization_options)
        self.flow = _table(self.options.get("flow"))
        self.events = self.flow.get("events") is True
        general = params.capabilities.general
        self.encoding = choose_encoding((general and general.position_encodings) or ())
        for name, able in _abilities(params.capabilities).items():
            setattr(self, name, able)

    def can(self, method: str) -> bool:
        """Whether the client declared that it answers this request; unlisted methods may be tried."""
        ability = NEEDS.get(method)
        return ability is None or bool(getattr(self, ability))

    # ------------------------------------------------------------------ notifications
    def tell(self, method: str, params: object = None) -> None:
        """Send a notification."""
        try:
            self._wire.notify(method, params)
        except Exception:  # the client may be gone, and a lost word harms no run
            logger.warning("%s could not be sent", method, exc_info=True)

    def show_message(self, text: str, level: Level = "info", *, once: bool = False) -> None:
        """Show a line; with `once`, for what nobody did just now, never again in this server's life."""
        if once and text in self._once:
            return
        if once:
            self._once.add(text)
        self.tell(types.WINDOW_SHOW_MESSAGE, types.ShowMessageParams(MESSAGE_TYPES[level], text))

    def log(self, text: str, level: Level = "info") -> None:
        """A line in the client's log of this server."""
        self.tell(types.WINDOW_LOG_MESSAGE, types.LogMessageParams(MESSAGE_TYPES[level], text))

    # ------------------------------------------------------------------ requests
    async def ask(self, method: str, params: object = None, *, seconds: float | None = 10) -> Any | None:
        """The client's answer; None if it cannot answer this, answered an error, or not within `seconds`.

        `seconds=None` waits for a person, until the connection ends.
        """
        return (await self._request(method, params, seconds))[1]

    async def agrees(self, method: str, params: object = None, *, seconds: float | None = 10) -> bool:
        """Whether the client answered without an error, for requests whose good answer is null."""
        return (await self._request(method, params, seconds))[0]

    async def register(self, method: str, options: object = None) -> bool:
        """Register a capability dynamically. Whether that may be done is the caller's to look up."""
        registration = types.Registration(f"flowmill-{uuid.uuid4()}", method, cast("Any", options))
        return await self.agrees(
            types.CLIENT_REGISTER_CAPABILITY, types.RegistrationParams([registration]), seconds=30
        )

    async def _request(self, method: str, params: object, seconds: float | None) -> tuple[bool, Any]:
        """Whether there is a good answer, and the answer."""
        if not self.can(method):
            return False, None
        try:
            future = self._wire.send_request_async(method, params)
        except Exception:  # the client may be gone, and a lost word harms no run
            logger.warning("%s could not be sent", method, exc_info=True)
            return False, None
        try:
            # Unlike wait_for, this tells a request that shutdown cancelled from our own cancellation.
            await asyncio.wait({future}, timeout=seconds)
            return _answer(future, method)
        finally:
            if not future.cancel() and not future.cancelled():
                future.exception()  # looked at, so that asyncio does not complain of it


def _answer(future: asyncio.Future[Any], method: str) -> tuple[bool, Any]:
    if not future.done():
        logger.info("The client did not answer %s in time", method)
    elif future.cancelled():
        logger.debug("%s was cancelled", method)
    elif (error := future.exception()) is not None:
        logger.warning("The client answered %s with an error: %s", method, error)
    else:
        return True, future.result()
    return False, None


def _abilities(capabilities: types.ClientCapabilities) -> dict[str, bool]:
    """Every capability by its name in `Client`."""
    has = _Reader(capabilities)
    action = "text_document.code_action"
    published = "text_document.publish_diagnostics"
    edit = "workspace.workspace_edit"
    content = has.flag("workspace.text_document_content.dynamic_registration")
    tags = has.at(f"{action}.tag_support.value_set") or ()
    return {
        "progress": has.flag("window.work_done_progress"),
        "apply_edit": has.flag("workspace.apply_edit"),
        "document_changes": has.flag(f"{edit}.document_changes"),
        "change_annotations": has.part(f"{edit}.change_annotation_support"),
        "code_lens_refresh": has.flag("workspace.code_lens.refresh_support"),
        "virtual_documents": content,
        "virtual_documents_refresh": content,
        "show_document": has.flag("window.show_document.support"),
        "message_actions": has.part("window.show_message"),
        "action_literals": has.part(f"{action}.code_action_literal_support"),
        "disabled_actions": has.flag(f"{action}.disabled_support"),
        "preferred_actions": has.flag(f"{action}.is_preferred_support"),
        "llm_tag": types.CodeActionTag.LlmGenerated in cast("tuple[object, ...]", tags),
        "related_information": has.flag(f"{published}.related_information"),
        "diagnostic_versions": has.flag(f"{published}.version_support"),
        "configuration": has.flag("workspace.configuration"),
        "dynamic_configuration": has.flag("workspace.did_change_configuration.dynamic_registration"),
        "workspace_folders": has.flag("workspace.workspace_folders"),
        "watched_files": has.flag("workspace.did_change_watched_files.dynamic_registration"),
    }


class _Reader:
    """Looks capabilities up by dotted path, however much of the path there is."""

    def __init__(self, capabilities: types.ClientCapabilities) -> None:
        self._capabilities = capabilities

    def at(self, path: str) -> object:
        found: object = self._capabilities
        for name in path.split("."):
            found = getattr(found, name, None)
        return found

    def flag(self, path: str) -> bool:
        return self.at(path) is True

    def part(self, path: str) -> bool:
        """There, with whatever in it: `{}` declares a capability too."""
        return self.at(path) not in (None, False)


def _table(value: object) -> dict[str, object]:
    if not isinstance(value, Mapping):
        return {}
    return {str(key): item for key, item in cast("Mapping[object, object]", value).items()}
