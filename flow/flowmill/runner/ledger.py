"""What is known about one run of the tests, and what follows from it. Decides, does no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from flowmill.runner import wire
from flowmill.runner.deaths import aside, death, last_line, usage
from flowmill.runner.witness import Witness
from flowmill.shapes import (
    Census,
    Collected,
    FunctionName,
    Need,
    Outcome,
    RunEnd,
    RunnerMessage,
    RunProblem,
    TestLimits,
    TestRef,
    TestResult,
)

RESTARTS = 3
GRACE_SECONDS = 1.0
"""How much longer than its limit a test may take to notice it before its process is killed."""


@dataclass
class Ledger:
    """The record of a run over all its processes. Clock times are of `time.monotonic`.

    `nonce` is what every line has to carry, `witness` says what else is asked of the report.
    """

    limits: TestLimits
    python: str
    started: float
    nonce: str = ""
    witness: Witness = field(default_factory=Witness)
    unfit: str = ""
    """Why the draft could not be put into the code that is loaded; no test was run then."""
    tests: dict[str, TestRef] = field(default_factory=dict[str, TestRef])
    done: set[str] = field(default_factory=set[str])
    attempts: int = 0
    open: bool = True
    """Whether another process is to be started when the present one has ended."""
    attempt_open: bool = True
    """Whether the present process has more to say."""
    _problem: RunProblem | None = None
    _detail: str = ""
    _heard: bool = False
    _collected: bool = False
    _status: int | None = None
    _running: str | None = None
    _since: float = 0.0
    _began: float = 0.0
    _timeouts: int = 0
    _lost: bool = False
    """Whether a process was lost to a test: that test's outcome then says so, the run need not."""
    _pending: list[TestRef] = field(default_factory=list[TestRef])
    _broken: list[wire.Broken] = field(default_factory=list[wire.Broken])
    _aborted: str = ""
    """What ended pytest itself while the tests ran."""
    _missing: tuple[str, ...] = ()
    _traced: bool = False
    _everywhere: bool = False
    _reached: set[str] = field(default_factory=set[str])
    _functions: dict[str, set[FunctionName]] = field(default_factory=dict[str, set[FunctionName]])
    _needs: dict[Need, None] = field(default_factory=dict[Need, None])
    _layers: tuple[str, ...] = ()

    # -------------------------------------------------------------- one process
    def begin_attempt(self) -> tuple[str, ...] | None:
        """Another process starts; give the tests that are left for it, None if that is not known yet."""
        left = self.remaining() if self.attempts else None
        self.witness.begin_attempt()
        self.attempts += 1
        self.attempt_open = True
        self._running = None
        self._status = None
        self._pending.clear()
        return left

    def patience(self, now: float) -> float:
        """Seconds until the run or the running test is overdue."""
        wall = self.started + self.limits.run_seconds
        due = wall if self._running is None else min(wall, self._test_due())
        return max(due - now, 0.0)

    def _test_due(self) -> float:
        return self._since + self.limits.test_seconds + GRACE_SECONDS

    def feed(self, raw: bytes, now: float) -> list[RunnerMessage]:
        """Take one line of the test process; give what is to be told.

        Raises WireError for a line that is not ours: the run is to be stopped as "output".
        """
        self.witness.weigh(raw)
        line = wire.parse(raw, self.nonce)
        self.witness.hear(line)
        match line:
            case wire.Hello():
                self._greet(line)
            case wire.Item():
                self._pending.append(TestRef(line.id, line.trust))
            case wire.AllCollected():
                return self._collect(line)
            case wire.Broken() if self._collected:
                self._aborted = self._aborted or line.message
            case wire.Broken():
                self._broken.append(line)
            case wire.Started():
                self._running, self._began = self._known(line.id), now
                self._since = now
            case wire.Phase():
                self._since = now
            case wire.Canary():
                pass
            case wire.Reached():
                self._reached |= {self._running} if self._running else set()
            case wire.Result():
                return self._result(line)
            case wire.Functions():
                self._functions.setdefault(line.id, set()).update(line.ran)
            case wire.Needed():
                self._needs[line.need] = None
            case wire.Confined():
                self._layers = line.layers
            case wire.Unfit():
                self._refuse(line.why)
            case wire.Finish():
                self._status, self.attempt_open = line.status, False
        return []

    def _greet(self, line: wire.Hello) -> None:
        self._heard = True
        if line.problem == "no_pytest":
            remedy = f"{self.python} -m pip install pytest"
            self.stop("no_pytest", f"pytest is not installed in {self.python}: {remedy}" + aside(line.detail))
        elif line.problem:
            self.stop("no_python", f"{self.python}: {line.detail}")

    def _refuse(self, why: str) -> None:
        if self._collected:
            raise wire.WireError("unfit, and it ran")
        self.unfit, self.open, self.attempt_open = why or "it does not fit", False, False

    def _collect(self, line: wire.AllCollected) -> list[RunnerMessage]:
        if self._collected:
            return []
        self._collected, self._missing, self._traced = True, line.missing, line.traced
        self.tests = {ref.id: ref for ref in self._pending}
        return [Collected(tuple(self.tests.values()))] if self.tests else []

    def _known(self, test: str) -> str:
        if test not in self.tests:
            raise wire.WireError("a test that was not collected")
        return test

    def _result(self, line: wire.Result) -> list[RunnerMessage]:
        self._everywhere |= line.everywhere
        if line.reached:
            self._reached.add(line.id)
        return self._settle(
            TestResult(
                self._known(line.id), line.outcome, line.seconds, line.message, line.details, line.call
            )
        )

    def _settle(self, result: TestResult) -> list[RunnerMessage]:
        self._running = None
        if result.id in self.done:
            return []
        self.done.add(result.id)
        self._timeouts += result.outcome == "timeout"
        left = len(self.tests) - len(self.done)
        if left and self._timeouts >= self.limits.timeouts:
            told = (
                f"{self._timeouts} test{'s' * (self._timeouts > 1)} timed out; the other {left} were not run"
            )
            self.stop("timeout", told)
        elif left and result.outcome == "timeout":
            # An interruption leaves event loops and locks in any state: the others run in a new process.
            self.attempt_open = False
        return [result]

    # -------------------------------------------------------------- when a process does not end well
    def overdue(self, now: float) -> list[RunnerMessage]:
        """The present process has kept us waiting for as long as `patience` allows."""
        self.attempt_open = False
        if now >= self.started + self.limits.run_seconds:
            spent = f"the run took longer than {self.limits.run_seconds:g} s"
            doing = f"{self._running} was running" if self._running else self._stage()
            self.stop("timeout", f"{spent}; {doing}")
            return self._lose("timeout", spent, "", now)
        return self._lose(
            "timeout", f"timed out after {self.limits.test_seconds:g} s, not interruptible", "", now
        )

    def exited(self, returncode: int | None, output: str, now: float) -> list[RunnerMessage]:
        """The present process is gone without having said that it finished."""
        self.attempt_open = False
        if not self._heard:
            self.stop("no_python", f"{self.python} cannot run: {last_line(output) or death(returncode)}")
        elif self._running is None and self._broken:
            self.open = False
        elif self._running is None:
            self.stop(
                "crashed",
                f"the tests' process {death(returncode)}; {self._stage()}" + aside(last_line(output)),
            )
        elif "++ Timeout ++" in output:
            return self._lose("timeout", "timed out, as pytest-timeout says", output, now)
        return self._lose("crashed", f"the interpreter {death(returncode)}", output, now)

    @property
    def said_finish(self) -> bool:
        return self._status is not None

    @property
    def in_order(self) -> bool:
        """Whether it finished as it does when all went well, so that its output will not be asked for."""
        return self._status in (0, 1) and self._running is None

    def finished(self, returncode: int | None, output: str, now: float) -> list[RunnerMessage]:
        """The present process said that it finished: see whether that is all there was to do."""
        if self._running is not None and self.remaining():
            return self._lose(
                "crashed", self._aborted or "pytest was stopped while this test ran", output, now
            )
        self.open = False
        self.witness.left(returncode)
        if self._status == 4 and not self._broken:
            self.stop("usage", usage(output))
        return []

    def _lose(self, outcome: Outcome, message: str, output: str, now: float) -> list[RunnerMessage]:
        if self._running is None:
            self.open = False
            return []
        self._lost = True
        self.witness.lost()
        told = self._settle(TestResult(self._running, outcome, now - self._began, message, output[-6000:]))
        self.open = self.open and bool(self.remaining())
        if self.open and self.attempts > RESTARTS:
            self.stop("crashed", f"the tests' process had to be replaced {RESTARTS} times; {self._stage()}")
        return told

    def stop(self, problem: RunProblem, detail: str) -> None:
        """End the run; the first problem is the one that is told.

        "output" is said of a report that our own process would not write, and so is a doubt as well.
        """
        if problem == "output":
            self.witness.suspect(detail)
        if self._problem is None:
            self._problem, self._detail = problem, detail
        self.open = self.attempt_open = False

    # -------------------------------------------------------------- the sum of it
    def remaining(self) -> tuple[str, ...]:
        return tuple(test for test in self.tests if test not in self.done)

    def _stage(self) -> str:
        if not self._collected:
            return "the tests were being collected"
        return f"{len(self.remaining())} of {len(self.tests)} tests were not run"

    def end(self, now: float) -> RunEnd:
        """The verdict: no problem only if every collected test was reported and pytest finished."""
        verdict = self._verdict()
        reached = frozenset(self.tests) if self._everywhere else frozenset(self._reached)
        return replace(
            verdict,
            reached=reached if self._traced else None,
            census=self._census(),
            needs=tuple(self._needs),
            layers=self._layers,
            doubt=self.witness.judge(complete=verdict.problem is None),
            seconds=now - self.started,
        )

    def _census(self) -> Census | None:
        if not self._functions:
            return None
        shared = frozenset(self._functions.get("", ()))
        return Census({i: frozenset(ran) for i, ran in self._functions.items() if i}, shared)

    def _verdict(self) -> RunEnd:
        if self._problem is not None:
            return RunEnd(self._problem, self._detail)
        if self._broken:
            return self._collection_problem()
        if self.remaining() or not self._collected:
            why = self._aborted or f"status {self._status}"
            return RunEnd("crashed", f"pytest stopped early ({why}); {self._stage()}")
        if not self.tests:
            return RunEnd("no_tests", self._unmatched() or "pytest collected no test")
        if not self._lost and self._status not in (0, 1):
            return RunEnd("crashed", f"pytest ended with status {self._status}")
        return RunEnd(None, self._unmatched())

    def _collection_problem(self) -> RunEnd:
        first = self._broken[0]
        more = f" (and {len(self._broken) - 1} more)" if len(self._broken) > 1 else ""
        where = f"{first.path}: " if first.path else ""
        through = any(broken.through for broken in self._broken)
        return RunEnd("collection", f"{where}{first.message}{more}", through_target=through)

    def _unmatched(self) -> str:
        return f"no test matches {', '.join(self._missing)}" if self._missing else ""
