"""Which functions each test executes, told by real runs in every interpreter that is here."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from doubles.runs import QUICK, TinyProject, Told
from flowmill.runner.child.census import CHUNK, Census, is_test_file, qualnames
from flowmill.runner.child.overlay import Overlay
from flowmill.runner.child.tracer import ENOUGH, Tracer
from flowmill.shapes import TestOrder

LIB = """
import functools, threading
from concurrent.futures import ThreadPoolExecutor

def registered(f):
    @functools.wraps(f)
    def wrapper(*args):
        return f(*args)
    return wrapper

@registered
def twice(x): return x + x

def often(n): return sum(once(i) for i in range(n))
def once(i): return i

class Box:
    size: int = len("box")
    def __init__(self): self.v = unused and twice(1)
    @property
    def area(self): return (lambda: twice(2))()
    def outer(self):
        def inner(): return 1
        return inner()

def unused(): return 3
def in_thread(): return 4
def threaded():
    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
def prepared(): return twice(2)
async def awaited(): return twice(3)
def counted():
    yield 1
    yield 2
"""
TESTS = """
import asyncio, pytest, lib
from util import helper

@pytest.fixture(scope="module")
def shared(): return lib.prepared()

@pytest.fixture
def own(): yield lib.once(1); lib.often(1)

def test_hot(): lib.often(1000)
@pytest.mark.parametrize("n", [0, 1])
def test_box(n, shared): assert lib.Box().area and (not n or lib.Box().outer())
def test_fixture(own): pass
def test_nothing(): assert len("ab") == 2
class TestClass:
    def test_threads(self): lib.threaded()
    def test_coroutine(self): asyncio.run(lib.awaited()); list(lib.counted())
