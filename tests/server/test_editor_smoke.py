"""The real server and every client: they agree on an encoding, speak, and part without a trace."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from doubles.buffers import BadEdit
from doubles.editor import Editor, EditorOf
from doubles.editor_edits import apply
from doubles.projects import CALC


async def test_start_and_end(profile: str, project: Path) -> None:
    async with Editor.start(project, profile) as editor:
        wishes = editor.profile.capabilities.general
        wanted = wishes.position_encodings if wishes else None
        assert editor.encoding == (wanted[0] if wanted else "utf-16")
        assert editor.capabilities.code_action_provider
    assert editor.client.process.returncode == 0
    assert editor.seen.texts() == []


async def test_an_editor_that_dies(editor: EditorOf) -> None:
    dying = await editor()
    dying.hang_up()
    assert await dying.exited() == 1


async def test_a_server_that_is_killed(editor: EditorOf) -> None:
    killing = await editor()
    killing.kill()
    assert await killing.exited() == -signal.SIGKILL
    with pytest.raises(AssertionError, match="the server ended before the impossible"):
        await killing.until(lambda: False, "the impossible")


async def test_settings_reach_the_server_as_each_client_sends_them(profile: str, editor: EditorOf) -> None:
    setting = await editor(profile, settings={"maxCalls": 0})
    bad = "flowmill: the editor's settings: {} must be a {}; the default is used"
    first = bad.format("maxCalls = 0", "whole number, 1 or more")
    await setting.until(lambda: first in setting.seen.texts(), "the setting that was there from the start")
    await setting.configure(maxCalls=2, maxSeconds=-1)
    second = bad.format("maxSeconds = -1", "number of seconds above 0")
    await setting.until(lambda: second in setting.seen.texts(), "the setting that changed")
    assert setting.seen.texts() == [first, second]


@pytest.mark.parametrize("profile", ["helix", "vscode", "emacs-eglot"], ids=["utf-8", "utf-16", "utf-32"])
async def test_what_is_typed_is_what_the_server_sees(profile: str, editor: EditorOf) -> None:
    typing = await editor(profile)
    odd = 'NAME = "🐍\u2028é\f"  # 🐍\r\n'
    buffer = typing.open("calc.py", odd + CALC)
    assert await titles(typing, "def add") == ["Generate with flow"]
    for old, new in (
        ("🐍\r\n", "🐍🐍\r\n\r\n"),
        ("é", "🐍"),
        ("def twice(a):\n", "def add_two(a):\n    ...\n\n\ndef twice(a):\n"),
    ):
        typing.replace(buffer, old, new)
        assert await titles(typing, "def add(") == ["Generate with flow"]
    assert await titles(typing, "def add_two") == ["Generate with flow"]
    assert await titles(typing, "NAME") == []
    typing.undo(buffer)
    assert await titles(typing, "def add(") == ["Generate with flow"]
    typing.become(buffer, CALC, whole=True)
    assert await titles(typing, "def add(") == ["Generate with flow"]


async def titles(editor: Editor, at: str) -> list[str]:
    (buffer,) = editor.buffers.values()
    return [action.title for action in await editor.code_actions(buffer, at)]


# ------------------------------------------------------------------ the editor itself
async def test_edits_of_another_version_are_refused(editor: EditorOf) -> None:
    editing = await editor()
    buffer = editing.open("calc.py")
    edit = types.TextEdit(buffer.range(0, 0), "# mine\n")
    for version, applied in ((buffer.version, True), (buffer.version, False), (None, True)):
        document = types.OptionalVersionedTextDocumentIdentifier(buffer.uri, version)
        whole = types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(document, [edit])])
        assert apply(editing, whole)[0] is applied
    assert buffer.text == "# mine\n# mine\n" + CALC
    assert len(buffer.past) == 2
    with pytest.raises(BadEdit):
        apply(editing, types.WorkspaceEdit(changes={buffer.uri: [edit_at(999)]}))


def edit_at(line: int) -> types.TextEdit:
    return types.TextEdit(types.Range(types.Position(line, 0), types.Position(line, 0)), "x")


async def test_errors_of_the_server_are_raised(editor: EditorOf) -> None:
    asking = await editor()
    with pytest.raises(JsonRpcException, match=r"no.such"):
        await asking.command("no.such")
    with pytest.raises(JsonRpcException):
        await asking.request("no/such")


async def test_waiting_in_vain_shows_the_last_messages(editor: EditorOf) -> None:
    waiting = await editor()
    await waiting.until(lambda: waiting.seen.registered, "a registration")
    with pytest.raises(AssertionError, match=r"(?s)waited 0.05 s for it.*registerCapability"):
        await waiting.until(lambda: False, seconds=0.05)
