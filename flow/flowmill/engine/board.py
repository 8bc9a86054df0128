"""What a run knows about its drafts so far; the best one never gets worse."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from flowmill.engine.verdict import Suite, Verdict, better, is_verified, signature
from flowmill.shapes import TestResult


class Board:
    """Collects verdicts. Candidate sources only read it."""

    def __init__(self, baseline: Verdict, suite: Suite) -> None:
        self.suite = suite
        self.baseline = baseline
        self.best = baseline
        self.verdicts: list[Verdict] = []
        self._signatures = {signature(baseline)}
        self._open = 0
        self._settled = asyncio.Event()
        self._settled.set()

    @property
    def verified(self) -> bool:
        return self.best.number != 0 and is_verified(self.best, self.suite)

    @property
    def latest(self) -> Verdict:
        """The last draft judged, or the code as it stood."""
        return self.verdicts[-1] if self.verdicts else self.baseline

    def expect(self) -> None:
        """A candidate is on its way to be judged."""
        self._open += 1
        self._settled.clear()

    def arrived(self) -> None:
        self._open -= 1
        if self._open == 0:
            self._settled.set()

    async def settled(self, seconds: float | None = None) -> None:
        """Wait until every candidate handed over so far has its verdict, for some seconds at most."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._settled.wait(), seconds)

    def add(self, verdict: Verdict) -> bool:
        """Note a verdict; True if it taught something that no earlier one did."""
        self.verdicts.append(verdict)
        if better(verdict, self.best, self.suite):
            self.best = verdict
        new = signature(verdict) not in self._signatures
        self._signatures.add(signature(verdict))
        return new and not verdict.refused

    def reconsider(self, suite: Suite) -> None:
        """Take another suite (a test was released or found to flicker) and choose the best anew."""
        self.suite = suite
        self.best = self.baseline
        for verdict in self.verdicts:
            if better(verdict, self.best, suite):
                self.best = verdict

    def doubt(self, verdict: Verdict, refused: str = "") -> None:
        """The draft's tests did not run to their end again, so that it cannot count as verified.

        With `refused` its outcomes are not trusted at all, and it is no better than no draft.
        """
        place = self._place_of(verdict)
        held = self.verdicts[place]
        self.verdicts[place] = replace(held, complete=False, refused=refused or held.refused)
        self.reconsider(self.suite)

    def learn(self, suite: Suite, verdict: Verdict, results: Mapping[str, TestResult]) -> None:
        """Take a wider suite and what its tests said of one draft; other drafts are missing there."""
        place = self._place_of(verdict)
        held = self.verdicts[place]
        self.verdicts[place] = replace(held, results={**held.results, **results})
        self.reconsider(suite)

    def prefer(self, verdict: Verdict) -> None:
        """Take this draft as the best one, where no test that is trusted tells them apart."""
        self.best = verdict

    def _place_of(self, verdict: Verdict) -> int:
        """Where it stands; what is known of it by now may differ from what the caller has."""
        return next(place for place, held in enumerate(self.verdicts) if held.number == verdict.number)
