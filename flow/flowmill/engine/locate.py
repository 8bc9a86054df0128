"""Which functions failing tests point at, most likely first: from tracebacks, then from what the tests name."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from flowmill.errors import ProjectError, TargetError
from flowmill.protocols import Runner
from flowmill.shapes import RunEnd, TestLimits, TestOrder, TestResult
from flowmill.source.functions import find_functions, function_at
from flowmill.source.text import SourceFile

FRAME = re.compile(r"^(\S[^\n:]*\.py):(\d+): ", re.M)
IN_TRACEBACK, NAMED = 2, 1
SKIPPED = frozenset({"build", "dist", "node_modules", "site-packages", "venv", "env"})
FILES = 400
"""Source files that are looked through for the names in failing tests."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A function and how strongly the failing tests point at it."""

    file: Path
    qualname: str
    weight: int


async def failing_tests(runner: Runner, seconds: float, test_seconds: float) -> tuple[TestResult, ...]:
    """The tests of the whole project that fail. Raises `ProjectError` if they cannot be run."""
    failures: list[TestResult] = []
    end: RunEnd | None = None
    limits = TestLimits(seconds, test_seconds, timeouts=20)
    async with aclosing(runner.run(TestOrder({}, untrusted=False, limits=limits))) as messages:
        async for message in messages:
            if isinstance(message, TestResult) and message.outcome not in ("passed", "skipped"):
                failures.append(message)
            elif isinstance(message, RunEnd):
                end = message
    if end is not None and end.problem not in (None, "timeout", "no_tests") and not failures:
        raise ProjectError(end.detail or f"the tests cannot run: {end.problem}")
    if end is not None and end.problem == "timeout" and not failures:
        raise ProjectError("the tests did not end in time, and none has failed so far: raise --max-seconds")
    return tuple(failures)


def suspects(root: Path, failures: Iterable[TestResult]) -> tuple[Suspect, ...]:
    """Functions of the project that the failures point at, no test functions among them."""
    weights: Counter[tuple[Path, str]] = Counter()
    files: dict[Path, SourceFile | None] = {}
    for failure in failures:
        for found in set(_in_traceback(root, failure, files)):
            weights[found] += IN_TRACEBACK
        for found in set(_named(root, failure, files)):
            weights[found] += NAMED
    ranked = sorted(weights.items(), key=lambda item: (-item[1], str(item[0][0]), item[0][1]))
    return tuple(Suspect(file, qualname, weight) for (file, qualname), weight in ranked)


def _in_traceback(
    root: Path, failure: TestResult, files: dict[Path, SourceFile | None]
) -> Iterator[tuple[Path, str]]:
    """The functions of the traceback's frames, the innermost one counting as all others do."""
    for name, line in FRAME.findall(failure.details):
        path = root / name
        file = _read(path, files) if is_own(root, path) else None
        function = function_at(file, int(line)) if file else None
        if function is not None:
            yield path, function.qualname


def _named(
    root: Path, failure: TestResult, files: dict[Path, SourceFile | None]
) -> Iterator[tuple[Path, str]]:
    """Functions whose name the failing test's own code calls."""
    test_file, *inner = failure.id.split("[", 1)[0].split("::")
    source = _read(root / test_file, files)
    tests = [f for f in find_functions(source) if f.qualname == ".".join(inner)] if source else []
    called = {_called(node) for test in tests for node in ast.walk(test.node) if isinstance(node, ast.Call)}
    for path in _sources(root) if called else ():
        file = _read(path, files)
        for function in find_functions(file) if file else ():
            if function.name in called:
                yield path, function.qualname


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _sources(root: Path) -> list[Path]:
    found = (path for path in sorted(root.rglob("*.py")) if is_own(root, path))
    return [path for path, _ in zip(found, range(FILES), strict=False)]


def is_own(root: Path, path: Path) -> bool:
    """A source file of the project itself: no test, nothing installed, nothing outside."""
    try:
        inner = path.resolve().relative_to(root.resolve())
    except ValueError:
        return False
    return not is_test_file(inner) and not any(p in SKIPPED or p.startswith(".") for p in inner.parts)


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
    """By pytest's usual names; `conftest.py` too. `path` is relative to the project."""
    return (
        path.name == "conftest.py"
        or path.name.startswith("test_")
        or path.stem.endswith("_test")
        or "tests" in path.parts
    )
