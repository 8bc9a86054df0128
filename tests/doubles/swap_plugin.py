"""A pytest plugin that collects once, then runs the tests of every swap in a fork of its own.

`$SWAP_ORDER` names a JSON file: the child's program, the function, the loaded text, the
swaps (null for none) and where the results go: a file per swap, `.0`, `.1` ... after its name.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any

import pytest
from _pytest.runner import runtestprotocol


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    with open(os.environ["SWAP_ORDER"], encoding="utf-8") as file:
        order = json.load(file)
    sys.path.insert(0, order["program"])
    child: Any = importlib.import_module("flowmill_child.swap")
    watch: Any = importlib.import_module("flowmill_child.watch")
    sys.path.remove(order["program"])
    began = time.perf_counter()
    spans = watch.find_spans(order["base"], order["qualname"])
    index = child.Index.build(order["file"], order["qualname"], spans)
    built = time.perf_counter() - began
    for number, swap in enumerate(order["swaps"]):
        pid = os.fork()
        if pid == 0:
            began = time.perf_counter()
            told: dict[str, Any] = {"refused": "", "index": built}
            if swap is not None:
                told["refused"] = child.apply(swap, index)
                child.show(swap, index, order["base"])
            told["apply"] = time.perf_counter() - began
            told["tests"] = [] if told["refused"] else _outcomes(session)
            with open(f"{order['results']}.{number}", "w", encoding="utf-8") as file:
                json.dump(told, file)
            os._exit(0)
        os.waitpid(pid, 0)
    return True


def _outcomes(session: pytest.Session) -> list[list[str]]:
    reports = [
        report
        for item, following in zip(session.items, [*session.items[1:], None])  # noqa: B905 - 3.9 knows no strict
        for report in runtestprotocol(item, log=False, nextitem=following)
        if report.when == "call" or report.failed
    ]
    return [[r.nodeid, r.outcome, r.longreprtext if r.failed else ""] for r in reports]
