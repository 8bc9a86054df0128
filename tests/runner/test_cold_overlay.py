"""Unsaved text reaches imports, test files, tracebacks and inspect, and nothing else."""

from __future__ import annotations

from pathlib import Path

from doubles.runs import QUICK, TinyProject, tree
from flowmill.shapes import TestOrder

OLD = "def f():\n    return 'old'\n"
NEW = "\n\n\ndef f():\n    assert True, 'new text'\n    return 'new'\n"
FILES = {
    "mod.py": OLD,
    "conftest.py": "import pytest\n@pytest.fixture\ndef given(): return 'old conftest'\n",
    "test_f.py": "import mod\ndef test_f(): assert mod.f() == 'new'\n",
}


async def test_source_of_the_draft_is_imported(tmp_path: Path) -> None:
    tiny = TinyProject(tmp_path, FILES)
    mod = tiny.root / "mod.py"
    trace = tiny.target("mod.py", "f")
    # The tracing run writes bytecode of the file on disk; the overlay must win over that too.
    own = TestOrder({}, trace=trace, untrusted=False, limits=QUICK)
    assert (await tiny.run(own)).outcomes == {"test_f": "failed"}
    assert [name for name in tree(tmp_path / "cache") if "/mod." in name]
    assert (await tiny.run(TestOrder({mod: NEW.encode()}, limits=QUICK))).outcomes == {"test_f": "passed"}
    told = await tiny.run(TestOrder({mod: NEW.encode()}, trace=trace, limits=QUICK))
    assert told.end.reached == {"test_f.py::test_f"}
    assert (await tiny.run(TestOrder({}, limits=QUICK))).outcomes == {"test_f": "failed"}


async def test_runs_that_do_not_trace_write_no_bytecode(tmp_path: Path) -> None:
    tiny = TinyProject(tmp_path, FILES)
    await tiny.run(TestOrder({}, limits=QUICK))
    assert not [name for name in tree(tmp_path) if name.endswith(".pyc")]


async def test_overlaid_tests_and_conftest_are_rewritten(tmp_path: Path) -> None:
    tiny = TinyProject(tmp_path, FILES)
    overlay = {
        tiny.root / "test_f.py": b"import mod\ndef test_g(given): assert mod.f() == given\n",
        tiny.root / "conftest.py": FILES["conftest.py"].replace("old conftest", "unsaved").encode(),
    }
    told = await tiny.run(TestOrder(overlay, limits=QUICK))
    assert told.outcomes == {"test_g": "failed"}
    assert told.results[0].message == "AssertionError: assert 'old' == 'unsaved'"
    assert "assert mod.f() == given" in told.results[0].details


async def test_tracebacks_inspect_and_subprocess_free_reading(tmp_path: Path) -> None:
    tests = """
import inspect, linecache, runpy, traceback
import mod

def test_inspect():
    linecache.clearcache()
    assert "new text" in inspect.getsource(mod.f)

def test_traceback():
    try:
        mod.fail()
    except ZeroDivisionError as error:
        assert "1 / 0  # unsaved" in "".join(traceback.format_exception(type(error), error, error.__traceback__))

def test_runpy():
    assert runpy.run_path(mod.__file__)["f"]() == "new"
    assert runpy.run_module("mod")["f"]() == "new"

def test_failing(): mod.fail()
"""
    tiny = TinyProject(tmp_path, FILES | {"test_f.py": tests})
    text = NEW + "\n\ndef fail():\n    1 / 0  # unsaved\n"
    told = await tiny.run(TestOrder({tiny.root / "mod.py": text.encode()}, limits=QUICK))
    assert told.outcomes == {
        "test_inspect": "passed",
        "test_traceback": "passed",
        "test_runpy": "passed",
        "test_failing": "failed",
    }
    assert "1 / 0  # unsaved" in told.result("test_failing").details


async def test_links_and_encodings(tmp_path: Path) -> None:
    files = {"real/mod.py": OLD, "test_f.py": "import mod\ndef test_f(): assert mod.f() == 'n\\xe9w'\n"}
    tiny = TinyProject(tmp_path, files)
    (tiny.root / "mod.py").symlink_to(tiny.root / "real" / "mod.py")
    text = "# coding: latin-1\r\ndef f():\r\n    return 'n\xe9w'\r\n".encode("latin-1")
    for name in ("mod.py", "real/mod.py"):
        assert (await tiny.run(TestOrder({tiny.root / name: text}, limits=QUICK))).outcomes == {
            "test_f": "passed"
        }


async def test_a_module_that_was_never_saved(tmp_path: Path) -> None:
    files = {
        "pkg/__init__.py": "",
        "test_f.py": "from pkg.fresh import f\ndef test_f(): assert f() == 'new'\n",
    }
    tiny = TinyProject(tmp_path, files)
    told = await tiny.run(TestOrder({tiny.root / "pkg" / "fresh.py": NEW.encode()}, limits=QUICK))
    assert told.outcomes == {"test_f": "passed"}


async def test_a_draft_that_breaks_its_module(tmp_path: Path) -> None:
    tiny = TinyProject(tmp_path, FILES)
    told = await tiny.run(
        TestOrder({tiny.root / "mod.py": b"def f(:\n"}, doctest=tiny.target("mod.py", "f"), limits=QUICK)
    )
    assert told.end.problem == "collection"
    assert "SyntaxError" in told.end.detail
    assert told.end.through_target
