"""The benchmark's sets of cases, read and judged by the benchmark's own code.

That code is not part of this repository: `--bench DIR` or $FLOWMILL_BENCH says where it is.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from spawned import JsonObject

SetName = Literal["holes", "mutants", "humaneval", "quixbugs", "exercism"]
_SNAPSHOT: dict[str, str] = {"quixbugs": "jkoppel/QuixBugs", "exercism": "exercism/python"}
_REPAIRED = ("mutants", "quixbugs")


class BenchError(Exception):
    """One line: what is missing and what to do."""


@dataclass(frozen=True, slots=True)
class Judged:
    """`visible` is None if the tool could see no test."""

    solved: bool
    visible: bool | None
    why: str


@dataclass(frozen=True, slots=True)
class Case:
    """One function of one project. `place` is its rank in a fixed random order of the whole set."""

    place: int
    data: JsonObject

    @property
    def id(self) -> str:
        return str(self.data["id"])

    @property
    def qualname(self) -> str:
        return str(self.data["qualname"])

    @property
    def file(self) -> str:
        """The target's file, relative to the project."""
        return str(self.data["file"])

    @property
    def hidden(self) -> tuple[str, ...]:
        """Files of tests that only the judge has."""
        return tuple(self.data.get("hidden_test_files", ()))


class CaseSet:
    """A set: its cases, how to build one, how to judge what became of it."""

    def __init__(self, bench: Path, name: SetName, half: str) -> None:
        manifest = bench / half / f"{name}.json"
        if not (bench / "benchlib.py").is_file() or not manifest.is_file():
            raise BenchError(f"no benchmark with {half}/{name}.json in {bench}; say where with --bench DIR")
        if name in _SNAPSHOT and not os.environ.get("BENCH_SNAPSHOTS"):
            raise BenchError(
                f"{name} is built from a git snapshot of {_SNAPSHOT[name]}: set BENCH_SNAPSHOTS to the folder "
                f"that holds it as {_SNAPSHOT[name].replace('/', '+')}"
            )
        self.mode = "repair" if name in _REPAIRED else "generate"
        self._library = _library(bench)
        self._manifest: JsonObject = self._library.load(manifest)
        listed: list[JsonObject] = self._manifest["cases"]
        ranks = {name: rank for rank, name in enumerate(sorted((case["id"] for case in listed), key=_digest))}
        self.cases = [Case(ranks[data["id"]], data) for data in listed]

    def choose(self, ids: Sequence[str], sample: int | None, limit: int | None) -> list[Case]:
        """Those asked for; a sample is the beginning of a fixed order, so that a larger one contains it."""
        unknown = sorted(set(ids) - {case.id for case in self.cases})
        if unknown:
            raise BenchError(f"no case {unknown[0]!r} in this set")
        cases = [case for case in self.cases if not ids or case.id in ids]
        if sample is not None:
            cases = sorted(cases, key=lambda case: case.place)[:sample]
        return cases[:limit]

    def build(self, case: Case, folder: Path, state: Literal["case", "original"] = "case") -> Path:
        """The case as a project in that new folder; the target's file."""
        return Path(self._library.build(self._manifest, case.data, str(folder), state))

    def judge(self, case: Case, source: str, folder: Path, python: str, seconds: float) -> Judged:
        """Run all of its tests, the hidden ones too, in a clean copy with only the target's file taken over."""
        target = self.build(case, folder)
        self._library.write_hidden(self._manifest, case.data, str(folder))
        self._library.write(str(target), source)
        files = [*case.data["test_files"], *case.hidden]
        extra = self._library.plugin_args(self._manifest, case.data)
        found = self._library.run_tests(str(folder), files, python, timeout=seconds, extra=extra)
        outcomes: dict[str, str] = found[0]
        solved, why = self._library.judge(self._manifest, case.data, outcomes)
        if found[3]:
            solved, why = False, "tests timed out"
        return Judged(bool(solved), self._visible(case, outcomes), str(why))

    def read(self, file: Path) -> str:
        """The text with its newlines as they are."""
        return str(self._library.read(str(file)))

    def blind(self, case: Case) -> bool:
        """Are there no tests that the tool could see?"""
        return not self._seen(case)

    def _seen(self, case: Case) -> list[str]:
        return [test for test in case.data["must_pass"] if test.partition("::")[0] not in case.hidden]

    def _visible(self, case: Case, outcomes: dict[str, str]) -> bool | None:
        seen = self._seen(case)
        return all(outcomes.get(test) == "passed" for test in seen) if seen else None


def bench_folder(given: str | None) -> Path:
    folder = given or os.environ.get("FLOWMILL_BENCH")
    if not folder:
        raise BenchError("where is the benchmark? Give --bench DIR or set FLOWMILL_BENCH")
    return Path(folder).absolute()


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def _library(bench: Path) -> ModuleType:
    if str(bench) not in sys.path:
        sys.path.append(str(bench))
    library: Any = importlib.import_module("benchlib")
    return library
