"""Which functions failing tests point at, most likely first: by what tests execute, raise and name.

What failing tests execute and passing ones do not is weighed by Ochiai's coefficient, the best of the
usual ones for single faults (Abreu, Zoeteweij, van Gemund 2007).
"""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

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


@dataclass(frozen=True, slots=True)
class Suspect:
    """A function, named as `find` takes it, and how strongly the failing tests point at it, from 0 to 7."""

    file: Path
    qualname: str
    weight: float


@dataclass(frozen=True, slots=True)
class Findings:
    """What a run of tests showed: those that fail, and by test id the functions that each one executed."""

    failures: tuple[TestResult, ...]
    executed: Mapping[str, frozenset[FunctionName]] = field(
        default_factory=dict[str, frozenset[FunctionName]]
    )

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
    return Findings(failures, end.census.tests if end is not None and end.census is not None else {})


async def still_failing(runner: Runner, limits: TestLimits, before: Findings, overlay: Overlay) -> Findings:
    """Those of the failures that are not seen to pass with these files: no word, or one in doubt, is no pass."""
    files = tuple(dict.fromkeys(test.partition("::")[0] for test in before.ids))
    results, end = await _run(runner, TestOrder(overlay, files, before.ids, limits=limits))
    trusted = end is not None and not end.doubt
    good = {result.id for result in results if trusted and result.outcome == "passed"}
    return replace(before, failures=tuple(failure for failure in before.failures if failure.id not in good))


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
    weights = _by_execution(own, findings)
    share = 1 / max(1, len(findings.failures))
    for failure in findings.failures:
        for found in set(_in_traceback(own, failure, files)):
            weights[found] = weights.get(found, 0.0) + IN_TRACEBACK * share
        for found in set(_named(own, failure, files)):
            weights[found] = weights.get(found, 0.0) + NAMED * share
    ranked = sorted(weights.items(), key=lambda item: (-item[1], str(item[0][0]), item[0][1]))
    named = ((path, _read(path, files), name, weight) for (path, name), weight in ranked)
    return tuple(
        Suspect(path, spelled, weight)
        for path, file, name, weight in named
        if file is not None and (spelled := spelled_in(file, name))
    )


def _by_execution(own: OwnFiles, findings: Findings) -> dict[tuple[Path, str], float]:
    """Ochiai: of a function, failing tests that execute it over the root of all failing times all that execute it."""
    failing = set(findings.ids)
    failed, ran = Counter[FunctionName](), Counter[FunctionName]()
    for test, functions in findings.executed.items():
        ran.update(functions)
        failed.update(functions if test in failing else ())
    return {
        (own.root / file, name): EXECUTED * n / math.sqrt(len(failing) * ran[file, name])
        for (file, name), n in failed.items()
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
) -> Iterator[tuple[Path, str]]:
    """The functions of the traceback's frames, the innermost one counting as all others do."""
    for name, line in FRAME.findall(failure.details):
        path = own.root / name
        file = _read(path, files) if own.has(path) else None
        function = function_at(file, int(line)) if file else None
        if function is not None:
            yield path, function.qualname


def _named(
    own: OwnFiles, failure: TestResult, files: dict[Path, SourceFile | None]
) -> Iterator[tuple[Path, str]]:
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
