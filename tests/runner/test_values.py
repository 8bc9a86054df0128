"""What a call was given, told without running any code of the values' own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path, PurePosixPath
from types import FrameType, SimpleNamespace
from typing import Any, ClassVar, NamedTuple

import pytest

from doubles.runs import QUICK, TinyProject
from flowmill.runner.child.values import CALL_CHARS, describe, describe_call
from flowmill.shapes import TestOrder

LIB = """
def grow(items, by=1):
    return [item + by for item in items]

def twice(items):
    return grow(grow(items), 2)
"""
TESTS = """
import lib

def test_both(): assert lib.twice([1]) == [4]
def test_none(): assert lib
"""


class Point(NamedTuple):
    x: int
    y: str


class Shop:
    def __init__(self) -> None:
        self.rate, self.goods = 2, ["a", "b"]


class Sly:
    """Whatever it is asked tells on who asks."""

    asked: ClassVar[list[str]] = []

    def __repr__(self) -> str:
        self.asked.append("repr")
        return "Sly"

    def __getattribute__(self, name: str) -> Any:
        Sly.asked.append(name)
        return super().__getattribute__(name)


class Lazy(dict[str, int]):
    def __iter__(self) -> Iterator[str]:
        raise AssertionError("it was run through")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "None"),
        (2.5, "2.5"),
        ("it's", '"it\'s"'),
        ("x" * 99, repr("x" * 60) + "..."),
        (b"ab", "b'ab'"),
        ([1, [2, (3,)]], "[1, [2, (3,)]]"),
        (list(range(9)), "[0, 1, 2, 3, 4, 5, ...]"),
        ([[[[1]]]], "[[[...]]]"),
        ({"a": {1}}, "{'a': {1}}"),
        ([set[int](), dict[int, int](), ()], "[set(), {}, ()]"),
        (Point(1, "y"), "Point(1, 'y')"),
        (date(2020, 1, 2), "datetime.date(2020, 1, 2)"),
        (Decimal("1.5"), "Decimal('1.5')"),
        (PurePosixPath("a/b"), "PurePosixPath('a/b')"),
        (Shop(), "<Shop rate=2 goods=['a', 'b']>"),
        ([Shop()], "[<Shop>]"),
        (Shop, "<class Shop>"),
        (len, "<function len>"),
        (object(), "<object>"),
        (iter([1]), "<list_iterator>"),
        (Lazy(a=1), "<Lazy>"),
        (SimpleNamespace(n=1), "<SimpleNamespace n=1>"),
    ],
)
def test_a_value(value: object, told: str) -> None:
    assert describe(value) == told


def test_nothing_is_asked_of_an_object() -> None:
    describe([Sly(), {"k": Sly()}])
    assert describe(Sly()) == "<Sly>"
    assert Sly.asked == []


def test_a_call_has_its_arguments_as_they_are_spelt() -> None:
    def price(goods: object, /, rate: int = 2, *more: object, net: bool = False, **rest: object) -> FrameType:
        inner = [rate for _ in "a"]
        return sys._getframe() if inner else price(goods)

    frame = price(["a"], 3, 4, net=True, unit="kg")
    assert (
        describe_call("price", frame)
        == "price(goods=['a'], rate=3, net=True, *more=(4,), **rest={'unit': 'kg'})"
    )
    assert len(describe_call("f" * 999, frame)) == CALL_CHARS


async def test_a_run_tells_the_first_call_of_each_test(tmp_path: Path) -> None:
    project = TinyProject(tmp_path, {"lib.py": LIB, "test_lib.py": TESTS})
    order = TestOrder({}, ("test_lib.py",), trace=project.target("lib.py", "grow"), limits=QUICK)
    told = await project.run(order)
    assert {result.id.rpartition("::")[2]: result.call for result in told.results} == {
        "test_both": "grow(items=[1], by=1)",
        "test_none": "",
    }