def test_failing(): helper(); assert lib.once(1) == 2
"""
FILES = {"lib.py": LIB, "tests/test_a.py": TESTS, "tests/util.py": "def helper(): pass\n"}
EXPECTED = {
    "test_hot": {"often", "once"},
    "test_box[0]": {"Box.__init__", "Box.area", "registered.wrapper", "twice"},
    "test_box[1]": {
        "Box.__init__",
        "Box.area",
        "Box.outer",
        "Box.outer.inner",
        "registered.wrapper",
        "twice",
    },
    "test_fixture": {"once", "often"},
    "test_nothing": set[str](),
    "TestClass::test_threads": {"threaded", "in_thread"},
    "TestClass::test_coroutine": {"awaited", "counted", "registered.wrapper", "twice"},
    "test_failing": {"once"},
}
SHARED = {"registered", "prepared", "registered.wrapper", "twice", "in_thread"}
PYTHONS = {"here": sys.executable} | {
    folder.name: str(folder / "bin" / "python")
    for folder in sorted(Path(sys.prefix, "environments").glob("py3.*-pytest*"))
}
"""This interpreter, and those that `make environments` made."""


def executed(told: Told) -> dict[str, set[str]]:
    assert told.end.census is not None
    assert {file for ran in told.end.census.tests.values() for file, _ in ran} == {"lib.py"}
    return {
        test.partition("::")[2]: {qualname for _, qualname in ran}
        for test, ran in told.end.census.tests.items()
    }


@pytest.mark.parametrize("python", PYTHONS.values(), ids=PYTHONS)
async def test_every_test_with_what_it_executes(tmp_path: Path, python: str) -> None:
    tiny = TinyProject(tmp_path, FILES, python=python)
    told = await tiny.run(TestOrder({}, census=True, untrusted=False, limits=QUICK))
    assert executed(told) == EXPECTED
    assert told.end.census is not None
    assert {qualname for _, qualname in told.end.census.shared} == SHARED
    assert told.end.reached is None
    assert told.outcomes["test_failing"] == "failed"


@pytest.mark.parametrize("python", PYTHONS.values(), ids=PYTHONS)
async def test_beside_a_trace_only_where_it_costs_nothing(tmp_path: Path, python: str) -> None:
    tiny = TinyProject(tmp_path, FILES, python=python)
    order = TestOrder({}, census=True, trace=tiny.target("lib.py", "once"), untrusted=False, limits=QUICK)
    told = await tiny.run(order)
    assert told.end.reached is not None
    names = {test.partition("::")[2] for test in told.end.reached}
    assert names == {"test_hot", "test_fixture", "test_failing"}
    assert told.end.census is None or executed(told) == EXPECTED


async def test_the_text_in_the_editor_counts(tmp_path: Path) -> None:
    tiny = TinyProject(
        tmp_path, {"lib.py": "def a(): pass\n", "test_a.py": "import lib\ndef test(): lib.b()\n"}
    )
    overlay = {tiny.root / "lib.py": b"\n\nclass C:\n    def m(self): pass\ndef b(): C().m()\n"}
    told = await tiny.run(TestOrder(overlay, census=True, untrusted=False, limits=QUICK))
    assert executed(told) == {"test": {"b", "C.m"}}


async def test_a_test_that_dies_is_not_told_and_the_others_are(tmp_path: Path) -> None:
    tests = "import lib, os\ndef test_a(): lib.a()\ndef test_b(): os._exit(1)\ndef test_c(): lib.a()\n"
    tiny = TinyProject(tmp_path, {"lib.py": "def a(): pass\n", "test_a.py": tests})
    told = await tiny.run(TestOrder({}, census=True, untrusted=False, limits=QUICK))
    assert executed(told) == {"test_a": {"a"}, "test_c": {"a"}}


# ------------------------------------------------------------------ without a process
def test_qualified_names() -> None:
    source = (
        "class C:\n    @d\n    def f(self):\n        if 1:\n            def g(): pass\nasync def h(): pass\n"
    )
    assert qualnames(source) == {("f", 2): "C.f", ("g", 5): "C.f.g", ("h", 6): "h"}
    assert qualnames("def (") == {}


@pytest.mark.parametrize(
    ("path", "is_test"),
    [
        ("lib.py", False),
        ("test_lib.py", True),
        ("lib_test.py", True),
        ("pkg/conftest.py", True),
        ("tests/util.py", True),
        ("pkg/testing/util.py", False),
        ("latest.py", False),
    ],
)
def test_what_is_a_test(path: str, is_test: bool) -> None:
    assert is_test_file(path.split("/")) is is_test


def code_of(source: str, filename: Path | str) -> list[types.CodeType]:
    module = compile(source, str(filename), "exec")
    return [module, *(const for const in module.co_consts if isinstance(const, types.CodeType))]


def make_census(root: Path) -> tuple[Census, list[tuple[str, list[tuple[str, str]]]]]:
    said: list[tuple[str, list[tuple[str, str]]]] = []
    return Census(str(root), lambda test, ran: said.append((test, ran)), Overlay({})), said


def test_only_functions_of_the_project_are_wanted(tmp_path: Path) -> None:
    census, _ = make_census(tmp_path)
    foreign = ["/usr/lib/x.py", "<string>", tmp_path / ".venv" / "x.py", tmp_path / "lib/site-packages/x.py"]
    assert not any(
        census.here(str(name)) for name in (*foreign, tmp_path / "x.jinja", tmp_path / "test_x.py")
    )
    file = tmp_path / "x.py"
    file.write_text("def f(): pass\nclass C: pass\ng = lambda: 1\n")
    assert census.here(str(file))
    assert [census.wants(code) for code in code_of(file.read_text(), file)] == [False, True, False, False]


def test_long_lists_are_told_in_pieces(tmp_path: Path) -> None:
    census, said = make_census(tmp_path)
    file = tmp_path / "x.py"
    file.write_text("".join(f"def f{n}(): pass\n" for n in range(CHUNK + 5)))
    codes = [code for code in code_of(file.read_text(), file) if census.wants(code)]
    census.entered(frame_of(codes[0]), own=False, aside=False)
    census.begin_test()
    for code in codes:
        census.entered(frame_of(code), own=True, aside=False)
    census.end_test("t::a")
    census.begin_test()
    census.end_test("t::b")
    assert [(test, len(ran)) for test, ran in said] == [("", 1), ("t::a", CHUNK), ("t::a", 5), ("t::b", 0)]


def frame_of(code: types.CodeType) -> Any:
    return types.SimpleNamespace(f_code=code)


class Counting:
    """Listens to one function."""

    def __init__(self, code: types.CodeType) -> None:
        self._code = code
        self.entries: list[bool] = []
        self.content = False

    def here(self, filename: str) -> bool:
        return filename == self._code.co_filename

    def wants(self, code: types.CodeType) -> bool:
        return code is self._code

    def begin_test(self) -> None:
        self.content = False

    def entered(self, frame: types.FrameType, *, own: bool, aside: bool) -> None:
        assert frame.f_code is self._code
        self.entries.append(own)


def test_a_function_is_told_once_in_each_scene() -> None:
    def busy() -> None: ...

    def rush() -> None:
        for _ in range(2 * ENOUGH):
            busy()

    listener, tracer = Counting(busy.__code__), Tracer()
    if not tracer.start(listener):
        pytest.skip("this interpreter is traced already")
    try:
        rush()
        tracer.begin_test()
        rush()
        tracer.share(True)
        rush()
        tracer.share(False)
        rush()
        tracer.end_test()
        rush()
        assert listener.entries == [False, True, False, True, False]
        assert tracer.start(listener)
        rush()
        assert listener.entries == [False, True, False, True, False, False]
    finally:
        tracer.stop()
    rush()
    assert len(listener.entries) == 6
