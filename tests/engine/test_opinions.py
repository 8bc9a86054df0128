"""Where few tests speak for a draft: inputs that tell drafts apart, and which one most agree with."""

from __future__ import annotations

import pytest

from flowmill.engine.inputs import MOST, variants, varied_calls
from flowmill.engine.opinions import most_agreed, probe_module

TESTS = """
def test_first(n=5):
    assert pick([1, 2], by=1) == 2
    assert lib.pick("ab") == "b"
    assert pick(n) and pick(*[1]) and pick() and other(3)
"""


def test_calls_are_those_that_tests_spell_out_then_variations_in_turn() -> None:
    calls = varied_calls("pick", [TESTS, "pick([1, 2], by=1)", "not python ("])
    assert calls[:4] == ("[1, 2], by=1", "'ab'", "[2, 1], by=1", "'ba'")
    assert "[], by=1" in calls
    assert "''" in calls
    assert len(calls) == len(set(calls)) <= MOST
    assert varied_calls("absent", [TESTS]) == ()


def test_a_long_call_is_no_small_case() -> None:
    assert varied_calls("pick", [f"pick({list(range(200))})"]) == ("[0]", "[]")


@pytest.mark.parametrize("value", [True, 3, 2.5, "abc", b"ab", [1, 2], (1,), [[1]], {"a": 1}])
def test_variants_are_of_the_same_kind(value: object) -> None:
    found = variants(value)
    assert found
    assert {type(one) for one in found} == {type(value)}
    assert any(one != value for one in found)


def test_what_cannot_be_varied_is_left() -> None:
    assert variants(None) == []


def test_the_one_whose_outputs_are_most_often_those_of_others() -> None:
    odd, same, near = {"a": "1", "b": "2"}, {"a": "1", "b": "3"}, {"a": "1", "b": "3"}
    assert most_agreed({4: odd, 7: same, 9: near}, {4: 1, 7: 1, 9: 1}) == 7
    assert most_agreed({4: odd}, {4: 1}) == 4
    assert most_agreed({4: odd, 7: same}, {4: 1, 7: 1}) == 4, "the first, where nothing tells"
    assert most_agreed({4: odd, 7: same}, {4: 1, 7: 2}) == 7, "what was written twice counts twice"
    assert most_agreed({4: {}, 7: {}}, {4: 1, 7: 1}) == 4


def test_a_probe_fails_with_what_the_function_gives() -> None:
    source = probe_module("pick", "pkg.lib", ["1", "[], by=2"])
    names: dict[str, object] = {}
    exec(source.replace("import pkg.lib as _module", "class _module: pick = staticmethod(max)"), names)
    test = names["test_1"]
    assert callable(test)
    with pytest.raises(TypeError, match="not iterable"):
        test()
    assert "_module.pick([], by=2)" in source
