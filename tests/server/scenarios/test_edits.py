"""The user goes on typing while a run works: the draft follows the function, or says why it cannot."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from doubles.buffers import Buffer
from doubles.editor import Editor
from doubles.editor_profile import takes_edits, under
from doubles.projects import ADDS, CALC, STUB
from doubles.scenes import EVENTS, EditorOf, ModelOf, begin, gated, popups, settled, titles, told, until

ONE_CALL = {"maxCalls": 1}


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "__pycache__")


class Working:
    """A run that waits for the rest of the model's answer."""

    def __init__(self, editor: Editor, buffer: Buffer, run: str, gate: asyncio.Event) -> None:
        self.editor = editor
        self.buffer = buffer
        self.run = run
        self._gate = gate

    async def ended(self) -> str:
        self._gate.set()
        return await settled(self.editor, self.run)

    async def accepted(self) -> None:
        await self.editor.run_action(self.buffer, "def add", "Flow: accept")

    async def accepted_by_command(self) -> str:
        """The run that it stands for; a client that takes no edits from the server is sent to its menu."""
        answer: dict[str, str] = await self.editor.command("flow.accept", {"run": self.run})
        if not takes_edits(self.editor.profile):
            await told(self.editor, "use the code action")
            await self.accepted()
        return answer["run"]


async def working(profile: str, model: ModelOf, editor: EditorOf, qualname: str = "add") -> Working:
    gate = asyncio.Event()
    ed = await editor(profile, model=await model(gated(gate)), options=EVENTS, settings=ONE_CALL)
    buffer = ed.open("calc.py")
    run = await begin(ed, buffer, qualname)
    await until(ed, "draft.delta")
    return Working(ed, buffer, run, gate)


async def test_edits_above_and_below_stay(
    profile: str, project: Path, model: ModelOf, editor: EditorOf
) -> None:
    here = await working(profile, model, editor)
    here.editor.replace(here.buffer, "PI = 3.14", "PI = 3.14159\n\n\ndef half(a):  # 🐍\n    return a / 2\n")
    here.editor.replace(here.buffer, "return items[-1]", "return items[-1:][0]")
    typed = here.buffer.text
    assert await here.ended() == "ready"
    assert here.buffer.text == typed
    await here.accepted()
    assert here.buffer.text == typed.replace(STUB, ADDS)
    here.editor.undo(here.buffer)
    assert here.buffer.text == typed
    assert (project / "calc.py").read_text(encoding="utf-8") == CALC


async def test_an_edit_inside_has_the_draft_tested_again(
    model: ModelOf, editor: EditorOf, client: str
) -> None:
    here = await working(client, model, editor)
    here.editor.replace(here.buffer, "The sum of both", "Their sum")
    typed = here.buffer.text
    assert await here.ended() == "ready"
    await here.editor.command("flow.accept", {"run": here.run})
    line = await told(here.editor, "accept it again")
    assert (
        line
        == "add was changed; with the kept draft on the new text 4/4 tests pass: accept it again to apply it"
    )
    assert here.buffer.text == typed
    # The run that was tested on the new text stands for the one that the user knows.
    assert await here.accepted_by_command() != here.run
    await here.editor.until(lambda: here.buffer.text != typed, "the edit")
    assert here.buffer.text == typed.replace(STUB, ADDS)


async def test_of_two_functions_of_one_name_each_is_followed(
    project: Path, model: ModelOf, editor: EditorOf, client: str
) -> None:
    """Both were known by their lines, which an edit above has moved."""
    other = '\n\nif PI > 4:\n\n    def add(a, b):\n        """Never."""\n        return 0\n'
    (project / "calc.py").write_text(CALC + other, encoding="utf-8")
    here = await working(client, model, editor, "add@10")
    here.editor.replace(here.buffer, "PI = 3.14", "\n" * 15 + "PI = 3.14")
    here.editor.replace(here.buffer, "The sum of both", "Their sum")
    typed = here.buffer.text
    assert await here.ended() == "ready"
    await here.editor.command("flow.accept", {"run": here.run})
    await told(here.editor, "accept it again")
    await here.accepted_by_command()
    await here.editor.until(lambda: here.buffer.text != typed, "the edit")
    assert here.buffer.text == typed.replace(STUB, ADDS, 1)


