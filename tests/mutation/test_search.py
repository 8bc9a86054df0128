"""Whole runs in which mutations and a scripted model work side by side on a scripted runner."""

from __future__ import annotations

import ast
import asyncio
import warnings
from collections.abc import Callable, Sequence
from contextlib import aclosing
from pathlib import Path

import pytest

from flowmill.engine.request import RunRequest, Tools
from flowmill.engine.run import Run
from flowmill.errors import ModelError
from flowmill.events import DraftMade, DraftScored, Event, Note, RunFinished, Stage, TestReported
from flowmill.model.scripted import Answer, ScriptedModel
from flowmill.protocols import Model
from flowmill.runner.scripted import ScriptedRunner
from flowmill.shapes import (
    Budget,
    Mode,
    ModelProfile,
    Outcome,
    Project,
    StrategyName,
    TestOrder,
    TestResult,
)

CASES = {"test_m.py::test_one": (1, 2), "test_m.py::test_two": (2, 4), "test_m.py::test_five": (5, 10)}
ZERO = {**CASES, "test_m.py::test_none": (0, 0)}
HEAD = 'def twice(n):\n    """Twice the number."""\n'
MUTATED = "mutation"


def never() -> Answer:
    """The model begins, and says no more."""
    return Answer(("```python\n", "def twice(n):\n"), gates={1: asyncio.Event()})


def answer(body: str) -> str:
    lines = "\n".join(f"    {line}" for line in body.split("\n"))
    return f"```python\ndef twice(n):\n{lines}\n```"


class Stand:
    """A project with one function, the tests of `cases`, and what a run said."""

    def __init__(
        self,
        folder: Path,
        body: str,
        answers: Sequence[str | Exception | Answer] | None = None,
        cases: dict[str, tuple[int, int]] = CASES,
        hangs: Callable[[str], bool] = lambda source: False,
    ) -> None:
        (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
        self.file = folder / "m.py"
        self.file.write_text(HEAD + "".join(f"    {line}\n" for line in body.split("\n")))
        names = (
            f"\ndef {i.split('::')[1]}():\n    assert twice({n}) == {want}\n"
            for i, (n, want) in cases.items()
        )
        (folder / "test_m.py").write_text("from m import twice\n" + "".join(names))
        self.folder = folder
        self.model = ScriptedModel([never()] if answers is None else answers, ModelProfile("scripted"))
        self.runner = ScriptedRunner(self.results)
        self.events: list[Event] = []
        self._cases = cases
        self._hangs = hangs

    def results(self, order: TestOrder) -> list[TestResult]:
        source = order.overlay.get(self.file, self.file.read_bytes()).decode()
        names: dict[str, Callable[[int], object]] = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(ast.parse(source), "m.py", "exec"), names)
        return [self._result(test, names["twice"], source) for test in self._cases]

    def _result(self, test: str, function: Callable[[int], object], source: str) -> TestResult:
        if self._hangs(source):
            return TestResult(test, "timeout", 1.0, "timed out")
        number, want = self._cases[test]
        try:
            got = function(number)
        except Exception as error:
            return TestResult(test, "failed", 0.01, type(error).__name__)
        outcome: Outcome = "passed" if got == want else "failed"
        return TestResult(test, outcome, 0.01, "" if got == want else f"assert {got} == {want}")

    async def run(
        self,
        mode: Mode = "repair",
        *,
        strategy: StrategyName = "flow",
        budget: Budget | None = None,
        rejected: tuple[str, ...] = (),
        shares_cores: bool = False,
        stop_at: Callable[[Event], bool] = lambda event: False,
    ) -> RunFinished:
        project = Project(self.folder, Path("python"), "here")
        budget = budget or Budget(30, 6, 50_000, 5)
        request = RunRequest(mode, self.file, "twice", project, strategy, budget, rejected=rejected)
        run = Run(request, Tools(self.runner, self._connect, lanes=2, shares_cores=shares_cores), "r1")
        async with aclosing(run.records()) as records:
            async for record in records:
                self.events.append(record.event)
                if stop_at(record.event):
                    run.cancel()
        last = self.events[-1]
        assert isinstance(last, RunFinished)
        return last

    async def _connect(self) -> Model:
        return self.model

    @property
    def notes(self) -> str:
        return "\n".join(e.text for e in self.events if isinstance(e, Note))

    @property
    def drafts(self) -> list[DraftMade]:
        return [e for e in self.events if isinstance(e, DraftMade)]


