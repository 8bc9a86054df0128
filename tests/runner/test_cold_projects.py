"""The shapes that projects and tests come in, run for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubles.runs import QUICK, TinyProject
from flowmill.shapes import Target, TestOrder, TestRef

MOD = '''
def add(a, b):
    """Add.

    >>> add(1, 2)
    3
    >>> add(*pair)
    5
    """
    return a + b


def other():
    """
    >>> other()
    2
    """
    return 1
'''
CONFTEST = """
import pytest

@pytest.fixture(autouse=True)
def names(doctest_namespace):
    doctest_namespace["pair"] = (2, 3)

@pytest.fixture
def three():
    return 3
"""
TESTS = """
import unittest
import pytest
from pkg.mod import add

def test_ok(three): assert add(1, 2) == three
def test_bad(): assert add(1, 2) == 4

@pytest.mark.parametrize("x", [1, 2])
def test_each(x): assert add(x, 0) == x

def test_skip(): pytest.skip("why")

@pytest.mark.xfail(reason="known")
def test_expected(): assert 0

@pytest.mark.xfail
def test_unexpected(): pass

@pytest.mark.xfail(strict=True)
def test_strict(): pass

@pytest.fixture
def broken(): raise OSError("no such thing")

def test_setup(broken): pass

@pytest.fixture
def leaves():
    yield
    raise OSError("late")

def test_teardown(leaves): pass
def test_stub(): raise NotImplementedError

class TestUnit(unittest.TestCase):
    def test_equal(self): self.assertEqual(add(1, 1), 3)
    def test_subtests(self):
        for i in range(3):
            with self.subTest(i=i):
                self.assertLess(i, 3)

