"""What an editor was told and asked for, and how it behaves when it is asked."""

from __future__ import annotations

import collections
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from lsprotocol import types

Message = dict[str, Any]
Answering = Literal["yes", "error", "never"]


def _every_edit(_new_text: str) -> bool:
    return True


@dataclass
class Manners:
    """How the editor behaves; tests change it as they go. "never" leaves the request without an answer."""

    creates_progress: Answering = "yes"
    configures: Answering = "yes"
    registers: Answering = "yes"
    shows: Answering = "yes"
    applies: Literal["yes", "refuses", "lies", "error", "never"] = "yes"
    """`refuses` says so; `lies` says that it applied what it did not."""
    tells_change: Literal["first", "last"] = "first"
    """Whether didChange goes out before the answer to `workspace/applyEdit` or after it."""
    ticks: Callable[[str], bool] = _every_edit
    """Which of the edits that need confirmation the user ticks, by their new text."""
    chooses: list[str] = field(default_factory=list[str])
    """The buttons that the user presses, one for each question that has it; others are dismissed."""
    asks: Answering = "yes"

    @classmethod
    def silent(cls) -> Manners:
        """Of an editor that answers nothing."""
        return cls("never", "never", "never", "never", "never", asks="never")

    def answers(self, method: str) -> bool:
        """Whether a request of this method gets any answer."""
        manner = {
            types.WINDOW_WORK_DONE_PROGRESS_CREATE: self.creates_progress,
            types.WORKSPACE_CONFIGURATION: self.configures,
            types.CLIENT_REGISTER_CAPABILITY: self.registers,
            types.WINDOW_SHOW_DOCUMENT: self.shows,
            types.WORKSPACE_APPLY_EDIT: self.applies,
            types.WINDOW_SHOW_MESSAGE_REQUEST: self.asks,
        }
        return manner.get(method) != "never"


@dataclass
class Progress:
    """One token: `created` by the server, or brought by a request of ours."""

    token: types.ProgressToken
    created: bool = False
    values: list[Message] = field(default_factory=list[Message])

    @property
    def kinds(self) -> list[str]:
        return [value["kind"] for value in self.values]

    @property
    def ended(self) -> bool:
        return "end" in self.kinds

    @property
    def texts(self) -> list[str]:
        """What the user reads, in order."""
        return [value["message"] for value in self.values if value.get("message")]


@dataclass
class Seen:
    """Everything that came from the server. Lists only grow."""

    heard: collections.deque[Message] = field(
        default_factory=lambda: collections.deque[Message](maxlen=20_000)
    )
    """The messages as they came, the last ones of them."""
    diagnostics: dict[str, types.PublishDiagnosticsParams] = field(
        default_factory=dict[str, types.PublishDiagnosticsParams]
    )
    """The last ones of each document."""
    progress: dict[types.ProgressToken, Progress] = field(default_factory=dict[types.ProgressToken, Progress])
    messages: list[types.ShowMessageParams] = field(default_factory=list[types.ShowMessageParams])
    logs: list[types.LogMessageParams] = field(default_factory=list[types.LogMessageParams])
    questions: list[types.ShowMessageRequestParams] = field(
        default_factory=list[types.ShowMessageRequestParams]
    )
    shown: list[types.ShowDocumentParams] = field(default_factory=list[types.ShowDocumentParams])
    edits: list[types.ApplyWorkspaceEditParams] = field(default_factory=list[types.ApplyWorkspaceEditParams])
    events: list[Message] = field(default_factory=list[Message])
    """The params of `flow/event`."""
    registered: dict[str, Any] = field(default_factory=dict[str, Any])
    """The options of each method that was registered."""
    refreshed: collections.Counter[str] = field(default_factory=collections.Counter[str])
    """How often each refresh was asked for; the virtual documents by their URI."""

    def texts(self) -> list[str]:
        """All that was shown to the user in a popup."""
        return [message.message for message in (*self.messages, *self.questions)]

    def of(self, kind: str, **fields: object) -> list[Message]:
        """The events of one type that have these fields."""
        return [
            event
            for event in self.events
            if event["type"] == kind and all(event.get(name) == value for name, value in fields.items())
        ]