async def test_a_slip_is_mended_while_the_model_thinks(tmp_path: Path) -> None:
    stand = Stand(tmp_path, "return n + 2")
    end = await stand.run()
    assert end.status == "verified"
    assert end.evidence.after == {"passed": 3}
    assert "+    return n * 2" in end.diff
    assert "mutations tried without the model" in stand.notes
    assert "another operator, no model was asked" in stand.notes
    (draft,) = [d for d in stand.drafts if d.draft == end.best]
    assert (draft.origin, draft.parent) == (MUTATED, None)
    assert stand.runner.closed
    assert stand.model.closed


async def test_only_what_is_better_is_told(tmp_path: Path) -> None:
    """Hundreds may be tried: the journal and the editors hear of few."""
    stand = Stand(tmp_path, "for k in (1, 2):\n    n = n + k\nreturn n - 1 + 1 - 2")
    await stand.run(budget=Budget(20, 1))
    scores = [e.passed for e in stand.events if isinstance(e, DraftScored) and e.best]
    assert scores == sorted(set(scores))
    assert len(stand.drafts) == len(scores) <= 3
    told = {e.draft for e in stand.events if isinstance(e, TestReported)}
    assert told == {0, *(d.draft for d in stand.drafts)}
    tried = len(stand.runner.orders)
    assert tried > 20


@pytest.mark.parametrize("strategy", ["direct", "sample", "alphacodium"])
async def test_the_yardsticks_do_without(tmp_path: Path, strategy: StrategyName) -> None:
    answers = [answer("return n + 7")] * 9
    stand = Stand(tmp_path, "return n + 2", answers)
    end = await stand.run(strategy=strategy, budget=Budget(20, 2, 50_000, 2))
    assert end.status != "verified"
    assert {d.origin for d in stand.drafts} <= {"model"}
    assert "mutation" not in stand.notes


async def test_no_calls_means_no_search_at_all(tmp_path: Path) -> None:
    """Such a run only tells how the text fares as it is."""
    stand = Stand(tmp_path, "return n + 2")
    end = await stand.run(budget=Budget(20, 0))
    assert (end.status, stand.drafts) == ("unchanged", [])
    assert "mutation" not in stand.notes


async def test_the_models_answer_comes_first_if_it_is_there(tmp_path: Path) -> None:
    stand = Stand(tmp_path, "return n + 2", [answer("return n + n")])
    end = await stand.run()
    assert (end.status, end.best) == ("verified", 1)
    assert "+    return n + n" in end.diff


async def test_a_model_that_fails_does_not_end_the_mutations(tmp_path: Path) -> None:
    stand = Stand(tmp_path, "return n + 2", [ModelError("http://x answers 500")])
    assert (await stand.run()).status == "verified"


async def test_a_model_that_fails_is_told_of_when_nothing_helps(tmp_path: Path) -> None:
    stand = Stand(
        tmp_path, "return n + 2", [ModelError("http://x answers 500")], {"test_m.py::test_odd": (1, 900)}
    )
    with pytest.raises(ModelError):
        await stand.run()
    assert "none of them pass every test" in stand.notes


async def test_a_model_on_the_same_cores_is_not_asked_where_a_small_change_will_do(tmp_path: Path) -> None:
    stand = Stand(tmp_path, "return n + 2", [answer("return n + n")])
    end = await stand.run(shares_cores=True)
    assert (end.status, end.calls) == ("verified", 0)
    assert "+    return n * 2" in end.diff


async def test_it_is_asked_once_nothing_is_left_to_change(tmp_path: Path) -> None:
    odd = {"test_m.py::test_odd": (1, 900)}
    stand = Stand(tmp_path, "return n + 2", [answer("return n * 900")], odd)
    end = await stand.run(shares_cores=True)
    assert end.status == "verified"
    over = stand.events.index(
        next(
            e for e in stand.events if isinstance(e, Stage) and (e.name, e.state) == ("mutations", "finished")
        )
    )
    assert all(e.type != "draft.delta" for e in stand.events[:over])
    assert "none of them pass every test" in stand.notes


async def test_it_waits_for_a_drafts_tests_before_it_writes_the_next_one(tmp_path: Path) -> None:
    many = {f"test_m.py::test_{n}": (n, 2 * n) for n in range(6)}
    stand = Stand(tmp_path, "raise NotImplementedError", [answer("return n * 2")] * 5, many)
    stand.runner = ScriptedRunner(stand.results, delay=0.02)
    end = await stand.run("generate", shares_cores=True)
    assert (end.status, end.calls, len(stand.model.prompts)) == ("verified", 1, 1)


