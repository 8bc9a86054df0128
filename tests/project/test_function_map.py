from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from flowmill.project import function_map_lesson
from flowmill.project.function_map import FunctionMap
from flowmill.project.function_map_lesson import plain
from flowmill.project.function_map_store import KEEP_MAPS, open_store, path_of
from flowmill.project.hashes import CHANGING, hashes_of
from flowmill.shapes import Census, Outcome, TestResult

Ran = Mapping[str, str]
"""The functions of `lib.py` that tests executed, as words."""


class Place:
    """A project folder with a map, and runs in it as if they had happened."""

    def __init__(self, folder: Path, *files: str) -> None:
        self.cache, self.root = folder / "cache", folder / "project"
        for file in ("lib.py", "test_a.py", "test_b.py", *files):
            path = self.root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"# {file}\n")
        self.map = FunctionMap.open(self.cache, self.root)

    def learn(
        self, ran: Ran, outcome: Outcome = "passed", seconds: Mapping[str, float] | None = None
    ) -> None:
        self.map.learn(census(ran), results(ran, outcome, seconds or {}), self.now())

    def learn_file(self, file: str, ran: Ran, *, complete: bool = True) -> None:
        self.map.learn_file(file, census(ran), results(ran), self.now(), complete=complete)

    def now(self) -> dict[str, str]:
        files = (path.relative_to(self.root).as_posix() for path in self.root.rglob("*.py"))
        return hashes_of(self.root, [*files, "gone.py"])

    def tests(self, qualname: str) -> list[str]:
        return list(self.map.tests_for(self.root / "lib.py", qualname))


@pytest.fixture
def place(tmp_path: Path) -> Generator[Place]:
    place = Place(tmp_path)
    with closing(place.map):
        yield place


def kept(folder: Path, qualname: str) -> list[str]:
    """What a program that begins now knows."""
    later = Place(folder)
    with closing(later.map):
        return later.tests(qualname)


def census(ran: Ran) -> Census:
    return Census(
        {test: frozenset(("lib.py", name) for name in words.split()) for test, words in ran.items()}
    )


def results(
    ran: Ran, outcome: Outcome = "passed", seconds: Mapping[str, float] | None = None
) -> dict[str, TestResult]:
    return {test: TestResult(test, outcome, (seconds or {}).get(test, 0.1)) for test in ran}


def test_the_most_specific_come_first_and_the_quickest_of_them(place: Place, tmp_path: Path) -> None:
    place.learn(
        {
            "test_a.py::wide": "f g h",
            "test_a.py::slow": "f g",
            "test_b.py::quick": "f h",
            "test_b.py::other": "g",
        },
        seconds={"test_a.py::slow": 2.0},
    )
    assert place.tests("f") == ["test_b.py::quick", "test_a.py::slow", "test_a.py::wide"]
    assert place.tests("f@12") == place.tests("f")
    assert place.tests("nothing") == []
    assert place.map.tests_for(tmp_path / "elsewhere.py", "f") == ()


def test_it_is_kept_and_shared(place: Place, tmp_path: Path) -> None:
    with closing(FunctionMap.open(place.cache, place.root)) as second:
        place.learn({"test_a.py::test_f": "C.f"})
        assert second.tests_for(place.root / "lib.py", "C.f") == ("test_a.py::test_f",)
    place.map.close()
    assert kept(tmp_path, "C.f") == ["test_a.py::test_f"]


@pytest.mark.parametrize(
    ("test", "known"),
    [
        ("test_a.py::test_x", "test_a.py::test_x"),
        ("test_a.py::test_x[a::b-[1]]", "test_a.py::test_x"),
        ("test_a.py::TestC::test_x[1]", "test_a.py::TestC::test_x"),
        ("project/test_a.py::test_x", "test_a.py::test_x"),
        ("lib.py::lib.f", ""),
        ("README.rst::README.rst", ""),
        ("flowmill::made::test_x", ""),
        ("test_gone.py::test_x", ""),
    ],
)
def test_names(place: Place, test: str, known: str) -> None:
    assert plain(place.root, test) == known


def test_cases_of_a_parametrised_test_are_one_test(place: Place) -> None:
    place.learn({"test_a.py::t[1]": "f", "test_a.py::t[2]": "g", "lib.py::lib.f": "f"})
    assert place.tests("f") == place.tests("g") == ["test_a.py::t"]


def test_a_later_run_replaces_what_was_known_unless_the_test_failed(place: Place) -> None:
    place.learn({"test_a.py::t": "f g"})
    place.learn({"test_a.py::t": "f h"}, "failed")
    assert all(place.tests(name) for name in "fgh")
    place.learn({"test_a.py::t": "f"})
    assert place.tests("f") == ["test_a.py::t"]
    assert place.tests("g") == place.tests("h") == []


def test_tests_of_changed_files_go_and_those_of_changed_sources_are_due(place: Place) -> None:
    place.learn_file("test_a.py", {"test_a.py::t": "f"})
    place.learn_file("test_b.py", {"test_b.py::t": "f", "test_b.py::none": ""})
    assert place.map.stale(place.now()).due == frozenset()
    (place.root / "lib.py").write_text("changed")
    assert place.map.stale(place.now()).due == {"test_a.py::t", "test_b.py::t"}
    assert place.map.stale({"test_a.py": place.now()["test_a.py"]}).due == frozenset()
    (place.root / "test_a.py").unlink()
    told = place.map.stale(hashes_of(place.root, place.map.all_files()))
    assert (told.dropped, told.due) == ({"test_a.py::t"}, {"test_b.py::t"})
    assert place.tests("f") == ["test_b.py::t"]
    assert place.map.whole_files() == {"test_b.py"}


