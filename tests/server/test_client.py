from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any, cast

import pytest
from lsprotocol import types
from pygls.capabilities import ServerCapabilitiesBuilder

from doubles.editor_profile import NAMES, read_profile
from flowmill_server.client import Client, Encoding
from flowmill_server.protocol import FlowProtocol
from flowmill_server.server import FlowServer
from flowmill_server.wire.frames import Message

Sent = dict[str, Any]


class Wired:
    """A client at the real protocol, whose other end is the test."""

    def __init__(self, profile: str = "vscode", options: object = None) -> None:
        self.sent: list[Sent] = []
        self.broken = False
        self.protocol = cast("FlowProtocol", FlowServer().protocol)
        self.protocol.attach(self._take, lambda code, reason: None)
        self.client = Client(self.protocol)
        known = read_profile(profile)
        params = types.InitializeParams(known.capabilities, client_info=known.info)
        params.initialization_options = options  # type: ignore[assignment]
        self.client.learn(params)

    def _take(self, frame: bytes) -> None:
        if self.broken:
            raise BrokenPipeError
        self.sent.append(json.loads(frame.partition(b"\r\n\r\n")[2]))

    def answer(self, message: Sent, **content: object) -> None:
        self.protocol.receive(Message({"jsonrpc": "2.0", "id": message["id"], **content}))

    @property
    def waiting(self) -> int:
        return len(self.protocol._request_futures) + len(self.protocol._result_types)

    async def asking(self, work: Coroutine[Any, Any, Any]) -> tuple[asyncio.Task[Any], Sent]:
        """The task and the request that it has sent."""
        task, before = asyncio.ensure_future(work), len(self.sent)
        await asyncio.sleep(0)  # its first step sends
        assert len(self.sent) == before + 1
        return task, self.sent[-1]


# ------------------------------------------------------------------ what the client can do
def able(client: Client) -> set[str]:
    return {name for name in vars(client) if not name.startswith("_") and getattr(client, name) is True}


EVERYONE = {"progress", "action_literals", "workspace_folders"}
MOST = EVERYONE | {"apply_edit", "configuration"}
LENSES = {"code_lens_refresh"}
BUTTONS = {"message_actions", "show_document"}
ABLE = {
    "vscode": MOST | LENSES | BUTTONS | {
        "change_annotations", "disabled_actions", "document_changes", "dynamic_configuration", "llm_tag",
        "preferred_actions", "related_information", "virtual_documents", "virtual_documents_refresh",
        "watched_files",
    },
    "neovim-0.11": MOST | BUTTONS | {"preferred_actions", "related_information"},
    "neovim-0.12": MOST | LENSES | BUTTONS | {
        "change_annotations", "disabled_actions", "preferred_actions", "related_information", "watched_files",
    },
    "helix": MOST | BUTTONS | {
        "diagnostic_versions", "disabled_actions", "document_changes", "preferred_actions", "watched_files",
    },
    "emacs-eglot": MOST | BUTTONS | {
        "diagnostic_versions", "document_changes", "preferred_actions", "watched_files",
    },
    "emacs-lsp-mode": MOST | LENSES | {
        "diagnostic_versions", "document_changes", "preferred_actions", "related_information", "show_document",
        "watched_files",
    },
    "zed": MOST | LENSES | {
        "diagnostic_versions", "document_changes", "dynamic_configuration", "message_actions",
        "related_information", "watched_files",
    },
    "sublime": MOST | LENSES | BUTTONS | {
        "change_annotations", "diagnostic_versions", "document_changes", "dynamic_configuration", "llm_tag",
        "preferred_actions", "related_information", "virtual_documents", "virtual_documents_refresh",
    },
    "kate": EVERYONE | {"message_actions", "related_information"},
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_abilities(name: str) -> None:
    assert able(Wired(name).client) == ABLE[name]


@pytest.mark.parametrize("name", NAMES)
def test_the_encoding_is_the_one_that_initialize_answers(name: str) -> None:
    wired = Wired(name)
    answered = ServerCapabilitiesBuilder.choose_position_encoding(read_profile(name).capabilities)
    assert wired.client.encoding == getattr(answered, "value", answered)


@pytest.mark.parametrize(
    ("wishes", "encoding"),
    [(None, "utf-16"), ([], "utf-16"), (["utf-7", "utf-32"], "utf-32"), (["utf-7"], "utf-16")],
)
def test_odd_encodings(wishes: list[str] | None, encoding: Encoding) -> None:
    client = Wired().client
    general = types.GeneralClientCapabilities(position_encodings=wishes)
    client.learn(types.InitializeParams(types.ClientCapabilities(general=general)))
    assert client.encoding == encoding


def test_a_client_that_says_nothing_can_nothing() -> None:
    client = Wired().client
    client.learn(types.InitializeParams(types.ClientCapabilities()))
    assert able(client) == set()
    assert (client.name, client.options, client.flow) == ("", {}, {})


@pytest.mark.parametrize(
    ("options", "events"),
    [
        ({"flow": {"events": True}}, True),
        ({"flow": {"events": "yes"}}, False),
        ({"flow": True}, False),
        ([1], False),
        ("text", False),
        (None, False),
    ],
)
def test_events_are_opted_in_to(options: object, events: bool) -> None:
    assert Wired(options=options).client.events is events


# ------------------------------------------------------------------ asking
async def test_an_answer() -> None:
    wired = Wired()
    asked = wired.client.ask("window/showDocument", types.ShowDocumentParams("file:///a.py"))
    task, sent = await wired.asking(asked)
    assert (sent["method"], sent["params"]) == ("window/showDocument", {"uri": "file:///a.py"})
    wired.answer(sent, result={"success": True})
    assert await task == types.ShowDocumentResult(success=True)
    assert wired.waiting == 0


async def test_an_error_is_no_answer() -> None:
    wired = Wired()
    task, sent = await wired.asking(wired.client.ask("workspace/codeLens/refresh"))
    wired.answer(sent, error={"code": -32603, "message": "no"})
    assert await task is None
    assert wired.waiting == 0


async def test_an_answer_of_another_form_is_none() -> None:
    wired = Wired()
    asked = wired.client.ask("window/showDocument", types.ShowDocumentParams("file:///a.py"))
    task, sent = await wired.asking(asked)
    wired.answer(sent, result=["odd"])
    assert await task is None


async def test_null_and_an_error_are_told_apart() -> None:
    wired = Wired()
    for content, agreed in (({"result": None}, True), ({"error": {"code": 1, "message": ""}}, False)):
        params = types.WorkDoneProgressCreateParams("token")
        task, sent = await wired.asking(wired.client.agrees("window/workDoneProgress/create", params))
        wired.answer(sent, **content)
        assert await task is agreed


async def test_silence_ends_and_a_late_answer_finds_nobody(caplog: pytest.LogCaptureFixture) -> None:
    wired = Wired()
    task, sent = await wired.asking(wired.client.ask("workspace/codeLens/refresh", seconds=0.01))
    assert await task is None
    await asyncio.sleep(0)
    assert wired.waiting == 0
    wired.answer(sent, result=None)
    wired.answer(sent, error={"code": 1, "message": "late"})
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_cancelling_the_task_forgets_the_request() -> None:
    wired = Wired()
    task, sent = await wired.asking(wired.client.ask("workspace/codeLens/refresh", seconds=None))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)
    assert wired.waiting == 0
    wired.answer(sent, result=None)


