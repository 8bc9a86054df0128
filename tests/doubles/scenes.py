"""What scenarios with a fake editor share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from doubles.buffers import Buffer
from doubles.editor import Editor
from doubles.openai_server import FakeOpenAI, Reply
from doubles.projects import GOOD

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


async def begin(editor: Editor, buffer: Buffer, qualname: str = "add", mode: str = "generate") -> str:
    """The id of a run that was just asked for."""
    answer: dict[str, str] = await editor.command(f"flow.{mode}", {"uri": buffer.uri, "qualname": qualname})
    return answer["run"]


async def state(editor: Editor, run: str) -> str:
    """Where the run stands, as `flow.runs` says."""
    rows: list[dict[str, str]] = await editor.command("flow.runs")
    return next(row["state"] for row in rows if row["run"] == run)


async def settled(editor: Editor, run: str) -> str:
    """The same once the run is over."""
    await until(editor, "run.finished", run=run)
    while (found := await state(editor, run)) == "working":  # It tells its end before it has tidied up.
        pass
    return found


async def told(editor: Editor, text: str) -> str:
    """The first popup with this text."""
    return await editor.until(
        lambda: next((line for line in popups(editor) if text in line), ""), text, SECONDS
    )


def gated(gate: asyncio.Event, answer: str = GOOD) -> Reply:
    """An answer of which the first words come, and the rest when the gate is opened."""
    return Reply((answer[:24], answer[24:]), gate=gate)
