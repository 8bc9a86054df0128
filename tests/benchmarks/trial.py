"""A function that is about to be judged: its project with the stub on disk, and drafts of its true body.

There are two folders, alike but for the function's body: flowmill works in the one with the
stub, plain pytest runs in the one with the original.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from case_sets import Case, CaseSet, SetName
from judged import Judged, judge
from memory_use import settled

from flowmill.protocols import Runner
from flowmill.shapes import Draft, Project, RunPath, TestLimits, TestOrder
from flowmill.source.function import Function
from flowmill.source.functions import find
from flowmill.source.splice import draft_of, splice
from flowmill.source.text import SourceFile

HEAVY = cast(SetName, "heavy")
"""Cases of our own, in `heavy.json` beside this file: packages whose import takes a second or more."""
LIMITS = TestLimits(run_seconds=300.0, test_seconds=30.0)


class TrialError(Exception):
    """One line: what cannot be measured and why."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One function with the tests that count for it."""

    name: str
    qualname: str
    project: Project
    original: Path
    """The project's twin in which the function is as its author wrote it."""
    tests: tuple[str, ...]
    file: SourceFile
    function: Function
    body: str

    def draft(self, number: int, path: RunPath = "swap") -> TestOrder:
        """The order for the true body, each number another text, such that `path` is the fastest way there is."""
        data = splice(self.file, self.function, _numbered(self.body, number))
        if path == "import":  # A line outside of the function is more than can be swapped.
            data += self.file.encode(f"{self.file.newline}_flowmill_draft = {number}{self.file.newline}")
        return TestOrder({self.file.path: data}, self.files, self.tests, limits=LIMITS, clean=path == "cold")

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(test.partition("::")[0] for test in self.tests))

    def baseline(self) -> TestOrder:
        """What the engine runs first: the code as it stands, traced."""
        target = self.function.target(self.file.path)
        return TestOrder({}, self.files, self.tests, trace=target, untrusted=False, limits=LIMITS)

    async def ready(self, runner: Runner, path: RunPath, patience: float) -> tuple[Judged, float]:
        """Judge drafts until one takes that path or `patience` seconds are over; the last run, and the seconds.

        What the runner goes on preparing in the background is waited for, too.
        """
        started, number = time.monotonic(), -1
        while True:
            judged = await judge(runner, self.draft(number, path))
            waited = time.monotonic() - started
            if judged.fault:
                raise TrialError(f"{self.name}: {judged.fault}")
            if judged.end.path == path or waited > patience:
                await settled(patience)
                return judged, waited
            number -= 1
            await asyncio.sleep(0.1)


def _numbered(body: str, number: int) -> Draft:
    return Draft(f"{body}# draft {number}\n")


@contextmanager
def trial_of(cases: CaseSet, case: Case, python: Path) -> Generator[Trial, None, None]:
    """Build a case of the benchmark in a folder of its own, which is gone afterwards."""
    with TemporaryDirectory(prefix="flowmill-trial-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        stub, whole = folder / "stub", folder / "original"
        target = cases.build(case, stub)
        written = SourceFile.read(cases.build(case, whole, "original"))
        file = SourceFile.read(target)
        yield Trial(
            str(case.data["package"]),
            case.qualname,
            Project(stub, python, "--python"),
            whole,
            tuple(case.data["must_pass"]),
            file,
            find(file, case.qualname),
            draft_of(find(written, case.qualname)).body,
        )


def chosen(bench: Path, ids: Sequence[str]) -> list[tuple[CaseSet, Case]]:
    """The cases of those ids, from the benchmark's holes and from the heavy ones. Raises BenchError."""
    found: list[tuple[CaseSet, Case]] = []
    holes = CaseSet(bench, "holes", "open")
    heavy = CaseSet(bench, HEAVY, str(Path(__file__).resolve().parent))
    for name in ids:
        cases = heavy if name.startswith("heavy/") else holes
        found += [(cases, case) for case in cases.choose([name], None, None)]
    return found