async def test_the_end_of_the_connection_ends_all_waiting() -> None:
    wired = Wired()
    task, _ = await wired.asking(wired.client.ask("workspace/codeLens/refresh", seconds=None))
    await wired.protocol.close()
    assert await task is None


async def test_nothing_is_asked_of_a_client_that_cannot_answer() -> None:
    wired = Wired("kate")
    for method in ("workspace/applyEdit", "workspace/configuration", "window/showDocument"):
        assert await wired.client.ask(method, None) is None
    assert wired.sent == []


async def test_a_broken_connection_raises_nothing() -> None:
    wired = Wired()
    wired.broken = True
    wired.client.tell("flow/event", {"type": "note"})
    wired.client.log("a line")
    assert await wired.client.ask("workspace/codeLens/refresh") is None


async def test_registering() -> None:
    wired = Wired()
    options = types.TextDocumentContentRegistrationOptions(["flow"])
    task, sent = await wired.asking(wired.client.register("workspace/textDocumentContent", options))
    (registration,) = sent["params"]["registrations"]
    assert registration["method"] == "workspace/textDocumentContent"
    assert registration["registerOptions"] == {"schemes": ["flow"]}
    wired.answer(sent, result=None)
    assert await task is True


# ------------------------------------------------------------------ messages
def shown(wired: Wired) -> list[tuple[int, str]]:
    return [(sent["params"]["type"], sent["params"]["message"]) for sent in wired.sent]


def test_what_answers_the_user_is_said_as_often_as_they_ask() -> None:
    wired = Wired()
    for _ in range(2):
        wired.client.show_message("the run on add was discarded", "warning")
    assert shown(wired) == [(2, "the run on add was discarded")] * 2


def test_once_is_once() -> None:
    wired = Wired()
    for _ in range(3):
        wired.client.show_message("maxSeconds is no number", "warning", once=True)
    assert shown(wired) == [(2, "maxSeconds is no number")]


def test_the_log_is_not_limited() -> None:
    wired = Wired()
    wired.client.log("a line")
    wired.client.log("a line", "warning")
    assert [sent["method"] for sent in wired.sent] == ["window/logMessage"] * 2
    assert shown(wired) == [(3, "a line"), (2, "a line")]
