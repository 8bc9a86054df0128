"""Shows that failing still fails: tests that must not pass, run beside those that did.

A draft that makes every test pass, by whatever it patched, makes these pass as well.
Where pytest is only lied to about single tests, see seal.py.
"""

from __future__ import annotations

import ast
import importlib
import pathlib
import types
from typing import Any, cast

import pytest

from .outcomes import Record

SOURCE = b"""\
import unittest
import pytest


def canary_assert():
    assert 1 == 2


class CanaryCase(unittest.TestCase):
    def test_unittest(self):
        self.assertEqual(1, 2)


def canary_raises():
    with pytest.raises(ValueError):
        pass


@pytest.fixture
def flowmill_canary():
    raise ValueError


def canary_fixture(flowmill_canary):
    pass
"""
NAME = "flowmill_canary.py"
EXPECTED = {"assert": "failed", "unittest": "failed", "raises": "failed", "fixture": "error"}
"""The outcome that each of them must have."""


class _Module(pytest.Module):
    """A test module that has no file."""

    flowmill_module: types.ModuleType

    def _getobj(self) -> types.ModuleType:
        return self.flowmill_module


class Canary:
    """Four tests in the session of the user's tests; what fixtures and conftests of the project do is not done for them."""

    def __init__(self, session: pytest.Session, scratch: str) -> None:
        # Outside of the project no conftest of it has a say.
        path = pathlib.Path(scratch, NAME)
        module: Any = cast(Any, _Module).from_parent(session, path=path)
        module.flowmill_module = _rewritten(path, session.config)
        fixtures: Any = session._fixturemanager
        fixtures.parsefactories(module)
        self._items = {
            name: cast(Any, pytest.Function).from_parent(
                module, name=f"canary_{name}", callobj=getattr(module.obj, f"canary_{name}")
            )
            for name in ("assert", "raises", "fixture")
        }
        self._items["unittest"] = _unittest_item(module)
        for item in self._items.values():
            own = [name for name in item.fixturenames if name == "flowmill_canary"]
            item.fixturenames[:] = own
            # Nobody reads how it failed, and drawing tracebacks takes longer than all the rest.
            item.repr_failure = item._repr_failure_py = _brief
        self._protocol: Any = importlib.import_module("_pytest.runner").runtestprotocol

    def caught(self) -> list[str]:
        """The names of those that fail as they must."""
        return [name for name, item in self._items.items() if self._outcome(item) == EXPECTED[name]]

    def _outcome(self, item: pytest.Item) -> str:
        record = Record()
        try:
            for report in self._protocol(item, log=False, nextitem=None):
                record.add(report)
        except BaseException:
            # Whatever a draft brought about here, it is no failing test.
            return ""
        return record.outcome


def _brief(*given: object, **options: object) -> str:
    return "as it must"


def _unittest_item(module: Any) -> Any:
    kind: Any = importlib.import_module("_pytest.unittest").UnitTestCase
    case = kind.from_parent(module, name="CanaryCase", obj=module.obj.CanaryCase)
    (item,) = case.collect()
    return item


def _rewritten(path: pathlib.Path, config: pytest.Config) -> types.ModuleType:
    """The module with its assertions as pytest rewrites them in test files."""
    rewriter: Any = importlib.import_module("_pytest.assertion.rewrite")
    tree = ast.parse(SOURCE)
    rewriter.rewrite_asserts(tree, SOURCE, str(path), config)
    module = types.ModuleType(path.stem)
    exec(compile(tree, str(path), "exec", dont_inherit=True), vars(module))
    return module
