"""What a run has used of its budget, and where its seconds went."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

from flowmill.events import Seconds
from flowmill.shapes import Budget, Usage

Limit = Literal["seconds", "calls", "tokens", "stale"]
LIMIT_WORDS: dict[Limit, str] = {
    "seconds": "the time limit of {0.seconds:g} s is used up (--max-seconds)",
    "calls": "the limit of {0.calls} model calls is used up (--max-calls)",
    "tokens": "the limit of {0.tokens} tokens is used up (--max-tokens)",
    "stale": "{0.stale} answers in a row brought no new evidence",
}


class BudgetSpent(Exception):
    """One of the four limits is reached; `str()` says which in the user's words."""

    def __init__(self, limit: Limit, budget: Budget) -> None:
        super().__init__(LIMIT_WORDS[limit].format(budget))
        self.limit: Limit = limit


class BusyClock:
    """Adds up how long at least one holder was busy."""

    def __init__(self) -> None:
        self._holders = 0
        self._since = 0.0
        self._total = 0.0

    @contextmanager
    def busy(self) -> Generator[None]:
        if self._holders == 0:
            self._since = time.monotonic()
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1
            if self._holders == 0:
                self._total += time.monotonic() - self._since

    @property
    def seconds(self) -> float:
        running = time.monotonic() - self._since if self._holders else 0.0
        return self._total + running


class Meter:
    """Counts calls, tokens and seconds of one run against its budget."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.calls = 0
        self.usage = Usage()
        self.stale = 0
        self._started = time.monotonic()
        self._model = BusyClock()
        self._tests = BusyClock()
        self._either = BusyClock()

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._started

    @property
    def remaining(self) -> float:
        return max(0.0, self.budget.seconds - self.elapsed)

    @contextmanager
    def model_busy(self) -> Generator[None]:
        with self._model.busy(), self._either.busy():
            yield

    @contextmanager
    def tests_busy(self) -> Generator[None]:
        with self._tests.busy(), self._either.busy():
            yield

    def start_call(self) -> None:
        """Count a model call, or raise `BudgetSpent` if none is left to make."""
        if self.remaining <= 0:
            raise BudgetSpent("seconds", self.budget)
        if self.calls >= self.budget.calls:
            raise BudgetSpent("calls", self.budget)
        if self.usage.prompt + self.usage.completion >= self.budget.tokens:
            raise BudgetSpent("tokens", self.budget)
        if self.stale >= self.budget.stale:
            raise BudgetSpent("stale", self.budget)
        self.calls += 1

    def add(self, usage: Usage) -> None:
        self.usage += usage

    def answer_was(self, *, new: bool) -> None:
        """Reset or raise the count of answers in a row without new evidence."""
        self.stale = 0 if new else self.stale + 1

    def seconds(self) -> Seconds:
        total = self.elapsed
        return Seconds(
            total, self._model.seconds, self._tests.seconds, max(0.0, total - self._either.seconds)
        )
