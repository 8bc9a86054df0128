"""Canaries and the seal in a real pytest session: each kind of tampering is seen, what honest tools do is not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flowmill.runner.child.canary import EXPECTED

HONEST = {
    "nothing": "pass",
    "a builtin used by tools": "import builtins; old = builtins.__import__; builtins.__import__ = lambda *given: old(*given)",
    "a new builtin": "import builtins; builtins._ = 1; builtins.reveal = print",
    "a patch that was undone": "import os; kept = os.getpid; os.getpid = int; os.getpid = kept",
    "classes pickled": "import copyreg, unittest; copyreg._slotnames(unittest.TestCase)",
    "a global of the test module": "import test_it; test_it.state = 2; test_it.fresh = len",
    "an attribute of a test class": "import test_it; test_it.TestUnit.connection = 1",
    "another outcome of a test's own object": "item = session.items[0]; kept = item._obj; item._obj = kept",
}
TAMPERING = {
    "TestReport.outcome": "r.TestReport.outcome = property(lambda self: 'passed', lambda self, value: None)",
    "TestReport.failed": "r.TestReport.failed = False",
    "TestReport.from_item_and_call": "r.TestReport.from_item_and_call = classmethod(lambda *given: None)",
    "CallInfo.from_call": "w.CallInfo.from_call.__func__.__code__ = (lambda *given, **named: None).__code__",
    "runner.call_and_report": "w.call_and_report = lambda *given, **named: None",
    "runner.len": "w.len = lambda thing: 0",
    "raises": "import pytest; sys.modules[pytest.raises.__module__].raises.__code__ = (lambda *given: None).__code__",
    "TestCase.assertEqual": "import unittest; unittest.TestCase.assertEqual = lambda *given: None",
    "TestCase.__getattribute__": "import unittest; unittest.TestCase.__getattribute__ = object.__getattribute__",
    "rewrite._call_reprcompare": "import _pytest.assertion.rewrite as a; a._call_reprcompare = lambda *given: ''",
    "builtins.isinstance": "import builtins; old = isinstance; builtins.isinstance = lambda *given: old(*given)",
    "os._exit": "import os; os._exit = lambda status: None",
    "json.dumps": "import json; json.dumps = lambda thing: ''",
    "Channel.send": "o.Channel.send = lambda *given, **named: None",
    "Record.add": "c.Record.add = lambda *given: None",
    "HookCaller.__call__": "import pluggy; pluggy.HookCaller.__call__ = lambda *given, **named: []",
    "test_it.helper": "import test_it; test_it.helper.__code__ = (lambda: 1).__code__",
    "test_it.TestUnit.test_unit": "import test_it; test_it.TestUnit.test_unit = lambda self: None",
    "test_it.len": "import test_it; test_it.len = lambda thing: 0",
    "test test_small": "session.items[0].runtest = lambda: None",
    "hook pytest_runtest_makereport": "session.config.pluginmanager.register(Forger())",
    "sys.settrace": "sys.settrace(lambda *given: None)",
    "sys.setprofile": "sys.setprofile(lambda *given: None)",
}
PASSING = {
    "assert": "w.pytest_runtest_call.__code__ = (lambda item: None).__code__",
    "unittest": "import unittest; unittest.TestCase.assertEqual = lambda *given: None",
    "raises": "import pytest, contextlib; pytest.raises = lambda kind: contextlib.nullcontext()",
    "fixture": "import _pytest.fixtures as f; f.call_fixture_func = lambda *given: None",
}
PLUGIN = """
import json, os, sys

sys.path.insert(0, {flow!r})
import _pytest.reports as r, _pytest.runner as w, pytest
import flowmill.runner.child.canary as c
import flowmill.runner.child.order as o
from flowmill.runner.child.canary import Canary
from flowmill.runner.child.seal import Seal


class Forger:
    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self):
        yield


class Sealer:
    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self):
        self.seal = Seal()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtestloop(self, session):
        self.seal.watch_session(session, [])
        canary = Canary(session, {folder!r})
        yield
        told = {{name: forked(code, session, canary, self.seal) for name, code in {codes!r}.items()}}
        open({told!r}, "w").write(json.dumps(told))


def forked(code, session, canary, seal):
    reading, writing = os.pipe()
    dumps = json.dumps
    leave = os._exit
    if os.fork() == 0:
        try:
            exec(code, {{**globals(), "session": session}})
            caught = canary.caught()
            # Looked at without a tracer of ours, as the child's own end does.
            os.write(writing, dumps([sorted(caught), seal.broken()]).encode())
        finally:
            leave(0)
    os.close(writing)
    with open(reading, "rb") as told:
        data = told.read()
    os.wait()
    return json.loads(data or "null")


def pytest_addhooks(pluginmanager):
    pluginmanager.register(Sealer())
"""
TESTS = """
import unittest

state = 1


def helper():
    return 1


def test_small():
    assert helper() == 1


class TestUnit(unittest.TestCase):
    def test_unit(self):
        self.assertEqual(helper(), 1)
"""
FLOW = Path(__file__).parents[2] / "flow"
Told = dict[str, tuple[list[str], list[str]]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """What canaries and seal said after each piece of code, in a copy of one session each."""
    folder = tmp_path_factory.mktemp("seal")
    codes = {**HONEST, **TAMPERING, **{f"canary {name}": code for name, code in PASSING.items()}}
    answer = folder / "told.json"
    plugin = PLUGIN.format(flow=str(FLOW), folder=str(folder), codes=codes, told=str(answer))
    (folder / "sealer.py").write_text(plugin)
    (folder / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "sealer", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, timeout=60
    )
    assert answer.exists(), done.stdout + done.stderr
    return json.loads(answer.read_text())


@pytest.mark.parametrize("name", HONEST)
def test_honest_tools_break_nothing(told: Told, name: str) -> None:
    caught, broken = told[name]
    assert caught == sorted(EXPECTED)
    assert broken == []


@pytest.mark.parametrize("name", TAMPERING)
def test_tampering_is_named(told: Told, name: str) -> None:
    _, broken = told[name]
    assert any(entry.endswith(name) for entry in broken), broken


@pytest.mark.parametrize("name", PASSING)
def test_a_canary_that_passes_is_not_caught(told: Told, name: str) -> None:
    caught, _ = told[f"canary {name}"]
    assert name not in caught
