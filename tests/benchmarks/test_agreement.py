"""Checks how two reports are compared: `pytest tests/benchmarks/test_agreement.py`."""

from __future__ import annotations

import json

import pytest

from benchmarks.agreement import (
    COLLECTION,
    RUN,
    Compared,
    Difference,
    differences,
    flickering,
    of_pytest,
    of_runner,
)
from flowmill.shapes import RunEnd, TestResult

SETUP, CALL, TEARDOWN = (
    ["setup", "passed", "", ""],
    ["call", "passed", "", ""],
    ["teardown", "passed", "", ""],
)


@pytest.mark.parametrize(
    ("phases", "outcome"),
    [
        ([SETUP, CALL, TEARDOWN], "passed"),
        ([["setup", "failed", "", "boom"], TEARDOWN], "error"),
        ([SETUP, ["call", "failed", "", "no"], TEARDOWN], "failed"),
        ([SETUP, CALL, ["teardown", "failed", "", "boom"]], "error"),
        ([SETUP, ["call", "failed", "", "no"], ["teardown", "failed", "", "boom"]], "failed"),
        ([["setup", "skipped", "", "why"], TEARDOWN], "skipped"),
        ([SETUP, ["call", "skipped", "expected", "known"], TEARDOWN], "skipped"),
        ([SETUP, ["call", "passed", "expected", ""], TEARDOWN], "passed"),
        ([SETUP, ["call", "failed", "", "Failed: Timeout (>10.0s) from pytest-timeout."]], "timeout"),
        ([SETUP], "error"),
    ],
)
def test_phases_come_to_one_outcome(phases: list[list[str]], outcome: str) -> None:
    assert of_pytest({"t": phases}, {})["t"][0] == outcome


def test_what_is_missing_on_either_side_is_a_difference() -> None:
    cold = of_pytest({"a": [SETUP, CALL, TEARDOWN], "b": [SETUP, CALL, TEARDOWN]}, {})
    ours = of_runner(
        {"a": TestResult("a", "passed", 0.1), "c": TestResult("c", "failed", 0.1, "m")}, RunEnd(None)
    )
    assert differences(cold, ours) == (
        Difference("b", "passed", "not reported", "", ""),
        Difference("c", "not reported", "failed", "", "m"),
    )


def test_what_cannot_be_collected_agrees_only_with_its_like() -> None:
    cold = of_pytest({}, {"test_a.py": "ImportError: no"})
    assert not differences(cold, of_runner({}, RunEnd("collection", "test_a.py: ImportError: no")))
    crashed = differences(cold, of_runner({}, RunEnd("crashed", "killed")))
    assert {each.test for each in crashed} == {COLLECTION, RUN}


def test_flickering_tests_are_those_that_differ_between_runs() -> None:
    once, twice = {"a": ("passed", ""), "b": ("passed", "")}, {"a": ("failed", "no"), "b": ("passed", "")}
    assert flickering([once, twice, once]) == {"a"}
    assert flickering([once, {"a": ("passed", "")}]) == {"b"}


def test_a_line_comes_back_as_it_was() -> None:
    row = Compared("c", "stub", "swap", "swap", differences=(Difference("t", "passed", "failed", "", "m"),))
    assert Compared.from_json(json.loads(json.dumps(row.as_json()))) == row
