"""All single changes of a body, the likeliest first, each written out only when it is its turn."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from flowmill.mutation import blocks, calls, checks, missing, operations, places, remedies, typechecks, values
from flowmill.mutation.nearby import Nearby
from flowmill.mutation.scene import Scene
from flowmill.mutation.shapes import PRIORS, Change, Kind
from flowmill.mutation.suspicion import Suspicion
from flowmill.source.text import parse

Operator = Callable[[Scene], Iterator[Change]]
OPERATORS: Sequence[Operator] = (
    remedies.remedies,
    values.constants,
    operations.comparisons,
    operations.arithmetic,
    operations.logic,
    places.one_off,
    places.indices,
    places.slices,
    calls.functions,
    calls.arguments,
    values.names,
    values.attributes,
    values.containers,
    calls.unwraps,
    calls.limits,
    operations.choices,
    operations.flattened,
    operations.conditions,
    typechecks.classes,
    typechecks.nothing,
    typechecks.lengths,
    blocks.returns,
    blocks.assignments,
    blocks.branches,
    blocks.order,
    blocks.deletions,
    checks.raising,
    checks.translating,
    checks.guards,
    checks.donated,
    missing.updates,
    missing.endings,
    missing.expressions,
    calls.wraps,
)
MOST = 1200
"""Changes of one body that are kept, the likeliest."""
MOST_OF_KIND = 160


def changes(
    body: str, nearby: Nearby, suspicion: Suspicion, priors: Mapping[Kind, float] = PRIORS
) -> list[Change]:
    """What the operators propose, in the order in which it should be tried. Raises `TargetError`."""
    scene = Scene(body, nearby)
    found = [change for operator in OPERATORS for change in operator(scene)]
    found.sort(key=lambda change: -score(change, suspicion, priors))
    kept: list[Change] = []
    kinds: Counter[Kind] = Counter()
    for change in found:
        kinds[change.kind] += 1
        if kinds[change.kind] <= MOST_OF_KIND:
            kept.append(change)
    return kept[:MOST]


def score(change: Change, suspicion: Suspicion, priors: Mapping[Kind, float] = PRIORS) -> float:
    """How much is expected of a change: of its kind, of its place, and less of a larger one."""
    return (
        priors[change.kind] * change.weight * suspicion.weight(change.line) / (1 + 0.1 * (change.lines - 1))
    )


def meaning(body: str) -> str | None:
    """What a body means, however it is written; None if it is not Python."""
    try:
        return ast.dump(parse(body))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
