"""Holes in the user's own file, for models that were taught to fill them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from itertools import count
from pathlib import Path

import pytest

from flowmill.engine.reply import body_ends
from flowmill.engine.request import RunRequest, Tools
from flowmill.engine.run import Run
from flowmill.events import DraftDelta, Event
from flowmill.model.embedded.profile import QWEN
from flowmill.model.scripted import Answer, ScriptedModel
from flowmill.protocols import Model
from flowmill.runner.scripted import ScriptedRunner
from flowmill.shapes import Budget, ModelProfile, Project, Prompt, TestOrder, TestResult

SOURCE = '''"""Sizes."""

import math

ROOT = math.sqrt(2)
{filler}

class Sheet:
    def twice(self, n):
        """Twice as much."""
        raise NotImplementedError

    def thrice(self, n):
        return 3 * n
'''
TESTS = """from m import Sheet

def test_two():
    assert Sheet().twice(2) == 4

def test_three():
    assert Sheet().twice(3) == 6
"""
PREFILL = "```python\n    def twice(self, n):\n        "
"""What the answer in the hole is read after."""


def evaluate(order: TestOrder, file: Path) -> list[TestResult]:
    names: dict[str, type] = {}
    exec(order.overlay.get(file, file.read_bytes()).decode(), names)
    results: list[TestResult] = []
    for n, name in ((2, "test_two"), (3, "test_three")):
        try:
            got = names["Sheet"]().twice(n)
        except NotImplementedError:
            got = None
        message = "" if got == 2 * n else f"assert {got} == {2 * n}"
        results.append(TestResult(f"test_m.py::{name}", "failed" if message else "passed", 0.01, message))
    return results


def begun_with(prompt: Prompt) -> str:
    """The first words of the body that stand in a raw prompt already."""
    return prompt.raw.partition(QWEN.after)[0].rpartition("\n")[2].strip()


def wrong(number: int) -> str:
    """Goes on from the header."""
    return f"    return n + {number}\n"


class Stand:
    """A method to write, a model that answers in conversations and in holes, and what came of it."""

    def __init__(
        self,
        folder: Path,
        filled: Answer | str | Callable[[str], str],
        *,
        filler: str = "",
        fills: bool = True,
    ) -> None:
        self.file = folder / "m.py"
        self.file.write_text(SOURCE.replace("{filler}", filler))
        (folder / "test_m.py").write_text(TESTS)
        (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
        numbers = count(7)
        profile = ModelProfile("scripted", width=4, prefills=True, fills=QWEN if fills else None)

        def answer(prompt: Prompt) -> Answer | str:
            if not prompt.raw:
                return wrong(next(numbers))
            return filled(begun_with(prompt)) if callable(filled) else filled

        self.model = ScriptedModel(answer, profile)
        self.runner = ScriptedRunner(lambda order: evaluate(order, self.file))
        self.events: list[Event] = []

    async def follow(self, *, calls: int = 4) -> Run:
        project = Project(self.file.parent, Path("python"), "here")
        request = RunRequest(
            "generate", self.file, "Sheet.twice", project, "flow", Budget(30, calls, 50_000, 5)
        )
        run = Run(request, Tools(self.runner, self.connect), "r1")
        async with aclosing(run.records()) as records:
            async for record in records:
                self.events.append(record.event)
        return run

    async def connect(self) -> Model:
        return self.model

    @property
    def raw(self) -> list[Prompt]:
        return [prompt for prompt in self.model.prompts if prompt.raw]

    def streamed(self, draft: int) -> str:
        return "".join(e.text for e in self.events if isinstance(e, DraftDelta) and e.draft == draft)


async def test_the_hole_is_shown_in_its_file_after_the_tests(tmp_path: Path) -> None:
    stand = Stand(tmp_path, "return 2 * n\n")
    run = await stand.follow()

    assert run.result is not None
    assert run.result.verified
    assert b"        return 2 * n\n\n    def thrice" in run.result.data
    cold, warm = stand.raw
    before, marked, rest = cold.raw.partition(QWEN.before)
    assert before == (
        "<|repo_name|>m\n<|file_sep|>test_m.py\n"
        "def test_two():\n    assert Sheet().twice(2) == 4\n\n"
        "def test_three():\n    assert Sheet().twice(3) == 6\n<|file_sep|>m.py\n"
    )
    assert marked
    source = SOURCE.replace("{filler}", "")
    hole = "raise NotImplementedError"
    assert rest == f"{source.partition(hole)[0]}<|fim_suffix|>{source.partition(hole)[2]}<|fim_middle|>"
    assert (cold.raw, cold.prefill, cold.messages) == (warm.raw, PREFILL, ())
    assert (cold.temperature, warm.temperature > 0) == (0.0, True)


async def test_holes_that_are_filled_alike_are_begun_otherwise(tmp_path: Path) -> None:
    numbers = count(20)
    stand = Stand(
        tmp_path,
        lambda begun: " n < 1:\n            return 0\n" if begun else f"return n + {next(numbers)}\n",
    )
    await stand.follow(calls=12)
    begun = [begun_with(prompt) for prompt in stand.raw]
    assert begun[:2] == ["", ""]
    assert "if" in begun
    assert [prompt.prefill.rpartition("\n")[2].strip() for prompt in stand.raw] == begun
    assert len(set(filter(None, begun))) == len(list(filter(None, begun))), "each beginning is given once"
    assert "return" not in begun, "drafts begin so already"


@pytest.mark.parametrize(
    "chunks",
    [
        ("return 2", " * n\n\n    ", "def fourfold(self, n):\n        return 4", "never asked for"),
        ("return 2 * n", "\n\n# an end", " that is none"),
        ("return 2 * n\nclass Other:\n", "    pass"),
    ],
)
async def test_what_goes_on_after_the_body_is_not_waited_for(tmp_path: Path, chunks: tuple[str, ...]) -> None:
    stand = Stand(tmp_path, Answer(chunks))
    run = await stand.follow()
    assert run.result is not None
    assert run.result.verified
    assert b"fourfold" not in run.result.data
    assert stand.model.closed_early >= 1
    assert "never asked for" not in stand.streamed(2)
    assert stand.streamed(2).startswith(f"{PREFILL}return 2")


async def test_of_a_long_file_its_beginning_and_the_neighbourhood_are_shown(tmp_path: Path) -> None:
    filler = "\n".join(f"N{n} = {n}" for n in range(2000))
    stand = Stand(tmp_path, "return 2 * n", filler=filler)
    await stand.follow()
    raw = stand.raw[0].raw
    assert raw.count("import math\n") == 1
    assert "N1 = 1\n" in raw
    assert "N1999 = 1999\n" in raw
    assert "N1000 =" not in raw
    assert len(raw) < 6000


async def test_a_model_that_was_not_taught_is_not_asked(tmp_path: Path) -> None:
    stand = Stand(tmp_path, "return 2 * n", fills=False)
    run = await stand.follow(calls=8)
    assert stand.raw == []
    assert run.result is None or not run.result.verified


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("return 1\n", None),
        ("if n:\n        return 1\n\n    # not yet\n    return 2", None),
        ("return 1\n\n\ndef", "return 1\n\n"),
        ("return [\n        1,\n    ]\n  x", "return [\n        1,\n    ]"),
        ("return 1\n   ", None),
    ],
)
def test_where_a_body_ends(answer: str, kept: str | None) -> None:
    end = body_ends(answer, "    ")
    assert (None if end is None else answer[:end]) == kept
