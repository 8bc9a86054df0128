"""What a test's reports amount to."""

from __future__ import annotations

import doctest
import os
import re
from dataclasses import dataclass
from typing import Any, cast

from .limit import Stopped

DETAIL_CHARS = 6_000
KEPT_OUTPUT = 256 * 1024


_RANK = {"": 0, "skipped": 1, "passed": 2, "error": 3, "failed": 4, "timeout": 5}
_PYTEST_TIMEOUT = re.compile(r"(Failed: )?Timeout \(?>? ?[\d.]+ ?s")


def headline(error: BaseException) -> str:
    """`AssertionError: assert 3 == 4`: the kind of the exception and the first line of its text."""
    if isinstance(error, doctest.DocTestFailure):
        example = error.example
        return f"{example.source.strip()}: expected {example.want.strip()}, got {error.got.strip()}".replace(
            "\n", " "
        )
    if isinstance(error, doctest.UnexpectedException):
        return headline(error.exc_info[1])
    if isinstance(error, Stopped):
        return str(error)
    several = getattr(error, "failures", None)
    if several and type(error).__name__ == "MultipleDoctestFailures":
        return headline(several[0])
    try:
        lines = [line for line in str(error).splitlines() if line.strip()]
    except Exception as broken:  # the text of a draft's own exception is code of the draft
        lines = [f"<its text raised {type(broken).__name__}>"]
    name = type(error).__name__
    return f"{name}: {lines[0].strip()}"[:400] if lines else name


@dataclass
class Record:
    """One test's outcome, merged from its phases and subtests: the worst counts."""

    outcome: str = ""
    seconds: float = 0.0
    message: str = ""
    details: str = ""
    again: bool = False
    """Whether a plugin will run it once more; then none of this counts."""

    def add(self, report: Any) -> None:
        self.again = self.again or report.outcome == "rerun"
        if self.again:
            return
        self.seconds += getattr(report, "duration", 0.0)
        outcome = _outcome(report)
        if _RANK[outcome] > _RANK[self.outcome]:
            self.outcome, self.message, self.details = outcome, _message(report), _details(report)


def _outcome(report: Any) -> str:
    if report.failed:
        if getattr(report, "flowmill_expired", False) or _PYTEST_TIMEOUT.match(_message(report)):
            return "timeout"
        return "failed" if report.when == "call" else "error"
    if report.skipped:
        return "skipped"
    return "passed" if report.when == "call" else ""


def _message(report: Any) -> str:
    if report.passed:
        return ""
    if hasattr(report, "wasxfail"):
        return f"xfail: {report.wasxfail}".rstrip(": ")
    place: Any = report.longrepr
    if isinstance(place, tuple):
        return str(cast(Any, place)[2]).partition("\n")[0]
    told = getattr(report, "flowmill_headline", "")
    return told or str(report.longrepr or "").strip().partition("\n")[0][:400]


def _details(report: Any) -> str:
    return "" if not report.failed else str(report.longreprtext)[-DETAIL_CHARS:]


def cut_captured(manager: Any) -> None:
    """Keep only the head of a flood of output, before pytest reads all of it into memory."""
    capturing = getattr(manager, "_global_capturing", None)
    for stream in (getattr(capturing, "out", None), getattr(capturing, "err", None)):
        file = getattr(stream, "tmpfile", None)
        try:
            if file is not None and os.fstat(file.fileno()).st_size > KEPT_OUTPUT:
                file.seek(KEPT_OUTPUT)
                file.truncate()
        except (OSError, ValueError):
            continue  # captured in memory, not in a file


def replace_error(outcome: Any, error: BaseException) -> None:
    if hasattr(outcome, "force_exception"):
        outcome.force_exception(error)
    else:
        outcome._excinfo = (type(error), error, error.__traceback__)
