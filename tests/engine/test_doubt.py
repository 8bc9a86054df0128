"""A run of the tests that any layer doubts is told as "not trusted: why", and never as passed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from flowmill.engine.request import RunRequest, Tools
from flowmill.engine.run import Run
from flowmill.events import DraftScored, Event, Note, RunFinished
from flowmill.model.scripted import ScriptedModel
from flowmill.protocols import Model
from flowmill.runner.scripted import ScriptedRunner
from flowmill.shapes import (
    Budget,
    ModelProfile,
    Outcome,
    Project,
    RunEnd,
    RunnerMessage,
    TestOrder,
    TestResult,
)

STUB = "def twice(n):\n    raise NotImplementedError\n"
TESTS = "from m import twice\n\ndef test_one():\n    assert twice(1) == 2\n"
WHY = "it altered what judges it: os._exit"


class DoubtingRunner(ScriptedRunner):
    """Passes whatever is not a stub, and doubts the runs that it is told to."""

    def __init__(self, doubted: Callable[[str, int], bool]) -> None:
        super().__init__(lambda order: [TestResult("test_m.py::test_one", self._outcome(order), 0.01)])
        self._doubted = doubted
        self._runs = 0

    @staticmethod
    def _text(order: TestOrder) -> str:
        return b"".join(order.overlay.values()).decode()

    def _outcome(self, order: TestOrder) -> Outcome:
        return "passed" if "return" in self._text(order) else "failed"

    async def run(self, order: TestOrder) -> AsyncGenerator[RunnerMessage, None]:
        written = "return" in self._text(order)
        self._runs += written
        async with aclosing(super().run(order)) as messages:
            async for message in messages:
                doubt = WHY if written and self._doubted(self._text(order), self._runs) else ""
                yield replace(message, doubt=doubt) if isinstance(message, RunEnd) else message


class FalteringRunner(DoubtingRunner):
    """Fails and breaks off where a draft is run again."""

    def __init__(self) -> None:
        super().__init__(lambda _, __: False)

    async def run(self, order: TestOrder) -> AsyncGenerator[RunnerMessage, None]:
        async with aclosing(super().run(order)) as messages:
            async for message in messages:
                if order.clean and isinstance(message, TestResult):
                    yield replace(message, outcome="failed")
                elif order.clean and isinstance(message, RunEnd):
                    yield replace(message, problem="timeout", detail="the run took longer than 5 s")
                else:
                    yield message


async def follow(folder: Path, runner: DoubtingRunner, *answers: str) -> list[Event]:
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    (folder / "m.py").write_text(STUB)
    (folder / "test_m.py").write_text(TESTS)
    model = ScriptedModel(
        [f"```python\ndef twice(n):\n    return {a}\n```" for a in answers], ModelProfile("scripted")
    )

    async def connect() -> Model:
        return model

    project = Project(folder, Path("python"), "here")
    budget = Budget(30, len(answers), 50_000, 5)
    run = Run(
        RunRequest("generate", folder / "m.py", "twice", project, "sample", budget),
        Tools(runner, connect),
        "r1",
    )
    async with aclosing(run.records()) as records:
        return [record.event async for record in records]


async def test_a_doubted_draft_is_not_trusted_and_the_next_one_is_taken(tmp_path: Path) -> None:
    events = await follow(tmp_path, DoubtingRunner(lambda text, _: "n + n" in text), "n + n", "n * 2")
    assert Note("warning", f"draft 1 is not trusted: {WHY}") in events
    assert [(e.draft, e.passed, e.best) for e in events if isinstance(e, DraftScored)] == [
        (1, 0, False),
        (2, 1, True),
    ]
    end = events[-1]
    assert isinstance(end, RunFinished)
    assert (end.status, end.best) == ("verified", 2)


async def test_a_winner_that_is_doubted_when_it_is_confirmed_is_none(tmp_path: Path) -> None:
    events = await follow(tmp_path, DoubtingRunner(lambda _, runs: runs > 1), "n * 2")
    assert Note("warning", f"draft 1 is not trusted: {WHY}") in events
    end = events[-1]
    assert isinstance(end, RunFinished)
    assert (end.status, end.best) == ("failed", None)


async def test_a_winner_that_fails_and_breaks_off_when_it_is_confirmed_is_none(tmp_path: Path) -> None:
    events = await follow(tmp_path, FalteringRunner(), "n * 2")
    told = [event.text for event in events if isinstance(event, Note)]
    assert "draft 1 could not be confirmed: the run took longer than 5 s" in told
    assert "draft 1 is not trusted: test_one passed and then failed at random" in told
    end = events[-1]
    assert isinstance(end, RunFinished)
    assert end.status == "improved"