def test_interrupt(): raise KeyboardInterrupt
def test_leave(): raise SystemExit(0)
def test_pytest_exit(): pytest.exit("bye", 0)
def test_last(): pass
"""
OUTCOMES = {
    "test_ok": "passed",
    "test_bad": "failed",
    "test_each[1]": "passed",
    "test_each[2]": "passed",
    "test_skip": "skipped",
    "test_expected": "skipped",
    "test_unexpected": "passed",
    "test_strict": "failed",
    "test_setup": "error",
    "test_teardown": "error",
    "test_stub": "failed",
    "TestUnit::test_equal": "failed",
    "TestUnit::test_subtests": "passed",
    "test_interrupt": "failed",
    "test_leave": "failed",
    "test_pytest_exit": "failed",
    "test_last": "passed",
}
PLAIN = {
    "pkg/__init__.py": "",
    "pkg/mod.py": MOD,
    "conftest.py": CONFTEST,
    "tests/test_mod.py": TESTS,
    # Spread, stopped early, written to files: all of this has to go, plugin installed or not.
    "pytest.ini": "[pytest]\naddopts = -n 2 --cov=pkg -x --lf -vx --junitxml out.xml --html=x -p no:terminal\n",
}


async def test_outcomes_ids_and_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # With xdist, to see that its option is gone; the other tests have the same options without plugins.
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    tiny = TinyProject(tmp_path, PLAIN)
    told = await tiny.run(TestOrder({}, files=("tests/test_mod.py",), limits=QUICK))
    assert told.outcomes == OUTCOMES
    assert told.end.problem is None
    assert told.end.reached is None
    assert told.collected is not None
    assert {ref.id for ref in told.collected.tests} == {f"tests/test_mod.py::{name}" for name in OUTCOMES}
    messages = {
        name: told.result(name).message for name in ("bad", "stub", "skip", "interrupt", "leave", "setup")
    }
    assert messages == {
        "bad": "AssertionError: assert 3 == 4",
        "stub": "NotImplementedError",
        "skip": "Skipped: why",
        "interrupt": "KeyboardInterrupt",
        "leave": "SystemExit: 0",
        "setup": "OSError: no such thing",
    }
    assert "assert add(1, 2) == 4" in told.result("test_bad").details


async def test_doctests_made_tests_and_trace(tmp_path: Path) -> None:
    tiny = TinyProject(tmp_path, PLAIN)
    made = "import pytest\nfrom pkg.mod import add\n@pytest.mark.parametrize('x', [4])\ndef test_sum(x): assert add(x, 1) == 6\n"
    add = tiny.target("pkg/mod.py", "add")
    order = TestOrder(
        {},
        files=("tests/test_mod.py",),
        keep=("tests/test_mod.py::test_each", "./tests/test_mod.py::test_last", "tests/gone.py::x"),
        doctest=add,
        made=made,
        trace=add,
        limits=QUICK,
    )
    for _ in range(2):  # the second time with the bytecode of the first
        told = await tiny.run(order)
        assert told.collected is not None
        assert told.collected.tests == (
            TestRef("tests/test_mod.py::test_each[1]"),
            TestRef("tests/test_mod.py::test_each[2]"),
            TestRef("tests/test_mod.py::test_last"),
            TestRef("pkg/mod.py::pkg.mod.add", "doctest"),
            TestRef("flowmill::made::test_sum[4]", "model"),
        )
        assert [result.outcome for result in told.results] == ["passed"] * 4 + ["failed"]
        assert told.results[-1].message == "AssertionError: assert 5 == 6"
        assert told.end.problem is None
        assert told.end.detail == "no test matches tests/gone.py::x"
        assert told.end.reached == {ref.id for ref in told.collected.tests if "last" not in ref.id}


async def test_a_failing_doctest_says_what_it_got(tmp_path: Path) -> None:
    tiny = TinyProject(tmp_path, PLAIN)
    told = await tiny.run(
        TestOrder({}, files=("pkg",), doctest=tiny.target("pkg/mod.py", "other"), limits=QUICK)
    )
    assert told.outcomes == {"pkg.mod.other": "failed"}
    assert told.results[0].message == "other(): expected 2, got 1"


async def test_doctests_that_the_project_collects_are_its_own(tmp_path: Path) -> None:
    tiny = TinyProject(tmp_path, PLAIN | {"pytest.ini": "[pytest]\naddopts = --doctest-modules\n"})
    order = TestOrder({}, keep=("nothing",), doctest=tiny.target("pkg/mod.py", "add"), limits=QUICK)
    told = await tiny.run(order)
    assert told.collected is not None
    assert told.collected.tests == (TestRef("pkg/mod.py::pkg.mod.add", "project"),)
    assert told.outcomes == {"pkg.mod.add": "passed"}


async def test_an_order_without_files_runs_no_test_of_the_project(tmp_path: Path) -> None:
    tiny = TinyProject(tmp_path, PLAIN | {"tests/test_broken.py": "import no_such_module\n"})
    made = "from pkg.mod import add\ndef test_sum(): assert add(4, 1) == 5\n"
    add = tiny.target("pkg/mod.py", "add")
    told = await tiny.run(TestOrder({}, (), doctest=add, made=made, limits=QUICK))
    assert told.outcomes == {"pkg.mod.add": "passed", "made::test_sum": "passed"}
    assert told.end.problem is None
    told = await tiny.run(TestOrder({}, (), made=made, limits=QUICK))
    assert (told.outcomes, told.end.problem) == ({"made::test_sum": "passed"}, None)
    told = await tiny.run(TestOrder({}, (), limits=QUICK))
    assert (told.outcomes, told.end.problem) == ({}, "no_tests")


async def test_made_tests_that_do_not_parse_are_left_out(tmp_path: Path) -> None:
    tiny = TinyProject(tmp_path, PLAIN)
    told = await tiny.run(
        TestOrder({}, keep=("tests/test_mod.py::test_ok",), made="def test_(:", limits=QUICK)
    )
    assert told.outcomes == {"test_ok": "passed"}
    assert told.end.problem is None


async def test_src_layout_and_namespace_package(tmp_path: Path) -> None:
    files = {
        "src/space/inner/mod.py": "from . import peer\ndef twice(x):\n    '''\n    >>> twice(2)\n    4\n    '''\n    return peer.two() * x\n",
        "src/space/inner/peer.py": "def two(): return 2\n",
        "tests/test_twice.py": "from space.inner.mod import twice\ndef test_twice(): assert twice(3) == 6\n",
        "pyproject.toml": "[tool.pytest.ini_options]\npythonpath = ['src']\ntestpaths = ['tests']\n",
    }
    tiny = TinyProject(tmp_path, files)
    twice = tiny.target("src/space/inner/mod.py", "twice")
    for keep in ((), ("nothing",)):
        told = await tiny.run(TestOrder({}, keep=keep, doctest=twice, trace=twice, limits=QUICK))
        wanted = {"space.inner.mod.twice": "passed"} | ({} if keep else {"test_twice": "passed"})
        assert told.outcomes == wanted
        assert told.end.reached == {result.id for result in told.results}


async def test_the_configuration_above_the_project_counts(tmp_path: Path) -> None:
    files = {"sub/test_a.py": "def test_a(tmp_path): assert tmp_path.is_dir()\ndef test_b(): pass\n"}
    above = tmp_path / "above"
    tiny = TinyProject(above, files, cache=tmp_path / "cache")
    (above / "pytest.ini").write_text("[pytest]\naddopts = --maxfail=1\n")
    told = await tiny.run(TestOrder({}, keep=("sub/test_a.py::test_a",), limits=QUICK))
    assert [result.id for result in told.results] == ["project/sub/test_a.py::test_a"]
    assert told.outcomes == {"test_a": "passed"}


async def test_reached_through_what_tests_share(tmp_path: Path) -> None:
    files = {
        "mod.py": "def f(): return 1\ndef g(): return 2\n",
        "test_f.py": "import pytest, mod\nmod.g()\n@pytest.fixture(scope='module')\ndef shared(): return mod.f()\n"
        "def test_a(shared): pass\ndef test_b(shared): pass\n",
    }
    tiny = TinyProject(tmp_path, files)
    for name in ("f", "g"):
        told = await tiny.run(TestOrder({}, trace=tiny.target("mod.py", name), limits=QUICK))
        assert told.end.reached == {"test_f.py::test_a", "test_f.py::test_b"}
    told = await tiny.run(TestOrder({}, trace=tiny.target("mod.py", "missing"), limits=QUICK))
    assert told.end.reached is None


async def test_nothing_collected(tmp_path: Path) -> None:
    tiny = TinyProject(tmp_path, {"mod.py": ""})
    told = await tiny.run(TestOrder({}, limits=QUICK))
    assert (told.collected, told.end.problem) == (None, "no_tests")
    tiny = TinyProject(tmp_path, PLAIN)
    told = await tiny.run(TestOrder({}, keep=("tests/test_mod.py::test_no",), limits=QUICK))
    assert told.end.problem == "no_tests"
    assert told.end.detail == "no test matches tests/test_mod.py::test_no"


async def test_wrong_usage(tmp_path: Path) -> None:
    tiny = TinyProject(tmp_path, PLAIN | {"pytest.ini": "[pytest]\naddopts = --unheard-of\n"})
    told = await tiny.run(TestOrder({}, limits=QUICK))
    assert told.end.problem == "usage"
    assert told.end.detail == "unrecognized arguments: --unheard-of"
    tiny = TinyProject(tmp_path, PLAIN)
    told = await tiny.run(TestOrder({}, files=("tests/gone.py",), limits=QUICK))
    assert (told.end.problem, told.end.detail) == ("usage", "file or directory not found: tests/gone.py")


async def test_collection_errors_and_who_caused_them(tmp_path: Path) -> None:
    files = {
        "mod.py": "def f():\n    return 1 // 0\n\ndef g(): pass\n",
        "test_call.py": "import mod\nVALUE = mod.f()\ndef test_a(): pass\n",
    }
    tiny = TinyProject(tmp_path, files)
    for name, through in (("f", True), ("g", False)):
        told = await tiny.run(TestOrder({}, trace=Target(tiny.root / "mod.py", name, 1, 2), limits=QUICK))
        assert told.end.problem == "collection"
        assert told.end.detail == "test_call.py: ZeroDivisionError: integer division or modulo by zero"
        assert told.end.through_target is through


async def test_broken_imports_are_named(tmp_path: Path) -> None:
    tiny = TinyProject(tmp_path, {"test_a.py": "import no_such_thing\n", "test_b.py": "def test_b(): pass\n"})
    told = await tiny.run(TestOrder({}, limits=QUICK))
    assert told.end.problem == "collection"
    assert told.end.detail == "test_a.py: ModuleNotFoundError: No module named 'no_such_thing'"
    tiny = TinyProject(tmp_path, {"conftest.py": "raise ValueError('not today')\n"})
    told = await tiny.run(TestOrder({}, limits=QUICK))
    assert (told.end.problem, told.end.detail) == ("collection", "conftest.py: ValueError: not today")
    tiny = TinyProject(tmp_path, {"conftest.py": "", "test_a.py": "raise SystemExit(3)\n"})
    told = await tiny.run(TestOrder({}, limits=QUICK))
    assert told.end.problem == "collection"
    assert "SystemExit: 3" in told.end.detail
