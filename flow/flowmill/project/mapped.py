"""The tests for a function, those that a function map knows first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from flowmill.project.function_map import FunctionMap
from flowmill.project.given import files_of
from flowmill.project.hashes import hashes_of
from flowmill.project.selection import MOST_TESTS, Selection, Tier, select
from flowmill.shapes import Overlay

SPECIFIC = 40
"""Tests of the first tier at most; those that execute more of the project besides follow in the second."""
SPECIFIC_SECONDS = 20.0
FEWEST = 3
"""Tests that the first tier has whatever they take, if there are as many."""


def select_mapped(
    root: Path, file: Path, qualname: str, given: Sequence[str], overlay: Overlay, known: FunctionMap | None
) -> Selection:
    """As `select`, ahead of it the tests known to execute the function.

    A test file that changed since it was mapped is as one that never was. Of such files
    the tests that name the function stand in the first tier too: a test that the user has
    just written must not be passed over.
    """
    if known is None or given:
        return select(root, file, qualname, given, overlay)
    known.stale(hashes_of(root, known.test_files(), overlay))
    ids = known.tests_for(file, qualname)
    first = _specific(ids, known.seconds() if ids else {})
    selection = select(root, file, qualname, given, overlay, mapped=first)
    rest = ids[len(first) : MOST_TESTS]
    return _joined(selection, rest, known.whole_files()) if first else selection


def _specific(ids: Sequence[str], seconds: dict[str, float]) -> tuple[str, ...]:
    spent = 0.0
    for place, test in enumerate(ids[:SPECIFIC]):
        spent += seconds.get(test, 0.0)
        if place >= FEWEST and spent > SPECIFIC_SECONDS:
            return tuple(ids[:place])
    return tuple(ids[:SPECIFIC])


def _joined(selection: Selection, rest: Sequence[str], whole: Iterable[str]) -> Selection:
    """The first tier with those that name the function and cannot be known, and each test in one tier only."""
    mapped, *static = selection.tiers
    settled = set(whole)
    naming = static[0].keep if static else ()
    fresh = [i for i in naming if i.partition("::")[0] not in settled and i not in mapped.keep]
    keep = (*mapped.keep, *fresh[:SPECIFIC])
    tiers = [replace(mapped, files=files_of(keep), keep=keep)]
    if rest:
        tiers.append(Tier(files_of(rest), tuple(rest), "coverage", "known to execute it, with much else"))
    seen = {test for tier in tiers for test in tier.keep}
    for tier in static:
        left = tuple(test for test in tier.keep if test not in seen)
        if not tier.keep:
            tiers.append(tier)
        elif left:
            tiers.append(replace(tier, files=files_of(left), keep=left))
    return replace(selection, tiers=tuple(tiers))
