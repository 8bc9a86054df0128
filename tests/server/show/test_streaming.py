"""The real server: what an editor is told while a run works, and what it can look at."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types

from doubles.editor import Editor
from doubles.openai_server import FakeOpenAI, Reply
from doubles.projects import GOOD, STUB, WRONG

CONTENT = types.WORKSPACE_TEXT_DOCUMENT_CONTENT


async def content(editor: Editor, uri: str) -> str:
    result: types.TextDocumentContentResult = await editor.request(
        CONTENT, types.TextDocumentContentParams(uri)
    )
    return result.text


@pytest.mark.parametrize("profile", ["vscode", "helix"])
async def test_a_run_is_followed_from_its_first_word_to_its_diff(
    project: Path, cache: Path, profile: str
) -> None:
    async with (
        FakeOpenAI([Reply((WRONG,)), Reply((GOOD,))], repeat=True) as model,
        Editor.start(project, profile, model=model, cache=cache) as editor,
    ):
        buffer = editor.open("calc.py")
        begun: dict[str, str] = await editor.command("flow.generate", {"uri": buffer.uri, "qualname": "add"})
        run = begun["run"]
        token = f"flow/{run}"
        await editor.until(lambda: token in editor.seen.progress, "a progress")
        progress = editor.seen.progress[token]
        await editor.until(lambda: progress.ended, "its end", 60)
        assert progress.kinds == ["begin", *["report"] * (len(progress.kinds) - 2), "end"]
        assert "4/4 tests" in progress.texts[-1]
        await editor.until(lambda: editor.seen.questions, "the question at the end")
        assert not any("percentage" in value for value in progress.values)

        log = await content(editor, f"flow:/run/{run}/log.md")
        assert log.startswith("# Generate `add`")
        assert "## Result" in log
        assert (await content(editor, f"flow:/run/{run}/draft.py")).startswith("def add(a, b):")
        diff = await content(editor, f"flow:/run/{run}/result.diff")
        assert f"-{STUB}+    return a + b\n" in diff

        await editor.command("flow.showDiff", {"run": run})
        await editor.until(lambda: editor.seen.shown, "the diff")
        address = editor.seen.shown[0].uri
        if profile == "vscode":
            assert address == f"flow:/run/{run}/result.diff"
            assert CONTENT in editor.seen.registered
        else:
            file = cache / "runs" / run / "result.diff"
            assert address == file.as_uri()
            assert file.read_text("utf-8") == diff
        assert buffer.text == (project / "calc.py").read_text("utf-8")
    assert not (cache / "runs" / run).exists()
