"""After a save: which tests run, how long, and which functions are blamed. Most of it on real test runs."""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from doubles.projects import write
from flowmill.engine.affected import AffectedReport, AffectedSpec, affected
from flowmill.engine.affected_choice import choose
from flowmill.project.function_map import FunctionMap
from flowmill.protocols import Runner
from flowmill.runner.cold import ColdRunner
from flowmill.runner.scripted import ScriptedRunner
from flowmill.runner.warm import WarmRunner
from flowmill.shapes import Project, RunEnd, TestOrder, TestResult

PARTS = '''\
def first(items):
    return items[0]


def pick(items):
    """The first one."""
    return first(items)


def twice(n):
    return n + 2


def unused():
    return 1
'''
MORE = "from shop.parts import twice\n\n\ndef four(n):\n    return twice(twice(n))\n"
TEST_PARTS = """\
import pytest

from shop.parts import pick, twice


def same(n, want):
    assert twice(n) == want


def test_pick():
    assert pick([]) == 1


@pytest.mark.parametrize("n", [2, 3])
def test_twice(n):
    assert twice(n) == 2 * n


def test_helped():
    same(3, 6)


class TestMore:
    def test_fine(self):
        assert pick([1]) == 1
"""
TEST_MORE = "from shop.more import four\n\n\ndef test_four():\n    assert four(2) == 8\n"
FILES = {
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["src"]\n',
    "src/shop/__init__.py": "",
    "src/shop/parts.py": PARTS,
    "src/shop/more.py": MORE,
    "tests/conftest.py": "",
    "tests/test_parts.py": TEST_PARTS,
    "tests/test_more.py": TEST_MORE,
}
PICK, HELPED, THREE = (
    f"tests/test_parts.py::{name}" for name in ("test_pick", "test_helped", "test_twice[3]")
)
FOUR = "tests/test_more.py::test_four"
Blames = dict[str, set[str]]


class Place:
    """The project, its map, and what ran last."""

    def __init__(self, folder: Path, make: Callable[[Project, Path], Runner]) -> None:
        self.root = write(folder, FILES)
        self.parts = self.root / "src/shop/parts.py"
        self.more = self.root / "src/shop/more.py"
        self.known = FunctionMap.open(folder / "cache", self.root)
        self.make = lambda: make(Project(self.root, Path(sys.executable), "here"), folder / "cache")

    def spec(self, *saved: Path, **more: object) -> AffectedSpec:
        spec = AffectedSpec(self.root, saved, **more)  # pyright: ignore[reportArgumentType] -- named as its fields
        return pickle.loads(pickle.dumps(spec))

    async def run(self, spec: AffectedSpec, known: FunctionMap | None = None) -> AffectedReport:
        runner = self.make()
        try:
            report = await affected(spec, runner, known)
        finally:
            await runner.aclose()
        return pickle.loads(pickle.dumps(report))


def blames(report: AffectedReport) -> Blames:
    return {each.qualname: {test.id for test in each.tests} for each in report.blamed}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Place]:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    place = Place(tmp_path, ColdRunner)
    with closing(place.known):
        yield place


# ------------------------------------------------------------------ real runs
async def test_nothing_known_yet_the_files_around_run_and_the_map_learns(place: Place) -> None:
    report = await place.run(place.spec(place.parts), place.known)
    assert report.failed == {PICK, HELPED, THREE}
    assert blames(report) == {"pick": {PICK}, "twice": {HELPED, THREE}}
    assert [(each.line, each.total) for each in report.blamed] == [(10, 3), (5, 2)]
    assert (report.ran, report.cut, report.problem) == (5, 0, "")
    assert report.root == place.root
    assert place.known.tests_for(place.parts, "pick")


async def test_a_map_finds_tests_that_name_another_function(place: Place) -> None:
    first = await place.run(place.spec(place.more), place.known)
    assert blames(first) == {"four": {FOUR}}
    report = await place.run(place.spec(place.parts, changed=((place.parts, "twice"),)), place.known)
    assert blames(report)["twice"] == {HELPED, THREE, FOUR}


async def test_what_was_changed_is_blamed_before_what_the_test_names(place: Place) -> None:
    place.parts.write_text(PARTS.replace("items[0]", "items[-1]"))
    report = await place.run(place.spec(place.parts, changed=((place.parts, "first"),)))
    assert blames(report)["first"] == {PICK}


async def test_a_saved_test_file_runs_whole(place: Place) -> None:
    report = await place.run(place.spec(place.root / "tests/test_parts.py"))
    assert blames(report) == {"pick": {PICK}, "twice": {HELPED, THREE}}
    assert report.passed == {"tests/test_parts.py::TestMore::test_fine", "tests/test_parts.py::test_twice[2]"}


async def test_buffers_stand_in_for_the_disk(place: Place) -> None:
    text = f"# moved down\n\n{PARTS.replace('n + 2', '2 * n').replace('items[0]', '(items or [1])[0]')}"
    buffers = {place.parts: text.encode()}
    report = await place.run(place.spec(place.parts, buffers=buffers))
    assert not report.failed
    broken = {place.parts: text.replace("2 * n", "0").encode()}
    report = await place.run(place.spec(place.parts, buffers=broken))
    assert [(each.qualname, each.line) for each in report.blamed] == [("twice", 12)]


async def test_tests_that_failed_run_again_and_those_that_are_gone_are_not_told_of(place: Place) -> None:
    place.more.write_text(MORE)
    report = await place.run(place.spec(place.more, earlier=(PICK, "tests/test_more.py::test_gone")))
    assert report.failed == {PICK, FOUR}
    assert report.passed == set()


