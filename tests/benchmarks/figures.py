"""The arithmetic of the tables: shares, percentiles, an interval and an exact test."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rows import Row

Attempt = TypeVar("Attempt", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Summary:
    """One strategy over its attempts. `gap` is visible less solved, in percentage points."""

    attempts: int
    solved: int
    claimed: int
    false: int
    """Claimed and not solved."""
    unable: int
    """Attempts that ended without a run: tests that cannot run, no model, stopped at the limit."""
    calls: float
    prompt: float
    completion: float
    cached: float
    overhead: float
    p50: float
    p95: float
    gap: float


@dataclass(frozen=True, slots=True)
class Pairs:
    """Two strategies on the attempts that both made; `p` is McNemar's exact two-sided value."""

    both: int
    first: int
    second: int
    neither: int
    p: float


def summary(rows: Sequence[Row]) -> Summary:
    """Means per attempt, shares in percent of the sums. At least one row."""
    count = len(rows)
    seen = [(row.visible, row.solved) for row in rows if row.visible is not None]
    seconds = [row.seconds for row in rows]
    return Summary(
        attempts=count,
        solved=sum(row.solved for row in rows),
        claimed=sum(row.claimed for row in rows),
        false=sum(row.claimed and not row.solved for row in rows),
        unable=sum(row.code not in (0, 1) for row in rows),
        calls=sum(row.calls for row in rows) / count,
        prompt=sum(row.prompt for row in rows) / count,
        completion=sum(row.completion for row in rows) / count,
        cached=percent(sum(row.cached for row in rows), sum(row.prompt for row in rows)),
        overhead=percent(sum(row.overhead for row in rows), sum(row.total for row in rows)),
        p50=percentile(seconds, 50),
        p95=percentile(seconds, 95),
        gap=percent(sum(bool(visible) - solved for visible, solved in seen), len(seen)),
    )


def pairs(first: Mapping[Attempt, bool], second: Mapping[Attempt, bool]) -> Pairs:
    """Compare two strategies, each given as attempt → solved."""
    shared = [(first[key], second[key]) for key in first if key in second]
    one, other = shared.count((True, False)), shared.count((False, True))
    return Pairs(shared.count((True, True)), one, other, shared.count((False, False)), mcnemar(one, other))


def mcnemar(one: int, other: int) -> float:
    """Exact two-sided p of so uneven a split of the attempts that only one of two solved (McNemar, 1947)."""
    discordant = one + other
    tail = sum(math.comb(discordant, k) for k in range(min(one, other) + 1))
    return min(1.0, 2 * tail / 2**discordant)


def wilson(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share, in percent (Wilson, 1927): honest for few attempts."""
    if not count:
        return (0.0, 100.0)
    share, scale = hits / count, 1 + z * z / count
    middle = share + z * z / (2 * count)
    reach = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (max(0.0, 100 * (middle - reach) / scale), min(100.0, 100 * (middle + reach) / scale))


def percentile(values: Sequence[float], percent: float) -> float:
    """By nearest rank, so that it is a value that was measured. At least one value."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else 0.0
