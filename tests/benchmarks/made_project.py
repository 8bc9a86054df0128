"""A made project: one small function whose tests take no time, among as many other tests as asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import scratch

from flowmill.shapes import Draft, Project, TestLimits, TestOrder
from flowmill.source.functions import find
from flowmill.source.splice import splice
from flowmill.source.text import SourceFile

PER_FILE = 100
OWN = ("test_words.py::test_words", "test_words.py::test_nothing")
"""The tests of the function."""
LIMITS = TestLimits(run_seconds=120.0, test_seconds=10.0)


@dataclass(frozen=True, slots=True)
class MadeProject:
    """The project of `scratch`, filled up with tests that pass."""

    project: Project
    file: SourceFile

    def draft(self, number: int) -> TestOrder:
        """The order for a right body; each number is another program."""
        body = (
            f'letters = [word[0].upper() for word in text.split()]\nreturn "".join(letters[:{number + 9}])\n'
        )
        data = splice(self.file, find(self.file, "initials"), Draft(body))
        return TestOrder({self.file.path: data}, ("test_words.py",), OWN, limits=LIMITS)

    def fill(self) -> None:
        """Put a right body into the file."""
        self.file.path.write_bytes(self.draft(0).overlay[self.file.path])

    def baseline(self) -> TestOrder:
        target = find(self.file, "initials").target(self.file.path)
        return TestOrder({}, ("test_words.py",), OWN, trace=target, untrusted=False, limits=LIMITS)


def make(folder: Path, python: Path, tests: int, *, one_file: bool = False) -> MadeProject:
    """The project in that folder with so many tests in all, at least two; others than OWN in files of a hundred."""
    scratch.write_project(folder)
    others = max(0, tests - len(OWN))
    if one_file:
        with (folder / "test_words.py").open("a") as file:
            file.write(_tests(range(others)))
    else:
        for start in range(0, others, PER_FILE):
            names = range(start, min(start + PER_FILE, others))
            (folder / f"test_other_{start}.py").write_text("import words\n" + _tests(names))
    return MadeProject(Project(folder, python, "--python"), SourceFile.read(folder / "words.py"))


def _tests(numbers: Sequence[int]) -> str:
    return "".join(
        f"\n\ndef test_{number}():\n    assert {number} + 1 == {number + 1}\n" for number in numbers
    )
