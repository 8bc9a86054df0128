"""The map that grows in the background and by use, with real runs of a small project."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, closing
from pathlib import Path

import pytest

from doubles.projects import CALC, CALC_FILES, GOOD, write
from flowmill.engine.mapping import BuildLimits, MapBuilder
from flowmill.engine.request import RunRequest, Tools
from flowmill.engine.run import Run
from flowmill.errors import ProjectError
from flowmill.events import RunFinished, TestsSelected
from flowmill.model.scripted import ScriptedModel
from flowmill.project.function_map import FunctionMap
from flowmill.project.hashes import hashes_of
from flowmill.protocols import Model, Runner
from flowmill.runner.cold import ColdRunner
from flowmill.runner.scripted import ScriptedRunner
from flowmill.shapes import (
    Census,
    Collected,
    ModelProfile,
    Project,
    RunEnd,
    RunnerMessage,
    TestOrder,
    TestResult,
)

FILES = {
    **CALC_FILES,
    "test_more.py": "import calc\n\n\ndef test_last():\n    assert calc.last([calc.twice(1)]) == 2\n",
    "test_broken.py": "import nothing_like_it\n",
}


class Place:
    def __init__(self, folder: Path) -> None:
        self.root = write(folder, FILES)
        self.project = Project(self.root, Path(sys.executable), "here")
        self.known = FunctionMap.open(folder / "cache", self.root)
        self.runner = Recording(ColdRunner(self.project, folder / "cache"))

    def builder(
        self, harmless: Callable[[], bool] = lambda: True, limits: BuildLimits | None = None
    ) -> MapBuilder:
        return MapBuilder(self.root, self.known, self.runner, harmless, limits=limits)

    def tests(self, qualname: str) -> tuple[str, ...]:
        return self.known.tests_for(self.root / "calc.py", qualname)


class Recording:
    """A runner that remembers what it was asked for; `slow` is set when the tests of test_slow.py begin."""

    def __init__(self, inner: Runner) -> None:
        self.orders: list[TestOrder] = []
        self.slow = asyncio.Event()
        self._inner = inner

    async def run(self, order: TestOrder) -> AsyncGenerator[RunnerMessage, None]:
        self.orders.append(order)
        async with aclosing(self._inner.run(order)) as messages:
            async for message in messages:
                if isinstance(message, Collected) and message.tests[0].id.startswith("test_slow.py"):
                    self.slow.set()
                yield message

    async def aclose(self) -> None:
        await self._inner.aclose()

    @property
    def files(self) -> list[str]:
        return [(order.files or ("",))[0] for order in self.orders]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Place]:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    place = Place(tmp_path)
    with closing(place.known):
        yield place


async def test_every_file_is_run_once_and_again_when_something_changed(place: Place) -> None:
    assert await place.builder().build() == 3
    assert all(order.census and not order.untrusted for order in place.runner.orders)
    assert set(place.tests("add")) == {"test_calc.py::test_pairs", "test_calc.py::test_small"}
    assert place.tests("twice") == ("test_calc.py::test_twice", "test_more.py::test_last")
    assert place.known.whole_files() == {"test_calc.py", "test_more.py"}
    assert await place.builder().build() == 0
    (place.root / "calc.py").write_text(CALC + "\n\ndef more():\n    pass\n")
    (place.root / "test_broken.py").write_text("def test_mended():\n    pass\n")
    place.runner.orders.clear()
    assert await place.builder().build() == 3
    assert place.runner.files == ["test_broken.py", "test_more.py", "test_calc.py"]
    assert await place.builder().build() == 0


async def test_it_stops_when_it_would_harm_or_has_had_enough(place: Place) -> None:
    answers = iter([True, True, False])
    builder = place.builder(lambda: next(answers))
    assert await builder.build() == 2
    assert await place.builder(limits=BuildLimits(tests=0)).build() == 0
    assert await place.builder(limits=BuildLimits(seconds=0)).build() == 0
    place.builder(lambda: False).start()
    assert len(place.runner.orders) == 2


async def test_it_is_cancelled_at_once_and_goes_on_from_there(place: Place) -> None:
    (place.root / "test_slow.py").write_text("import time\n\ndef test():\n    time.sleep(600)\n")
    builder = place.builder()
    builder.start()
    await place.runner.slow.wait()
    await builder.stop()
    await builder.stop()
    learned = place.runner.files[:-1]
    assert learned
    place.runner.orders.clear()
    (place.root / "test_slow.py").unlink()
    await place.builder().build()
    assert sorted([*learned, *place.runner.files]) == ["test_broken.py", "test_calc.py", "test_more.py"]


async def test_a_runner_that_cannot_run_ends_it(place: Place) -> None:
    def refuse(order: TestOrder) -> RunEnd:
        raise ProjectError("no scratch folder")

    builder = MapBuilder(place.root, place.known, ScriptedRunner(lambda _: [], fault=refuse), lambda: True)
    assert (await builder.build(), builder.problem) == (0, "no scratch folder")
    hopeless = ScriptedRunner(lambda _: [], fault=lambda _: RunEnd("no_python"))
    assert await MapBuilder(place.root, place.known, hopeless, lambda: True).build() == 0
    assert place.known.tried_files() == {}


async def run_add(place: Place, mapping: MapBuilder) -> tuple[str, tuple[str, ...], str]:
    """Write `add`: how its tests were selected, which they were, and how it ended."""

    async def connect() -> Model:
        return ScriptedModel([GOOD], ModelProfile("scripted"))

    request = RunRequest("generate", place.root / "calc.py", "add", place.project)
    run = Run(request, Tools(place.runner, connect), "r1", mapping)
    async with aclosing(run.records()) as records:
        events = [record.event async for record in records]
    selected = next(event for event in events if isinstance(event, TestsSelected))
    assert isinstance(events[-1], RunFinished)
    return selected.how, tuple(test.id for test in selected.tests), events[-1].status


async def test_a_run_uses_the_map_and_says_so(place: Place) -> None:
    (place.root / "test_broken.py").unlink()
    await place.builder().build()
    how, tests, status = await run_add(place, place.builder(lambda: False))
    assert (how, status) == ("coverage", "verified")
    assert {test.partition("[")[0] for test in tests} == {
        "test_calc.py::test_pairs",
        "test_calc.py::test_small",
    }


async def test_a_map_that_is_wrong_does_no_harm(place: Place) -> None:
    (place.root / "test_broken.py").unlink()
    wrong = "test_calc.py::test_twice"
    census = Census({wrong: frozenset({("calc.py", "add")})})
    now = hashes_of(place.root, ["test_calc.py", "calc.py"])
    results = {wrong: TestResult(wrong, "passed", 0.1)}
    place.known.learn_file("test_calc.py", census, results, now, complete=True)
    how, tests, status = await run_add(place, place.builder(lambda: False))
    assert (how, tests, status) == ("coverage", (wrong,), "verified")


async def test_it_builds_while_the_run_goes_on_and_ends_with_it(place: Place) -> None:
    (place.root / "test_broken.py").unlink()
    builder = place.builder()
    how, _, status = await run_add(place, builder)
    assert (how, status) == ("static", "verified")
    await builder.stop()
