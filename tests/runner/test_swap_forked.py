"""One collection, several drafts: what a forked copy tells after a swap is what a new run tells."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from doubles import swap_plugin
from flowmill.runner.program import program
from flowmill.runner.swap import Swap, plan, restore_lines
from flowmill.source import SourceFile, find

if not hasattr(os, "fork"):
    pytest.skip("needs fork", allow_module_level=True)

MODULE = '''"""Prices."""

import decimal


class Basket:
    def __init__(self, prices):
        self.prices = prices

    def total(self, discount=0):
        """The sum.

        >>> Basket([1, 2]).total()
        3
        >>> Basket([1, 2]).total(
        ...     discount=1)
        2
        """
        raise NotImplementedError

    def doubled(self):
        return 2 * self.total(
            discount=0,
        )


def shown(basket):
    return f"{basket.doubled()} EUR"
'''
TESTS = """from shop import prices
from shop.prices import Basket, shown


class TestBasket:
    def test_total(self):
        assert Basket([1, 2]).total() == 3

    def test_discount(self):
        assert Basket([1, 2]).total(
            discount=1
        ) == 2

    def test_shown(self):
        assert shown(Basket([5])) == "10 EUR"

    def test_decimals(self):
        assert prices.shown(Basket([prices.decimal.Decimal("0.5")])) == "1.0 EUR"
"""
STUB = "        raise NotImplementedError\n"
DRAFTS = {
    "right": MODULE.replace(STUB, "        return sum(self.prices) - discount\n"),
    "wrong": MODULE.replace(
        STUB, "        total = sum(\n            self.prices\n        )\n        return total\n"
    ),
    "raises": MODULE.replace(STUB, "        return self.prices.total\n"),
    "helped": MODULE.replace("import decimal", "import decimal\nimport math")
    .replace(
        "class Basket:",
        "def _less(total, discount):\n    if discount > total / 2:\n        raise ValueError(discount)\n"
        "    return total - discount * 2\n\n\nclass Basket:",
    )
    .replace(
        STUB,
        "        total = math.fsum(self.prices)\n        return _less(\n            total, discount\n        )\n",
    ),
}


def run(folder: Path, base: str, swaps: list[Swap | None]) -> list[dict[str, Any]]:
    """Collect the project with this text of the module and run its tests once per swap."""
    order = {
        "program": str(program(folder.parent)),
        "file": str(folder / "shop" / "prices.py"),
        "qualname": "Basket.total",
        "base": base,
        "swaps": [None if swap is None else swap.wire() for swap in swaps],
        "results": str(folder / "results"),
    }
    (folder / "shop").mkdir(parents=True)
    (folder / "shop" / "prices.py").write_text(base)
    (folder / "test_prices.py").write_text(TESTS)
    (folder / "order.json").write_text(json.dumps(order))
    environment = {
        **os.environ,
        "SWAP_ORDER": str(folder / "order.json"),
        "PYTHONPATH": os.pathsep.join([str(folder), str(Path(swap_plugin.__file__).parent)]),
    }
    command = [sys.executable, "-B", "-m", "pytest", "-q", "--tb=short", "--doctest-modules", "--rootdir=."]
    command += ["-p", "swap_plugin", "-p", "no:cacheprovider"]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode in (0, 5), ended.stdout + ended.stderr
    return [json.loads((folder / f"results.{number}").read_text()) for number in range(len(swaps))]


def plain(tests: list[Any], folder: Path) -> list[list[str]]:
    """The outcomes without what differs from one run to the next: the folder, and where objects lie."""
    return [[re.sub(r"0x[0-9a-f]+", "0x", text.replace(str(folder), ".")) for text in test] for test in tests]


def swap_of(folder: Path, base: str, new: str) -> Swap:
    file = SourceFile.from_bytes(folder / "shop" / "prices.py", base.encode())
    swap = plan(base, new, find(file, "Basket.total").target(file.path))
    assert isinstance(swap, Swap), swap
    return swap


FAILED = {
    "right": set[str](),
    "wrong": {"test_discount", "prices.Basket.total"},
    "raises": {"test_total", "test_discount", "test_shown", "test_decimals", "prices.Basket.total"},
    "helped": {"test_discount", "test_shown", "prices.Basket.total"},
}


def test_forked_drafts_tell_what_new_runs_tell(tmp_path: Path) -> None:
    once = tmp_path / "once"
    swaps = [swap_of(once, MODULE, new) for new in DRAFTS.values()]
    for (name, new), swap, told in zip(DRAFTS.items(), swaps, run(once, MODULE, [*swaps]), strict=True):
        [expected] = run(tmp_path / name, new, [None])
        assert told["refused"] == ""
        restored = [(test, outcome, restore_lines(swap, text)) for test, outcome, text in told["tests"]]
        assert plain(restored, once) == plain(expected["tests"], tmp_path / name)
        assert len(restored) == 5
        failed = {test.rpartition("::")[2] for test, outcome, _ in restored if outcome != "passed"}
        assert failed == FAILED[name]