async def test_more_tests_than_may_run_are_left_out_and_counted(place: Place) -> None:
    report = await place.run(place.spec(place.parts, earlier=(PICK,), most=2))
    assert report.ran == 2
    assert PICK in report.failed
    assert report.cut == 3


async def test_two_functions_of_one_name_are_told_apart(place: Place) -> None:
    place.parts.write_text(f"{PARTS}\n\ndef twice(n):\n    return n\n")
    report = await place.run(place.spec(place.parts))
    assert [(each.qualname, each.line) for each in report.blamed if each.qualname != "pick"] == [
        ("twice@18", 18)
    ]


async def test_a_function_that_cannot_be_called_any_more_is_blamed(place: Place) -> None:
    place.parts.write_text(PARTS.replace("def twice(n):", "def twice(n, by):"))
    report = await place.run(place.spec(place.parts, changed=((place.parts, "twice"),)))
    assert "twice" in blames(report)


async def test_a_syntax_error_runs_nothing(place: Place) -> None:
    report = await place.run(place.spec(place.parts, buffers={place.parts: b"def f(:\n"}))
    assert report.ran == 0
    assert "parts.py:1: syntax error" in report.problem


async def test_a_module_that_cannot_be_imported_is_a_problem_and_blames_nobody(place: Place) -> None:
    place.parts.write_text(f"{PARTS}\nraise RuntimeError('broken')\n")
    report = await place.run(place.spec(place.parts))
    assert (report.ran, report.blamed) == (0, ())
    assert "broken" in report.problem


async def test_time_is_limited(place: Place) -> None:
    place.parts.write_text(PARTS.replace("return n + 2", "while True: pass"))
    report = await place.run(place.spec(place.parts, test_seconds=0.3, seconds=20.0))
    assert THREE in report.failed
    assert "twice" in blames(report)


async def test_a_warm_runner_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    place = Place(tmp_path, WarmRunner)
    with closing(place.known):
        report = await place.run(place.spec(place.parts), place.known)
    assert blames(report) == {"pick": {PICK}, "twice": {HELPED, THREE}}


async def test_cancelling_ends_the_tests(place: Place) -> None:
    mark = place.root.parent / "mark"
    os.mkfifo(mark)
    place.parts.write_text(
        PARTS.replace("return n + 2", f"open({str(mark)!r}, 'w'); __import__('time').sleep(600)")
    )
    runner = place.make()
    task = asyncio.create_task(affected(place.spec(place.parts, test_seconds=600.0), runner, None))
    # Opening a pipe waits for the other end: the test.
    pipe = await asyncio.to_thread(mark.open)
    pipe.close()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await runner.aclose()


# ------------------------------------------------------------------ the choice
def test_a_conftest_runs_what_lies_below_it(place: Place) -> None:
    chosen = choose(place.spec(place.root / "tests/conftest.py"), None)
    assert chosen.keep == ("tests/test_more.py", "tests/test_parts.py")
    assert choose(place.spec(place.root / "conftest.py"), None).keep == chosen.keep
    assert choose(place.spec(place.root / "src/conftest.py"), None).keep == ()


def test_whole_files_take_the_place_of_their_tests(place: Place) -> None:
    chosen = choose(place.spec(place.root / "tests/test_more.py", earlier=(FOUR, PICK)), None)
    assert chosen.keep == (PICK, "tests/test_more.py")


def test_of_a_changed_function_only_its_own_tests_run(place: Place) -> None:
    chosen = choose(place.spec(place.more, changed=((place.more, "four"),)), None)
    assert chosen.keep == (FOUR,)
    assert chosen.reach == {FOUR: {(place.more, "four")}}


@pytest.mark.parametrize("name", ["elsewhere.py", "src/shop/empty.py", "src/shop/gone.py"])
def test_files_without_functions_or_outside_choose_no_test_and_break_nothing(place: Place, name: str) -> None:
    (place.root / "src/shop/empty.py").write_text("")
    folder = place.root.parent if name == "elsewhere.py" else place.root
    assert choose(place.spec(folder / name), None).keep == ()


# ------------------------------------------------------------------ what a runner may answer
def answers(*results: TestResult) -> Callable[[TestOrder], Sequence[TestResult]]:
    return lambda order: results


async def test_without_a_census_a_test_is_held_against_what_it_names(place: Place) -> None:
    runner = ScriptedRunner(answers(TestResult(PICK, "timeout", 1.0), TestResult(THREE, "crashed", 1.0)))
    report = await affected(place.spec(place.parts), runner, None)
    assert blames(report) == {"pick": {PICK}, "twice": {THREE}}


@pytest.mark.parametrize(
    ("end", "problem"),
    [
        (RunEnd("no_pytest", "no pytest in it"), "no pytest in it"),
        (RunEnd("timeout"), "the tests were stopped after 30 s"),
        (RunEnd("crashed"), "the tests cannot run: crashed"),
        (RunEnd("no_tests", "none"), ""),
    ],
)
async def test_why_there_is_nothing_to_report(place: Place, end: RunEnd, problem: str) -> None:
    report = await affected(place.spec(place.parts), ScriptedRunner(answers(), fault=lambda _: end), None)
    assert (report.ran, report.problem) == (0, problem)


async def test_a_traceback_of_another_state_of_the_file_breaks_nothing(place: Place) -> None:
    details = "src/shop/parts.py:999: in pick\n    x\nnowhere.py:3: in f\n/usr/lib/os.py:3: in f\n"
    runner = ScriptedRunner(answers(TestResult(PICK, "failed", 1.0, "boom", details)))
    report = await affected(place.spec(place.parts), runner, None)
    assert blames(report) == {"pick": {PICK}}
