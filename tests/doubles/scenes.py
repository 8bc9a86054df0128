"""What scenarios with a fake editor share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from doubles.buffers import Buffer
from doubles.editor import Editor
from doubles.openai_server import FakeOpenAI

ModelOf: TypeAlias = "Callable[..., Awaitable[FakeOpenAI]]"
EditorOf: TypeAlias = "Callable[..., Awaitable[Editor]]"
Event: TypeAlias = "dict[str, Any]"
EVENTS = {"flow": {"events": True}}
SECONDS = 60.0
"""A run here takes two; a machine that does much else takes longer."""


async def titles(editor: Editor, buffer: Buffer, at: int | str) -> list[str]:
    """The titles of what the menu offers."""
    return [action.title for action in await editor.code_actions(buffer, at)]


def popups(editor: Editor) -> list[str]:
    """What was shown to the user."""
    return editor.seen.texts()


def events(editor: Editor, kind: str, **fields: object) -> list[Event]:
    """The events of one type that have these fields."""
    return editor.seen.of(kind, **fields)


async def until(editor: Editor, kind: str, **fields: object) -> Event:
    """The first event of that type with these fields."""
    found = await editor.until(lambda: events(editor, kind, **fields), f"{kind} {fields}", SECONDS)
    return found[0]


async def finished(editor: Editor, number: int = 1) -> Event:
    """The last event of the run that ended as the `number`th."""
    found = await editor.until(
        lambda: events(editor, "run.finished")[number - 1 :], f"the end of run {number}", SECONDS
    )
    return found[0]
