"""A warm runner on a small project whose function is a stub."""

from __future__ import annotations

import sys
from pathlib import Path

from doubles.runs import QUICK, Told
from flowmill.protocols import Runner
from flowmill.runner.guard import Guard
from flowmill.runner.spares import IDLE_SECONDS
from flowmill.runner.warm import WarmRunner
from flowmill.shapes import Collected, Project, RunEnd, Target, TestLimits, TestOrder, TestResult

MOD = '''\
import functools

REGISTRY = []


def keep(function):
    @functools.wraps(function)
    def kept(*args):
        return function(*args)

    REGISTRY.append(kept)
    return kept


@keep
def total(items):
    """The sum of the items."""
    raise NotImplementedError


def other():
    return 1


alias = total
'''
TESTS = """\
import os
import sys
import mod

EARLY = sys.stdout
from mod import alias, total

def test_total(tmp_path, capfd):
    (tmp_path / "x").write_text("here")
    print("loud")
    assert total([1, 2]) == 3
    assert "loud" in capfd.readouterr().out

def test_alias():
    print("to the stream of the import", file=EARLY)
    assert alias([2]) == 2

def test_registry(): assert mod.REGISTRY[0]([]) == 0
def test_other(): assert mod.other() == 1
"""
BODY = "    raise NotImplementedError\n"
GOOD = "    return sum(items)\n"
BAD = "    return len(items)\n"


class Warm:
    """A warm runner on a small project whose function is a stub."""

    def __init__(
        self,
        folder: Path,
        *,
        forks: bool = True,
        tests: str = TESTS,
        mod: str = MOD,
        idle: float = IDLE_SECONDS,
    ) -> None:
        self.root = folder / "project"
        self.root.mkdir()
        self.mod = self.root / "mod.py"
        self.mod.write_text(mod)
        self.text = mod
        (self.root / "test_mod.py").write_text(tests)
        project = Project(self.root, Path(sys.executable), "--python")
        cache = folder / "cache"
        cache.mkdir()
        self.runner = WarmRunner(project, cache, Guard(project, cache), forks=forks, idle=idle)

    @property
    def target(self) -> Target:
        lines = self.text.splitlines()
        start = next(n for n, line in enumerate(lines, 1) if line.startswith("def total"))
        decorated = start - (lines[start - 2].startswith("@"))
        return Target(self.mod, "total", decorated, lines.index(BODY.rstrip("\n")) + 1)

    async def baseline(self) -> Told:
        return await self.told(
            TestOrder({}, ("test_mod.py",), trace=self.target, untrusted=False, limits=QUICK)
        )

    async def draft(self, body: str, *, limits: TestLimits = QUICK, more: str = "") -> Told:
        text = self.text.replace(BODY, body) + more
        given = TestOrder({self.mod: text.encode()}, ("test_mod.py",), limits=limits)
        return await self.told(given)

    async def told(self, order: TestOrder) -> Told:
        return await told(self.runner, order)


async def told(runner: Runner, order: TestOrder) -> Told:
    messages = [message async for message in runner.run(order)]
    *others, end = messages
    assert isinstance(end, RunEnd)
    collected = [message for message in others if isinstance(message, Collected)]
    results = tuple(message for message in others if isinstance(message, TestResult))
    return Told(collected[0] if collected else None, results, end)


WRONG = {"test_total": "failed", "test_alias": "failed", "test_registry": "failed", "test_other": "passed"}
RIGHT = dict.fromkeys(WRONG, "passed")
