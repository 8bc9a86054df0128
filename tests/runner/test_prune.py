"""Which functions and classes of a module are made into tests at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from flowmill.runner.child.order import Order
from flowmill.runner.child.prune import Pruner


@dataclass
class Collector:
    """As much of a pytest collector as is asked for."""

    nodeid: str
    rootpath: Path = field(default_factory=Path.cwd)

    @property
    def config(self) -> SimpleNamespace:
        return SimpleNamespace(rootpath=self.rootpath)


def order(*keep: str, zygote: str = "") -> Order:
    return Order(0, "", "", False, {}, [], list(keep), None, None, None, False, None, 1.0, zygote=zygote)


@pytest.mark.parametrize(
    ("keep", "place", "name", "wanted"),
    [
        ((), "t.py", "test_a", True),
        (("t.py::test_a",), "t.py", "test_a", True),
        (("t.py::test_a",), "t.py", "test_ab", False),
        (("t.py::test_ab",), "t.py", "test_a", False),
        (("t.py::test_a[x::y/z]",), "t.py", "test_a", True),
        (("t.py::C::test_a",), "t.py", "C", True),
        (("t.py::C::test_a",), "t.py", "test_a", False),
        (("t.py::C::test_a",), "t.py::C", "test_a", True),
        (("t.py::C::test_a",), "t.py::C", "test_b", False),
        (("t.py::C",), "t.py::C", "test_b", True),
        (("t.py",), "t.py::C", "test_b", True),
        (("sub/",), "sub/t.py", "test_a", True),
        (("./sub/t.py::test_a",), "sub/t.py", "test_a", True),
        (("other.py",), "t.py", "test_a", False),
    ],
)
def test_wanted(keep: tuple[str, ...], place: str, name: str, wanted: bool) -> None:
    assert Pruner(order(*keep)).wants(Collector(place), name) is wanted


def test_names_may_start_from_the_working_directory() -> None:
    inner = Collector("t.py", Path.cwd() / "sub")
    assert Pruner(order("sub/t.py::test_a")).wants(inner, "test_a")
    assert not Pruner(order("sub/t.py::test_a")).wants(inner, "test_b")


def test_what_waits_has_them_all() -> None:
    assert Pruner(order("t.py::test_a", zygote="collected")).wants(Collector("t.py"), "test_b")
