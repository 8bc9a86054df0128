"""A pytest plugin that writes down what plain pytest says of each test: `-p flowmill_outcomes`.

`$FLOWMILL_OUTCOMES` names the file, which gets one JSON object when the session ends: the
reports of every test, phase by phase, what could not be collected, and the peak of memory.
It runs in the interpreter of the tests, which may be old, so it knows nothing of ours.
"""

from __future__ import annotations

import json
import os
from typing import Any

_tests: dict[str, list[list[str]]] = {}
_broken: dict[str, str] = {}
_errors: dict[str, str] = {}


def pytest_runtest_logreport(report: Any) -> None:
    word = "expected" if hasattr(report, "wasxfail") else ""
    said = str(report.longrepr or "")[:400]
    _tests.setdefault(report.nodeid, []).append([report.when, report.outcome, word, said])


def pytest_exception_interact(call: Any, report: Any) -> None:
    lines = str(call.excinfo.value).strip().splitlines()
    headline = f"{call.excinfo.typename}: {lines[0] if lines else ''}"[:400]
    if hasattr(report, "when"):
        _tests[report.nodeid][-1][3] = headline  # it was reported just before
    else:
        _errors[report.nodeid] = headline


def pytest_collectreport(report: Any) -> None:
    if report.failed:
        _broken[report.nodeid] = _errors.pop(report.nodeid, str(report.longrepr)[-400:])


def pytest_unconfigure() -> None:
    told = {"tests": _tests, "broken": _broken, "peak": _peak()}
    path = os.environ["FLOWMILL_OUTCOMES"]
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(told, file)
    os.replace(path + ".part", path)


def _peak() -> int:
    """Peak resident bytes of this process alone, 0 where the system does not tell."""
    try:
        with open("/proc/self/status", encoding="utf-8") as status:
            lines = [line.split() for line in status if line.startswith("VmHWM:")]
    except OSError:
        return 0
    return int(lines[0][1]) * 1024 if lines else 0
