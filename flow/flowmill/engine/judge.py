"""From a candidate to its verdict: splice, gate, tests, score."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from flowmill.engine.board import Board
from flowmill.engine.emitter import Emitter
from flowmill.engine.gate import refusal
from flowmill.engine.meter import Meter
from flowmill.engine.reply import parse
from flowmill.engine.verdict import Suite, Verdict, counted, passed
from flowmill.events import DraftMade, DraftScored, TestReported, TestsSelected
from flowmill.project.selection import Tier
from flowmill.protocols import Runner
from flowmill.shapes import (
    FINE,
    Candidate,
    Collected,
    Draft,
    RunEnd,
    TestLimits,
    TestOrder,
    TestRef,
    TestResult,
)
from flowmill.source.diff import function_diff
from flowmill.source.flat import flat
from flowmill.source.functions import Function, find_functions
from flowmill.source.splice import SpliceError, draft_of, splice_noted
from flowmill.source.text import SourceFile

WAYS = {
    "swap": "in the code that is loaded",
    "import": "in a fresh import of the project",
    "cold": "in a process of its own",
}


WIDER_SECONDS = 20.0
"""How long a winner is run on tests that it was not made with."""


@dataclass(frozen=True, slots=True)
class Site:
    """The place that drafts are put into."""

    root: Path
    file: SourceFile
    function: Function
    buffers: Mapping[Path, bytes]
    test_sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """A draft that all tests were run on and nobody has been told of; its verdict has no number yet."""

    draft: Draft
    verdict: Verdict
    function: Function
    end: RunEnd


class Judge:
    """Judges one candidate at a time for a board."""

    def __init__(
        self, site: Site, board: Board, runner: Runner, meter: Meter, emitter: Emitter, test_seconds: float
    ) -> None:
        self._site = site
        self._board = board
        self._runner = runner
        self._meter = meter
        self._emitter = emitter
        self._test_seconds = test_seconds
        self.together = False
        """Whether all selected tests are to be run, also those that say nothing of the function."""
        self._way = ("", "")
        self._told: set[str] = set()
        self._seen = {_form(site.file, site.function): 0}
        self._announced = {t.id for t in board.suite.tests}
        tree = parse(site.file.text)
        self._original = (tree,) if tree else ()

    async def judge(self, candidate: Candidate, made: str | None) -> None:
        """Put the verdict on the board; a draft that is no news is only noted."""
        number = candidate.number
        try:
            spliced = splice_noted(self._site.file, self._site.function, candidate.draft)
            data = spliced.data
            after = SourceFile.from_bytes(self._site.file.path, data)
            function = _same(self._site, after)
        except (SpliceError, ValueError) as error:
            self._unusable(number, str(error))
            return
        form = _form(after, function) + "".join(candidate.draft.helpers + candidate.draft.methods)
        if form in self._seen:
            same = self._seen[form]
            self._unusable(
                number, f"it is the same as draft {same}" if same else "it is the code as it stands"
            )
            return
        self._seen[form] = number
        for note in (*candidate.notes, *spliced.notes):
            self._emitter.note(f"draft {number}: {note}")
        diff = function_diff(self._site.file, data, self._site.root)
        self._emitter.emit(DraftMade(number, candidate.origin, candidate.parent, function.source, diff))
        verdict = Verdict(number, candidate, function.source, data, diff, {}, complete=False)
        verdict = await self._tried(verdict, function, made)
        self._put(verdict)

    async def probe(
        self,
        data: bytes,
        only: frozenset[str],
        test_seconds: float,
        enough: Callable[[TestResult], bool] = lambda _: False,
    ) -> dict[str, TestResult]:
        """Outcomes of these tests with `data` in the file's place, up to one that is `enough`; not reported."""
        limits = TestLimits(max(5.0, self._meter.remaining), test_seconds, timeouts=1)
        order = self._order(self._board.suite, data, None, only)
        results, _ = await self._collect(replace(order, doctest=None, limits=limits), None, enough)
        return results

    async def try_all(self, draft: Draft, test_seconds: float) -> Tried | None:
        """A draft's verdict without telling it; None if it cannot stand there, or its run is in doubt."""
        site = self._site
        try:
            data = splice_noted(site.file, site.function, draft).data
            function = _same(site, SourceFile.from_bytes(site.file.path, data))
        except (SpliceError, ValueError):
            return None
        order = self._order(self._board.suite, data, None, None)
        limits = replace(order.limits, test_seconds=max(test_seconds, order.limits.test_seconds), timeouts=1)
        results, end = await self._collect(replace(order, limits=limits), None)
        diff = function_diff(site.file, data, site.root)
        complete = end is not None and end.problem is None
        verdict = Verdict(-1, Candidate(-1, draft), function.source, data, diff, results, complete)
        return None if end is None or end.doubt else Tried(draft, verdict, function, end)

    def trusts(self, tried: Tried) -> bool:
        """Whether the gate lets it through."""
        return not self._refused(tried.verdict, tried.function)

    def tell(self, candidate: Candidate, tried: Tried) -> None:
        """Put a draft on the board that was tried before, as if it were judged now."""
        number, verdict = candidate.number, tried.verdict
        self._seen.setdefault(_form(self.place_of(verdict)[0], tried.function), number)
        for note in candidate.notes:
            self._emitter.note(f"draft {number}: {note}")
        self._emitter.emit(DraftMade(number, candidate.origin, candidate.parent, verdict.code, verdict.diff))
        for result in verdict.results.values():
            self._emitter.emit(report(number, result))
        self._tell_path(number, tried.end)
        told = replace(verdict, number=number, candidate=candidate)
        self._board.add(told)
        self._scored(told)

    def place_of(self, verdict: Verdict) -> tuple[SourceFile, Function]:
        """The verdict's file and the target in it."""
        if verdict.data == self._site.file.data:
            return self._site.file, self._site.function
        file = SourceFile.from_bytes(self._site.file.path, verdict.data)
        return file, _same(self._site, file)

    @property
    def root(self) -> Path:
        return self._site.root

    @property
    def draft_as_it_stands(self) -> Draft:
        return draft_of(self._site.function)

    def _unusable(self, number: int, why: str) -> None:
        self._emitter.note(f"draft {number} is not run: {why}")
        self._meter.answer_was(new=False)

    async def _tried(self, verdict: Verdict, function: Function, made: str | None) -> Verdict:
        why = self._refused(verdict, function)
        if why:
            self._emitter.note(f"draft {verdict.number} is not trusted: {why}", "warning")
            return replace(verdict, refused=why)
        results, end = await self.run_tests(verdict.number, verdict.data, made=made)
        if end is not None:
            self._tell_path(verdict.number, end)
        if end is not None and end.doubt:
            # What it answered to the tests is kept back: no count may take it for a pass.
            self._emitter.note(f"draft {verdict.number} is not trusted: {end.doubt}", "warning")
            return replace(verdict, refused=end.doubt, problem=end.detail)
        if end is not None and end.problem:
            self._emitter.note(f"draft {verdict.number}: {end.detail or end.problem}")
        problem = "" if end is None else end.detail
        return replace(
            verdict, results=results, complete=end is not None and end.problem is None, problem=problem
        )

    def _tell_path(self, number: int, end: RunEnd) -> None:
        """How drafts get to their tests, and what their sandbox refused them; told when it is news."""
        way = WAYS[end.path]
        why = f", since {end.slower}" if end.slower else ""
        for note in end.notes:
            if note not in self._told:
                self._told.add(note)
                self._emitter.note(f"draft {number}: {note}", "warning")
        if (way, why) != self._way:
            self._way = (way, why)
            self._emitter.note(f"from draft {number} on: tested {way}{why}")

    def _refused(self, verdict: Verdict, function: Function) -> str:
        candidate = verdict.candidate
        assert candidate is not None
        draft = candidate.draft
        trees = [tree for part in (*draft.imports, *draft.helpers, *draft.methods) if (tree := parse(part))]
        body = [function.node, *(statement for tree in trees for statement in tree.body)]
        return refusal(ast.Module(body, []), self._original, self._site.test_sources)

    async def run_tests(
        self,
        number: int,
        data: bytes,
        *,
        made: str | None = None,
        only: frozenset[str] | None = None,
        again: bool = False,
    ) -> tuple[dict[str, TestResult], RunEnd | None]:
        """Outcomes of the suite's tests with `data` in the file's place, reported as they happen.

        `again` is a run to check another one: in a process that shares nothing with it, and not reported.
        """
        suite = self._board.suite
        order = replace(self._order(suite, data, made, only), clean=again, untrusted=number != 0)
        return await self._collect(order, None if again else number)

    async def _collect(
        self, order: TestOrder, number: int | None, enough: Callable[[TestResult], bool] = lambda _: False
    ) -> tuple[dict[str, TestResult], RunEnd | None]:
        results: dict[str, TestResult] = {}
        if order.empty:
            return results, RunEnd(None)
        end: RunEnd | None = None
        with self._meter.tests_busy():
            async with aclosing(self._runner.run(order)) as stream:
                async for message in stream:
                    if isinstance(message, Collected):
                        self._announce(message.tests, quiet=number is None)
                    elif isinstance(message, TestResult):
                        results[message.id] = message
                        if number is not None:
                            self._emitter.emit(report(number, message))
                        if enough(message):
                            break
                    else:
                        end = message
        return results, end

    def _announce(self, tests: tuple[TestRef, ...], *, quiet: bool) -> None:
        """Tests that nobody has seen yet: made by the model, or hidden until a draft could be imported."""
        new = [t for t in tests if t.id not in self._announced]
        if new and not quiet:
            self._announced |= {t.id for t in new}
            suite = self._board.suite
            self._emitter.emit(TestsSelected((*suite.tests, *new), suite.how))

    @property
    def original(self) -> bytes:
        return self._site.file.data

    async def run_wider(self, data: bytes, tier: Tier) -> tuple[dict[str, TestResult], RunEnd | None]:
        """Outcomes of another tier's tests, and which of them execute the target; nothing is reported."""
        target = self._site.function.target(self._site.file.path)
        order = TestOrder(
            {**self._site.buffers, self._site.file.path: data},
            tier.files,
            tier.keep,
            trace=target,
            untrusted=data != self.original,
            clean=True,
            limits=TestLimits(max(5.0, min(WIDER_SECONDS, self._meter.remaining / 2)), self._test_seconds),
        )
        return await self._collect(order, None)

    def _order(self, suite: Suite, data: bytes, made: str | None, only: frozenset[str] | None) -> TestOrder:
        wanted = [t.id for t in suite.tests if t.id in suite.counting or self._joins(t)]
        counting = [i for i in wanted if only is None or i in only]
        files = tuple(dict.fromkeys(i.split("::", 1)[0] for i in counting))
        return TestOrder(
            overlay={**self._site.buffers, self._site.file.path: data},
            files=suite.files if suite.open_ended else files,
            keep=suite.keep if suite.open_ended else tuple(counting),
            doctest=self._site.function.target(self._site.file.path) if suite.doctests else None,
            made=made,
            limits=self._limits(suite),
        )

    def _joins(self, test: TestRef) -> bool:
        """Whether a test is run though it does not count, because others need it before them."""
        return self.together and test.trust == "project"

    def _limits(self, suite: Suite) -> TestLimits:
        """No draft gets more time a test than ten times what the test took before, nor less than two seconds."""
        slowest = max(
            (r.seconds for r in suite.baseline.values() if r.outcome == "passed"), default=self._test_seconds
        )
        each = min(self._test_seconds, max(2.0, 10 * slowest))
        return TestLimits(run_seconds=max(5.0, self._meter.remaining + 5), test_seconds=each)

    def _put(self, verdict: Verdict) -> None:
        news = self._board.add(verdict)
        self._meter.answer_was(new=news)
        self._scored(verdict)

    def _scored(self, verdict: Verdict) -> None:
        ids = counted(verdict, self._board.suite)
        good = passed(verdict, self._board.suite, ids)
        failed = sum(r.outcome not in FINE for i, r in verdict.results.items() if i in ids)
        self._emitter.emit(DraftScored(verdict.number, good, failed, self._board.best is verdict))


def report(number: int, result: TestResult) -> TestReported:
    return TestReported(number, result.id, result.outcome, result.seconds, result.message, result.details)


def _same(site: Site, after: SourceFile) -> Function:
    """The target in a spliced file: of several with its name, the one in the same place."""
    name = site.function.qualname
    place = [f.start for f in find_functions(site.file) if f.qualname == name].index(site.function.start)
    return [f for f in find_functions(after) if f.qualname == name][place]


def _form(file: SourceFile, function: Function) -> str:
    """What a draft means: the function's tree without positions and docstring, and the module's imports."""
    node = copy.copy(function.node)
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:] or [ast.Pass()]
    imports = (n for n in file.tree.body if isinstance(n, (ast.Import, ast.ImportFrom)))
    return flat(node, *imports)