async def test_a_draft_that_fails_in_the_changed_function_is_refused(
    model: ModelOf, editor: EditorOf, client: str
) -> None:
    here = await working(client, model, editor)
    here.editor.replace(here.buffer, "def add(a, b)", "def add(x, y)")
    typed = here.buffer.text
    assert await here.ended() == "ready"
    await here.editor.command("flow.accept", {"run": here.run})
    line = await told(here.editor, "run flow again")
    assert line == "add was changed, and with the kept draft 0/4 tests pass there: run flow again"
    actions = await here.editor.code_actions(here.buffer, "def add")
    able = here.editor.profile.capabilities.text_document
    shows_reasons = able and able.code_action and able.code_action.disabled_support
    accepts = [action for action in actions if "accept" in action.title]
    assert [bool(getattr(accept, "disabled", None)) for accept in accepts] == (
        [True] if shows_reasons else []
    )
    assert here.buffer.text == typed


@pytest.mark.parametrize("profile", under("vscode", "zed"))
async def test_a_function_that_is_gone(profile: str, model: ModelOf, editor: EditorOf) -> None:
    here = await working(profile, model, editor)
    here.editor.replace(here.buffer, "def add(", "def plus(")
    typed = here.buffer.text
    assert await here.ended() == "ready"
    await here.editor.command("flow.accept", {"run": here.run})
    await told(here.editor, "add is not in this file any more: it was renamed or removed")
    assert "Generate with flow" in await titles(here.editor, here.buffer, "def plus")
    assert here.buffer.text == typed


async def test_a_syntax_error_meanwhile(model: ModelOf, editor: EditorOf, client: str) -> None:
    here = await working(client, model, editor)
    here.editor.replace(here.buffer, "return 2 * a", "return 2 * (a")
    assert await here.ended() == "ready"
    await here.editor.command("flow.accept", {"run": here.run})
    await here.editor.until(lambda: popups(here.editor) or ADDS in here.buffer.text, "an answer")
    here.editor.replace(here.buffer, "return 2 * (a", "return 2 * a")
    if ADDS not in here.buffer.text:
        await here.accepted()
    assert here.buffer.text == CALC.replace(STUB, ADDS)


async def test_close_and_reopen(model: ModelOf, editor: EditorOf, client: str) -> None:
    here = await working(client, model, editor)
    assert await here.ended() == "ready"
    here.editor.close(here.buffer)
    here.editor.reopen(here.buffer)
    await here.accepted()
    assert here.buffer.text == CALC.replace(STUB, ADDS)


async def test_close_and_reopen_while_it_works(model: ModelOf, editor: EditorOf, client: str) -> None:
    here = await working(client, model, editor)
    here.editor.close(here.buffer)
    here.editor.reopen(here.buffer)
    assert await settled(here.editor, here.run) == "cancelled"
    again = await begin(here.editor, here.buffer)
    assert await here.ended() == "cancelled"
    assert await settled(here.editor, again) == "ready"


@pytest.mark.parametrize("how", ["deleted", "renamed"])
async def test_the_file_goes_from_the_disk(
    how: str, project: Path, model: ModelOf, editor: EditorOf, client: str
) -> None:
    here = await working(client, model, editor)
    path = project / "calc.py"
    if how == "deleted":
        path.unlink()
    else:
        path.rename(project / "sums.py")
    before = files(project)
    assert await here.ended() in ("ready", "done")
    assert here.buffer.text == CALC
    if "Flow: discard" in await titles(here.editor, here.buffer, "def add"):
        await here.accepted()
        assert here.buffer.text == CALC.replace(STUB, ADDS)
    assert files(project) == before
