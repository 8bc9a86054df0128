"""Whether the report of a run is one that our own test process would write. Pure, like the ledger.

A draft shares a process with what reports on it. It cannot be kept from writing lines of
its own, so every line has to fit those before it, and what does not fit is remembered as
a doubt: the outcomes may be right, but nobody should rely on them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flowmill.runner import wire
from flowmill.shapes import FINE

REPORT_BYTES = 32 * 1024 * 1024
TEST_BYTES = 96 * 1024
"""What a report may hold besides, for each test: two trimmed texts, escaped."""
PHASES = 60
"""Phases of one test; three, times its reruns."""


@dataclass
class Witness:
    """Hears every line of a run and keeps the first thing that speaks against it.

    `layers` are those of the sandbox that the run must be in. `usual` names the machinery
    that the user's own code alters: a draft is not blamed for it.
    """

    canary: bool = False
    layers: tuple[str, ...] = ()
    usual: frozenset[str] = frozenset()
    doubt: str = ""
    altered: frozenset[str] = frozenset()
    """The machinery that was not at the end what it was at the start."""
    _bytes: int = 0
    _outcomes: set[str] = field(default_factory=set[str])
    _caught: frozenset[str] = frozenset()
    # Of the present process:
    _greeted: bool = False
    _finished: bool = False
    _proved: bool = False
    _broken: bool = False
    _confined: frozenset[str] | None = None
    _expected: list[str] = field(default_factory=list[str])
    _collected: bool = False
    _begun: int = 0
    _running: str | None = None
    _phases: int = 0
    _here: set[str] = field(default_factory=set[str])

    def begin_attempt(self) -> None:
        """Another process starts."""
        self._greeted = self._finished = self._proved = self._broken = self._collected = False
        self._confined, self._running = None, None
        self._begun = self._phases = 0
        self._expected, self._here = [], set()

    def suspect(self, why: str) -> None:
        """Something speaks against the run; the first is the one that is told."""
        self.doubt = self.doubt or why

    def weigh(self, raw: bytes) -> None:
        """Count a line. Raises WireError when there is more of it than any honest run writes."""
        self._bytes += len(raw)
        room = REPORT_BYTES + TEST_BYTES * (len(self._expected) if self._collected else 0)
        if self._bytes > room:
            raise wire.WireError(f"more than {room // (1024 * 1024)} MB")

    def hear(self, line: wire.Line) -> None:
        """Look whether the line fits those before it. Raises WireError for a flood."""
        if self._finished:
            self.suspect("its report went on after its end")
        match line:
            case wire.Hello():
                self._once(self._greeted, "began")
                self._greeted = True
            case wire.Confined():
                self._once(self._confined is not None or self._begun > 0, "told its sandbox")
                self._confined = frozenset(line.layers)
            case wire.Item() | wire.AllCollected():
                self._collect(line)
            case wire.Broken():
                self._broken = True
            case wire.Started():
                self._start(line.id)
            case wire.Phase():
                self._phases += 1
                if self._phases > PHASES:
                    raise wire.WireError("more phases than a test has")
            case wire.Result():
                self._result(line)
            case wire.Canary():
                self._prove(line)
            case wire.Finish():
                self._finish(line.status)
            case _:
                pass

    def _once(self, again: bool, what: str) -> None:
        if again:
            self.suspect(f"its report {what} twice")

    def _collect(self, line: wire.Item | wire.AllCollected) -> None:
        self._once(self._collected, "told which tests there are")
        if isinstance(line, wire.AllCollected):
            self._collected = True
        elif not self._collected:
            self._expected.append(line.id)

    def _start(self, test: str) -> None:
        if not self._begun:
            self._check_layers()
        if self._running is not None:
            self.suspect(f"{test} began while {self._running} was running")
        if test not in self._expected[self._begun : self._begun + 1]:
            self.suspect(f"{test} was run out of turn, or more than once")
        self._begun += 1
        self._running, self._phases = test, 0

    def _check_layers(self) -> None:
        missing = [layer for layer in self.layers if layer not in (self._confined or ())]
        if missing:
            self.suspect(f"its sandbox was not closed: {', '.join(missing)} missing")

    def _result(self, line: wire.Result) -> None:
        if self._running != line.id:
            self.suspect(f"{line.id} was reported without having been started")
        elif line.outcome == "passed" and self._phases < 3:
            self.suspect(f"{line.id} was reported as passed without having been run to its end")
        self._running, self._phases = None, 0
        self._here.add(line.outcome)
        self._outcomes.add(line.outcome)

    def _prove(self, line: wire.Canary) -> None:
        self._once(self._proved, "was proved")
        self._proved = True
        self.altered = frozenset(line.broken)
        altered = sorted(self.altered - self.usual)
        if altered:
            self.suspect(f"it altered what judges it: {', '.join(altered[:3])}")
        self._caught = frozenset(line.caught)

    def _finish(self, status: int) -> None:
        self._finished = True
        bad = self._here & {"failed", "error"}
        if status == 0 and bad:
            self.suspect("pytest ended as if no test had failed, and one had")
        # An interruption that the code swallowed is a timeout to us, and a pass to pytest.
        if status == 1 and not (bad or "timeout" in self._here or self._broken):
            self.suspect("pytest ended as if a test had failed, and none was reported")

    def lost(self) -> None:
        """A test took its process with it: not all of the run can have passed."""
        self._outcomes.add("crashed")

    def left(self, returncode: int | None) -> None:
        """How the process ended that said that it finished."""
        if returncode is None:
            self.suspect("its process said that it was done and went on")
        elif returncode:
            self.suspect(f"its process said that it was done and ended with status {returncode}")

    def judge(self, *, complete: bool) -> str:
        """Why the outcomes are not to be trusted, or an empty string."""
        if self.canary and complete and self._outcomes <= FINE and not self.doubt:
            passing = [name for name in wire.CANARIES if name not in self._caught]
            if not self._proved:
                self.suspect("it was not proved that a wrong result still fails")
            elif passing:
                self.suspect(f"what must fail passes with it: {', '.join(passing)}")
        return self.doubt
