"""Which functions failing tests point at, most likely first: by what tests execute, raise and name.

What failing tests execute and passing ones do not is weighed by Ochiai's coefficient, the best of the
usual ones for single faults (Abreu, Zoeteweij, van Gemund 2007).
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from flowmill.engine.hindrance import hindrance
from flowmill.errors import ProjectError, TargetError, UsageError
from flowmill.project.given import Given
from flowmill.project.own import OwnFiles
from flowmill.protocols import Runner
from flowmill.shapes import FunctionName, Overlay, Project, RunEnd, TestLimits, TestOrder, TestResult
from flowmill.source.functions import find_functions, function_at
from flowmill.source.text import SourceFile

FRAME = re.compile(r"^(\S[^\n:]*\.py):(\d+): ", re.M)
IN_TRACEBACK, NAMED = 2, 1
EXECUTED = 4
"""What a function weighs that every failing test executes and no other test does."""
Place: TypeAlias = tuple[Path, str]
"""A function by its file and the name that the census or the source has for it."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A function, named as `find` takes it, and how strongly the failing tests point at it, from 0 to 7.

    `failing` are the ids of those tests, `executing` those of all that execute it.
    """

    file: Path
    qualname: str
    weight: float
    failing: frozenset[str] = frozenset()
    executing: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Findings:
    """What a run of tests showed: those that fail, and by test id the functions that each one executed.

    `passed` are the ids of those that passed.
    """

    failures: tuple[TestResult, ...]
    executed: Mapping[str, frozenset[FunctionName]] = field(
        default_factory=dict[str, frozenset[FunctionName]]
    )
    passed: frozenset[str] = frozenset()

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(failure.id for failure in self.failures)


async def run_all(
    runner: Runner, limits: TestLimits, project: Project, given: Given = (None, ())
) -> Findings:
    """Run all tests of the project, or those given as `given_tests` has them.

    Raises `ProjectError` if they cannot be run, `UsageError` for ids that do not exist.
    """
    files, keep = given
    results, end = await _run(runner, TestOrder({}, files, keep, census=True, untrusted=False, limits=limits))
    failures = tuple(result for result in results if result.outcome not in ("passed", "skipped"))
    if end is not None and files and end.problem in (None, "no_tests") and end.detail:
        raise UsageError(f"--tests: {end.detail}")
    if end is not None and end.problem not in (None, "timeout", "no_tests") and not failures:
        raise hindrance(end, project)
    if end is not None and end.problem == "timeout" and not failures:
        raise ProjectError("the tests did not end in time, and none has failed so far: raise --max-seconds")
    passed = frozenset(result.id for result in results if result.outcome == "passed")
    return Findings(failures, end.census.tests if end is not None and end.census is not None else {}, passed)


async def still_failing(runner: Runner, limits: TestLimits, before: Findings, overlay: Overlay) -> Findings:
    """Those of the failures that are not seen to pass with these files: no word, or one in doubt, is no pass."""
    good = await passing(runner, limits, before.ids, overlay)
    return replace(before, failures=tuple(failure for failure in before.failures if failure.id not in good))


async def passing(
    runner: Runner, limits: TestLimits, tests: Sequence[str], overlay: Overlay
) -> frozenset[str]:
    """Those of the tests that are seen to pass with these files, and nothing casts a doubt on that."""
    files = tuple(dict.fromkeys(test.partition("::")[0] for test in tests))
    results, end = await _run(runner, TestOrder(overlay, files, tuple(tests), limits=limits))
    trusted = end is not None and not end.doubt
    return frozenset(result.id for result in results if trusted and result.outcome == "passed")


async def _run(runner: Runner, order: TestOrder) -> tuple[list[TestResult], RunEnd | None]:
    results: list[TestResult] = []
    end: RunEnd | None = None
    async with aclosing(runner.run(order)) as messages:
        async for message in messages:
            if isinstance(message, TestResult):
                results.append(message)
            elif isinstance(message, RunEnd):
                end = message
    return results, end


def suspects(root: Path, findings: Findings) -> tuple[Suspect, ...]:
    """Functions of the project that the failures point at, no test functions among them."""
    files: dict[Path, SourceFile | None] = {}
    own = OwnFiles(root)
    executing = _executing(own, findings)
    failing = set(findings.ids)
    pointing = {place: tests & failing for place, tests in executing.items() if tests & failing}
    # Ochiai: failing tests that execute it over the root of all failing times all that execute it.
    weights = {
        place: EXECUTED * len(tests) / math.sqrt(len(failing) * len(executing[place]))
        for place, tests in pointing.items()
    }
    share = 1 / max(1, len(failing))
    for failure in findings.failures:
        for weight, look in ((IN_TRACEBACK, _in_traceback), (NAMED, _named)):
            for place in set(look(own, failure, files)):
                weights[place] = weights.get(place, 0.0) + weight * share
                pointing[place] = pointing.get(place, frozenset()) | {failure.id}
    ranked = sorted(weights, key=lambda place: (-weights[place], str(place[0]), place[1]))
    read = ((place, _read(place[0], files)) for place in ranked)
    return tuple(
        Suspect(place[0], spelled, weights[place], pointing[place], executing.get(place, frozenset()))
        for place, file in read
        if file is not None and (spelled := spelled_in(file, place[1]))
    )


def _executing(own: OwnFiles, findings: Findings) -> dict[Place, frozenset[str]]:
    """By function of the project, the tests that execute it."""
    tests: dict[FunctionName, set[str]] = {}
    for test, functions in findings.executed.items():
        for function in functions:
            tests.setdefault(function, set()).add(test)
    return {
        (own.root / file, name): frozenset(ids)
        for (file, name), ids in tests.items()
        if own.has(own.root / file)
    }


def spelled_in(file: SourceFile, name: str) -> str:
    """The name as `find` takes it in this text of the file: with its line, if several have it.

    "" if there is no such function: what is executed may be a lambda, or made at run time. Of
    several the last is meant, which is the one that is left when all is imported.
    """
    plain = name.partition("@")[0]
    found = [function for function in find_functions(file) if function.qualname == plain]
    alike = [function for function in found if not function.is_overload] or found
    return f"{plain}@{alike[-1].def_line}" if len(alike) > 1 else plain if alike else ""


def _in_traceback(
    own: OwnFiles, failure: TestResult, files: dict[Path, SourceFile | None]
) -> Iterator[Place]:
    """The functions of the traceback's frames, the innermost one counting as all others do."""
    for name, line in FRAME.findall(failure.details):
        path = own.root / name
        file = _read(path, files) if own.has(path) else None
        function = function_at(file, int(line)) if file else None
        if function is not None:
            yield path, function.qualname


def _named(own: OwnFiles, failure: TestResult, files: dict[Path, SourceFile | None]) -> Iterator[Place]:
    """Functions whose name the failing test's own code calls."""
    test_file, *inner = failure.id.split("[", 1)[0].split("::")
    source = _read(own.root / test_file, files)
    tests = [f for f in find_functions(source) if f.qualname == ".".join(inner)] if source else []
    called = {_called(node) for test in tests for node in ast.walk(test.node) if isinstance(node, ast.Call)}
    for path in own.listed if called else ():
        file = _read(path, files)
        for function in find_functions(file) if file else ():
            if function.name in called:
                yield path, function.qualname


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _read(path: Path, files: dict[Path, SourceFile | None]) -> SourceFile | None:
    if path not in files:
        try:
            file = SourceFile.read(path)
            _ = file.tree
            files[path] = file
        except TargetError:
            files[path] = None
    return files[path]


def is_test_file(path: Path) -> bool:
    """By pytest's usual names, where no project is known; `conftest.py` too. `path` is relative to the project."""
    return (
        path.name == "conftest.py"
        or path.name.startswith("test_")
        or path.stem.endswith("_test")
        or "tests" in path.parts
    )
