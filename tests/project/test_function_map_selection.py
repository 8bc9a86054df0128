from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from pathlib import Path

import pytest

from doubles.trees import write_tree
from flowmill.project.function_map import FunctionMap
from flowmill.project.hashes import hashes_of
from flowmill.project.mapped import SPECIFIC, select_mapped
from flowmill.project.selection import Selection
from flowmill.shapes import Census, Overlay, TestResult

NAMING = "from lib import f\ndef test_named(): f()\ndef test_other(): pass\n"
FILES = {
    "lib.py": "def f(): pass\ndef through(): f()\n",
    "test_through.py": "import lib\ndef test_through(): lib.through()\n",
    "test_naming.py": NAMING,
    ".git/": "",
}


class Place:
    def __init__(self, root: Path, known: FunctionMap) -> None:
        self.root, self.known = root, known

    def learn(self, file: str, ran: dict[str, int], seconds: float = 0.1) -> None:
        """A whole run of this file, in which each test executed `f` and that many other functions."""
        executed = {
            f"{file}::{name}": frozenset([("lib.py", "f"), *(("lib.py", f"g{n}") for n in range(others))])
            for name, others in ran.items()
        }
        results = {test: TestResult(test, "passed", seconds) for test in executed}
        hashes = hashes_of(self.root, [file, "lib.py"])
        self.known.learn_file(file, Census(executed), results, hashes, complete=True)

    def select(self, given: Iterable[str] = (), overlay: Overlay | None = None) -> Selection:
        return select_mapped(self.root, self.root / "lib.py", "f", tuple(given), overlay or {}, self.known)


@pytest.fixture
def place(tmp_path: Path) -> Generator[Place]:
    root = write_tree(tmp_path / "project", FILES)
    with closing(FunctionMap.open(tmp_path / "cache", root)) as known:
        yield Place(root, known)


def told(selection: Selection) -> list[tuple[str, tuple[str, ...]]]:
    return [(tier.how, tuple(test.partition("::")[2] for test in tier.keep)) for tier in selection.tiers]


def test_without_knowledge_it_is_found_statically(place: Place) -> None:
    assert told(place.select())[0] == ("static", ("test_named",))
    assert place.select().how == "static"


def test_what_is_known_comes_first_and_once(place: Place) -> None:
    place.learn("test_through.py", {"test_through": 1})
    place.learn("test_naming.py", {"test_named": 0})
    selection = place.select()
    assert selection.how == "coverage"
    assert told(selection)[0] == ("coverage", ("test_named", "test_through"))
    assert selection.tiers[0].files == ("test_naming.py", "test_through.py")
    assert all("test_named" not in tests for _, tests in told(selection)[1:])
    assert told(selection)[-1] == ("all", ())


def test_a_test_that_was_just_written_is_in_the_first_tier(place: Place) -> None:
    place.learn("test_through.py", {"test_through": 1})
    assert told(place.select())[0] == ("coverage", ("test_through", "test_named"))
    place.learn("test_naming.py", {"test_named": 0})
    overlay = {place.root / "test_naming.py": (NAMING + "def test_new(): f()\n").encode()}
    assert told(place.select(overlay=overlay))[0] == ("coverage", ("test_through", "test_named", "test_new"))


def test_a_test_file_that_is_gone_is_not_asked_for(place: Place) -> None:
    place.learn("test_through.py", {"test_through": 1})
    (place.root / "test_through.py").unlink()
    assert told(place.select())[0] == ("static", ("test_named",))


def test_unspecific_tests_wait_in_the_second_tier(place: Place) -> None:
    place.learn("test_through.py", {f"test_{n:02}": n for n in range(SPECIFIC + 5)})
    place.learn("test_naming.py", {"test_named": 0})
    (first, second, *_) = told(place.select())
    assert (len(first[1]), first[1][:3]) == (SPECIFIC, ("test_named", "test_00", "test_01"))
    assert second == ("coverage", tuple(f"test_{n}" for n in range(SPECIFIC - 1, SPECIFIC + 5)))


def test_slow_tests_wait_too_save_for_a_few(place: Place) -> None:
    place.learn("test_through.py", {f"test_{n}": n for n in range(6)}, seconds=15.0)
    place.learn("test_naming.py", {})
    assert told(place.select())[:2] == [
        ("coverage", ("test_0", "test_1", "test_2")),
        ("coverage", ("test_3", "test_4", "test_5")),
    ]


def test_what_the_user_names_is_taken_as_it_is(place: Place) -> None:
    place.learn("test_through.py", {"test_through": 1})
    assert told(place.select(["test_naming.py::test_other"])) == [("given", ("test_other",))]