def test_a_whole_run_of_a_file_forgets_tests_that_are_gone(place: Place) -> None:
    place.learn_file("test_a.py", {"test_a.py::t": "f", "test_a.py::old": "f"})
    place.learn_file("test_a.py", {"test_a.py::t": "f"}, complete=False)
    assert len(place.tests("f")) == 2
    assert (place.map.whole_files(), [*place.map.tried_files()]) == (frozenset(), ["test_a.py"])
    place.learn_file("test_a.py", {"test_a.py::t": "f"})
    assert place.tests("f") == ["test_a.py::t"]


def test_what_could_not_be_run_again_is_not_due_for_ever(place: Place) -> None:
    place.learn_file("test_a.py", {"test_a.py::t": "f"})
    (place.root / "lib.py").write_text("changed")
    place.learn_file("test_a.py", {}, complete=False)
    assert place.map.stale(place.now()).due == frozenset()
    assert place.tests("f") == ["test_a.py::t"]


def test_its_size_is_bounded(place: Place) -> None:
    place.learn({"test_a.py::old": "a b c"})
    place.learn({"test_a.py::new": "c d e"})
    db, _ = open_store(path_of(place.cache, place.root))
    function_map_lesson.bound(db, most=4)
    assert place.tests("a") == []
    assert place.tests("c") == ["test_a.py::new"]
    assert db.execute("SELECT count(*) FROM functions").fetchone() == (3,)
    db.close()


def test_there_are_not_too_many_maps(tmp_path: Path) -> None:
    for number in range(KEEP_MAPS + 3):
        FunctionMap.open(tmp_path, tmp_path / f"p{number}").close()
    assert len(list((tmp_path / "maps").glob("*.sqlite"))) == KEEP_MAPS


def test_a_damaged_map_is_begun_anew(tmp_path: Path) -> None:
    path = path_of(tmp_path / "cache", tmp_path / "project")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database" * 100)
    place = Place(tmp_path)
    with closing(place.map):
        place.learn({"test_a.py::t": "f"})
        assert (place.tests("f"), place.map.problem) == (["test_a.py::t"], "")


def test_a_map_of_another_format_is_begun_anew(tmp_path: Path) -> None:
    path = path_of(tmp_path / "cache", tmp_path / "project")
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    place = Place(tmp_path)
    with closing(place.map):
        place.learn({"test_a.py::t": "f"})
    assert kept(tmp_path, "f") == ["test_a.py::t"]


def test_without_a_place_on_disk_it_lasts_as_long_as_the_program(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    place = Place(tmp_path)
    with closing(place.map):
        place.learn({"test_a.py::t": "f"})
        assert place.tests("f") == ["test_a.py::t"]
        assert "is not kept" in place.map.problem


WRITER = """
import sys
from pathlib import Path
from flowmill.project.function_map import FunctionMap
from flowmill.shapes import Census, TestResult

known = FunctionMap.open(Path(sys.argv[1]), Path(sys.argv[2]))
for number in range(20):
    test = f"test_a.py::t{sys.argv[3]}_{number}"
    ran = frozenset(("lib.py", f"f{n}") for n in range(30))
    known.learn(Census({test: ran}), {test: TestResult(test, "passed", 0.1)}, {})
sys.exit(known.problem or 0)
"""


def test_processes_that_write_at_once_lose_nothing(place: Place, tmp_path: Path) -> None:
    place.map.close()
    os.remove(path_of(place.cache, place.root))
    command = [sys.executable, "-c", WRITER, str(place.cache), str(place.root)]
    writers = [subprocess.Popen([*command, str(number)]) for number in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert len(kept(tmp_path, "f7")) == 60


def test_hashes_tell_what_changed_meanwhile(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("one")
    written = file.stat().st_mtime
    (first,) = hashes_of(tmp_path, ["a.py"]).values()
    assert hashes_of(tmp_path, ["a.py", "b.py"], since=written) == {"a.py": first, "b.py": ""}
    assert hashes_of(tmp_path, ["a.py"], since=written - 1) == {"a.py": CHANGING}
    assert hashes_of(tmp_path, ["a.py"], {file: b"one"}, since=written - 1) == {"a.py": first}


def test_files_whose_names_no_database_takes_are_left_out(place: Place) -> None:
    """A byte that is no UTF-8 stands in the path of a file as a lone surrogate."""
    odd = os.fsdecode(b"test_\xff.py")
    (place.root / odd).write_text("# odd\n")
    executed = {f"{odd}::test_x": frozenset({("lib.py", "f")}), "test_a.py::test_y": frozenset({(odd, "g")})}
    told = results({f"{odd}::test_x": "f", "test_a.py::test_y": "f"})
    place.map.learn(Census(executed), told, place.now())
    place.map.learn_file(odd, Census(executed), told, place.now(), complete=True)
    assert place.map.tests_for(place.root / odd, "g") == ()
    assert (place.map.stale(place.now()).due, place.map.problem) == (frozenset(), "")
    assert place.map.seconds().keys() == {"test_a.py::test_y"}