async def test_what_the_user_rejected_is_not_offered_again(tmp_path: Path) -> None:
    stand = Stand(tmp_path, "return n + 2")
    end = await stand.run(rejected=("    return n * 2\n", "return n*2  # no"))
    assert "n * 2" not in end.diff


async def test_two_slips_are_mended_one_after_the_other(tmp_path: Path) -> None:
    stand = Stand(tmp_path, "if n == 0:\n    return 7\nreturn n - 2", cases=ZERO)
    end = await stand.run()
    assert end.status == "verified", stand.notes
    best = next(d for d in stand.drafts if d.draft == end.best)
    assert "return n * 2" in best.code or "return n + n" in best.code


MANY = {f"test_m.py::test_n{n}": (n, 2 * n) for n in range(7)}


async def test_a_near_miss_of_the_model_is_mutated_too(tmp_path: Path) -> None:
    near = [answer("if n:\n    return n * 2\nreturn 31"), never()]
    stand = Stand(tmp_path, "raise NotImplementedError", near, MANY)
    end = await stand.run("generate")
    assert end.status == "verified", stand.notes
    best = next(d for d in stand.drafts if d.draft == end.best)
    assert (best.origin, best.parent) == (MUTATED, 1)


async def test_a_draft_that_passes_one_test_of_many_is_mutated(tmp_path: Path) -> None:
    """One wrong name, or one entry too many, fails nearly all of them."""
    stand = Stand(tmp_path, "raise NotImplementedError", [answer("return n * 3"), never()], MANY)
    end = await stand.run("generate")
    assert end.status == "verified", stand.notes
    best = next(d for d in stand.drafts if d.draft == end.best)
    assert (best.origin, best.parent) == (MUTATED, 1)


async def test_changes_of_a_draft_that_help_are_made_on_top_of_one_another(tmp_path: Path) -> None:
    body = "if n < 1:\n    return 7\nif n > 5:\n    return 1\nif n % 4 == 3:\n    return 2\nreturn n * 2"
    stand = Stand(tmp_path, "raise NotImplementedError", [answer(body), never()], MANY)
    end = await stand.run("generate")
    assert end.status == "verified", stand.notes
    scores = [e.passed for e in stand.events if isinstance(e, DraftScored)]
    assert scores == sorted(scores)
    assert scores[-1] == len(MANY)


async def test_few_tests_make_no_near_miss(tmp_path: Path) -> None:
    """Of a wrong draft, some change passes three tests."""
    near = [answer("if n:\n    return n * 2\nreturn 31")]
    stand = Stand(tmp_path, "raise NotImplementedError", near, ZERO)
    await stand.run("generate", budget=Budget(20, 1))
    assert "mutation" not in stand.notes


async def test_a_stub_is_not_mutated(tmp_path: Path) -> None:
    stand = Stand(tmp_path, "raise NotImplementedError", [answer("return -900 - n")])
    await stand.run("generate", budget=Budget(20, 1))
    assert "mutation" not in stand.notes
    stand = Stand(tmp_path, "raise NotImplementedError", [answer("return -900 - n")])
    await stand.run("repair", budget=Budget(20, 1))
    assert "mutation" not in stand.notes


async def test_tests_that_need_others_before_them_are_run_with_them(tmp_path: Path) -> None:
    stand = Stand(tmp_path, "return n + 2")

    def results(order: TestOrder) -> list[TestResult]:
        """The last test fails unless the first one is run before it."""
        *others, last = stand.results(order)
        alone = bool(order.keep) and "test_m.py::test_two" not in order.keep
        return [*others, TestResult(last.id, "failed", 0.01, "KeyError: set-up") if alone else last]

    stand.runner = ScriptedRunner(results)
    assert (await stand.run()).status == "verified"


async def test_time_that_is_lost_to_endless_tests_is_limited(tmp_path: Path) -> None:
    """Every mutant hangs: they are given up long before the time is."""
    stand = Stand(
        tmp_path, "return n + 2", [answer("return n + 7")], hangs=lambda source: "n + 2" not in source
    )
    stand.runner = ScriptedRunner(stand.results, delay=0.05)
    end = await stand.run(budget=Budget(1.5, 1))
    assert end.status == "failed"
    assert end.seconds.total < 20


async def test_a_cancel_ends_the_mutants_too(tmp_path: Path) -> None:
    stand = Stand(tmp_path, "return n + 2", cases={"test_m.py::test_odd": (1, 900)})
    stand.runner = ScriptedRunner(stand.results, delay=0.01)
    end = await stand.run(stop_at=lambda event: event.type == "draft.delta")
    assert end.status == "cancelled"
    assert stand.runner.closed
    assert stand.model.closed
