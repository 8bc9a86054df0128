"""How likely each line of a function is at fault: a seam for whatever tells lines apart."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from flowmill.engine.locate import FRAME
from flowmill.shapes import TestResult

NEAR = 2
"""Lines around one that a traceback names which are suspected too."""


class Suspicion(Protocol):
    def weight(self, line: int) -> float:
        """From 0 to 1, for a line of the body, 1-based."""
        ...


@dataclass(frozen=True, slots=True)
class Tracebacks:
    """Lines that failures were raised through first, then those near them, then what decides or gives back.

    `named` counts failures by line, `telling` are lines of returns and conditions.
    """

    named: Mapping[int, int] = field(default_factory=dict[int, int])
    telling: frozenset[int] = frozenset()

    def weight(self, line: int) -> float:
        if line in self.named:
            return 1.0
        if any(abs(line - other) <= NEAR for other in self.named):
            return 0.9
        base = 0.75 if self.named else 0.9
        return base + (0.1 if line in self.telling else 0.0)


def from_tracebacks(
    failures: Iterable[TestResult], file: Path, root: Path, first_line: int, body: ast.Module
) -> Tracebacks:
    """What the failures say of a body whose first line is that line of the file."""
    last = max((n.end_lineno or 0 for n in body.body), default=0)
    named: Counter[int] = Counter()
    for failure in failures:
        for path, number in set(FRAME.findall(failure.details)):
            line = int(number) - first_line + 1
            if (root / path) == file and 1 <= line <= last:
                named[line] += 1
    telling = (ast.Return, ast.If, ast.While, ast.For, ast.Yield)
    return Tracebacks(dict(named), frozenset(n.lineno for n in ast.walk(body) if isinstance(n, telling)))
