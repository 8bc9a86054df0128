"""Checks the scripts' arithmetic: `pytest tests/benchmarks/test_figures.py`."""

from __future__ import annotations

import pytest

from benchmarks.figures import mcnemar, pairs, percentile, wilson


@pytest.mark.parametrize(
    ("one", "other", "p"), [(0, 0, 1.0), (3, 3, 1.0), (0, 5, 0.0625), (1, 9, 0.021484375)]
)
def test_mcnemar_is_the_two_sided_binomial_test(one: int, other: int, p: float) -> None:
    assert mcnemar(one, other) == mcnemar(other, one) == p


def test_pairs_count_only_attempts_that_both_made() -> None:
    found = pairs(
        {"a": True, "b": True, "c": False, "d": False}, {"a": True, "b": False, "c": True, "e": True}
    )
    assert (found.both, found.first, found.second, found.neither) == (1, 1, 1, 0)


def test_percentiles_are_measured_values() -> None:
    values = [float(n) for n in range(20, 0, -1)]
    assert percentile(values, 50) == 10
    assert percentile(values, 95) == 19
    assert percentile([7.0], 95) == 7


def test_wilson_interval_is_that_of_the_textbook() -> None:
    low, high = wilson(1, 10)
    assert (round(low, 1), round(high, 1)) == (1.8, 40.4)
    assert wilson(0, 0) == (0.0, 100.0)
