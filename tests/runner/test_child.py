"""The parts of the test process that can be looked at without starting one."""

from __future__ import annotations

import pytest

from flowmill.runner.child.collect import lineage, plain_id
from flowmill.runner.child.options import strip_options
from flowmill.runner.child.outcomes import headline
from flowmill.runner.child.overlay import Overlay
from flowmill.runner.child.watch import find_spans


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("-n 4 -v", "-v"),
        ("-nauto --dist=loadfile --dist loadfile -q", "-q"),
        ("--cov --cov=src --cov src --cov-report term --cov-report=html --cov-branch -s", "-s"),
        ("--no-cov --cov-fail-under=90", ""),
        ("--lf --ff --nf --sw --stepwise-skip --last-failed-no-failures all", ""),
        ("--junitxml out.xml --junit-xml=out.xml --html=r.html --self-contained-html", ""),
        ("-x --exitfirst --maxfail=1 --maxfail 2 --pdb", ""),
        ("-xvs", "-vs"),
        ("-rxX -vx", "-rxX -v"),
        ("--basetemp=/tmp/x --basetemp x", ""),
        ("-p no:terminal -p mine -pno:terminal -p xdist -p no:warnings", "-p mine -p no:warnings"),
        ("-k spam -m 'not slow'", "-k spam -m 'not slow'"),
        ("--strict-markers --import-mode=importlib -W error --doctest-modules", None),
        ("--randomly-seed=1 -p no:randomly --random-order-bucket=global", "-p no:randomly"),
        ("--collect-only --setup-plan", ""),
        ("--durations=10 --timeout=5 tests", None),
    ],
)
def test_options_in_the_way_are_stripped(given: str, kept: str | None) -> None:
    assert strip_options(given.split()) == (given if kept is None else kept).split()


@pytest.mark.parametrize(
    ("node", "entry", "is_below"),
    [
        ("t.py::a", "t.py::a", True),
        ("t.py::a[1]", "t.py::a", True),
        ("t.py::C::a", "t.py::C", True),
        ("t.py::a", "t.py", True),
        ("tests/t.py::a", "tests", True),
        ("tests/t.py::a", "tests/", True),
        ("t.py::ab", "t.py::a", False),
        ("t.py::a", "t.py::a[1]", False),
        ("tests2/t.py::a", "tests", False),
    ],
)
def test_below(node: str, entry: str, is_below: bool) -> None:
    assert (entry.rstrip("/") in lineage(node)) is is_below


def test_only_the_path_of_a_node_id_is_made_plain() -> None:
    assert plain_id("./tests/../t.py::a[x/../y]") == "t.py::a[x/../y]"


SOURCE = """
class C:
    @property
    @functools.cache
    def f(self):
        def g(): pass
        return g

if True:
    def f(): pass
else:
    async def f():
        pass
"""


@pytest.mark.parametrize(
    ("qualname", "spans"),
    [
        ("C.f", [(3, 7)]),
        ("f", [(10, 10), (12, 13)]),
        ("C.f.g", [(6, 6)]),
        ("C.f.<locals>.g", [(6, 6)]),
        ("C", []),
        ("nope", []),
    ],
)
def test_spans(qualname: str, spans: list[tuple[int, int]]) -> None:
    assert find_spans(SOURCE, qualname) == spans


def test_spans_of_a_broken_file() -> None:
    assert find_spans("def f(:", "f") == []


class Nameless(Exception):
    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (NotImplementedError(), "NotImplementedError"),
        (AssertionError("assert 3 == 4\n +  where 3 = f()"), "AssertionError: assert 3 == 4"),
        (KeyError("x"), "KeyError: 'x'"),
        (Nameless(), "Nameless: <its text raised ValueError>"),
    ],
    ids=["bare", "rewritten", "key", "broken"],
)
def test_headline(error: BaseException, line: str) -> None:
    assert headline(error) == line


def test_source_is_decoded_as_python_does() -> None:
    overlay = Overlay({"/p/a.py": b"# coding: latin-1\r\nx = '\xe9'\r\n", "/p/b.py": b"\xff"})
    assert overlay.source("/p/a.py") == "# coding: latin-1\nx = 'é'\n"
    assert overlay.source("/p/b.py") is None
    assert overlay.source("/p/c.py") is None
