"""Failing tests in each client: on the function's first line, gone when it is edited or mended."""

from __future__ import annotations

from lsprotocol import types

from doubles.projects import GOOD
from doubles.scenes import EVENTS, EditorOf, ModelOf, begin, settled, titles


async def test_shown_and_cleared(profile: str, model: ModelOf, editor: EditorOf) -> None:
    ed = await editor(profile, model=await model(GOOD), options=EVENTS, settings={"maxCalls": 1})
    buffer, test = ed.open("calc.py"), ed.open("test_calc.py")
    line = buffer.line_of("def add")

    def failing() -> list[types.Diagnostic]:
        return [each for each in ed.diagnostics_at(buffer, line) if each.code == "failing-test"]

    run = await begin(ed, buffer)
    (found,) = await ed.until(failing, "the diagnostic")
    assert found.message.startswith("4 of 4 tests fail")
    able = ed.profile.capabilities.text_document
    published = able.publish_diagnostics if able else None
    if published and published.related_information:
        # It comes a moment later if the assertion's line has to be looked up in a thread.
        (found,) = await ed.until(lambda: [d for d in failing() if d.related_information], "the assertion")
        assert {place.location.uri for place in found.related_information or ()} == {test.uri}
    else:
        assert not found.related_information
    assert await settled(ed, run) == "ready"
    await ed.run_action(buffer, "def add", "Flow: accept")
    await ed.until(lambda: not failing(), "none after the accept")
    ed.undo(buffer)
    ed.replace(buffer, "raise NotImplementedError", "return 0")
    await ed.until(lambda: not failing(), "none after the edit")
    assert "Rewrite with flow" in await titles(ed, buffer, "def add")
