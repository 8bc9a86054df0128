"""Many runs counted: how many were solved, with how many calls, in how long; by day, and by strategy and model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from flowmill.journal import RunRow
from flowmill.report.words import percent

Came = Literal["solved", "open", "idle", "aside"]
"""`open`: ended without a verified result. `idle`: there was nothing to mend. `aside`: cancelled or never ended."""


@dataclass(frozen=True, slots=True)
class Point:
    """One run with how it counts."""

    row: RunRow
    came: Came

    @property
    def counts(self) -> bool:
        return self.came in ("solved", "open")

    @property
    def day(self) -> str:
        return time.strftime("%Y-%m-%d", time.localtime(self.row.started))

    @property
    def kind(self) -> str:
        return f"{self.row.strategy}, {self.row.model or 'no model'}"


@dataclass(frozen=True, slots=True)
class Tally:
    """The runs of one day, or of one strategy and model."""

    name: str
    runs: int
    """All of them; `tried` are those that count for the solve rate."""
    tried: int
    solved: int
    calls: float | None
    seconds: float | None
    """Medians over the runs that count, None if none does."""

    @property
    def share(self) -> float:
        return self.solved / self.tried if self.tried else 0.0

    @property
    def rate(self) -> str:
        """`7/9 (78 %)`."""
        return f"{self.solved}/{self.tried} ({percent(self.solved, self.tried)})" if self.tried else "-"


def points(rows: Sequence[RunRow], is_idle: Callable[[RunRow], bool]) -> list[Point]:
    """The runs, oldest first. `is_idle` is asked of unchanged ones: whether nothing failed before."""
    return [Point(row, _came(row, is_idle)) for row in sorted(rows, key=lambda row: row.started)]


def _came(row: RunRow, is_idle: Callable[[RunRow], bool]) -> Came:
    if row.status == "verified":
        return "solved"
    if row.status is None or row.status == "cancelled":
        return "aside"
    return "idle" if row.status == "unchanged" and is_idle(row) else "open"


def tally(name: str, found: Iterable[Point]) -> Tally:
    runs = list(found)
    tried = [point for point in runs if point.counts]
    return Tally(
        name,
        len(runs),
        len(tried),
        sum(point.came == "solved" for point in tried),
        median(point.row.calls for point in tried) if tried else None,
        median(point.row.seconds for point in tried) if tried else None,
    )


def grouped(found: Sequence[Point], key: Callable[[Point], str]) -> list[Tally]:
    """One tally for each value of the key, in the order in which they first occur."""
    names = dict.fromkeys(key(point) for point in found)
    return [tally(name, (point for point in found if key(point) == name)) for name in names]
