"""Which tests matter for a function: most specific first, found without running anything.

The order of the tiers: given by the user; or else known to execute the function,
naming it, naming its callers, the files around it, and at last everything.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flowmill.project.callers import callers_in_module, callers_in_package
from flowmill.project.given import files_of, given_ids, kept
from flowmill.project.modules import module_name
from flowmill.project.pytest_config import PytestConfig, collectable_files, read_config, uncollected_files
from flowmill.project.scan import Hit, Scan
from flowmill.project.source import Sources
from flowmill.project.testfile import parse
from flowmill.project.wanted import Fit, Wanted, wanted_for
from flowmill.shapes import Overlay, SelectedHow

__all__ = ["Selection", "Tier", "module_name", "select"]

MOST_TESTS = 300
CALLER_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Tier:
    """Tests to run together: `files` and `keep` as `TestOrder` takes them, `why` in words."""

    files: tuple[str, ...] | None
    keep: tuple[str, ...]
    how: SelectedHow
    why: str


@dataclass(frozen=True, slots=True)
class Selection:
    """The tiers, most specific first. Tests named one by one stand in one tier only; files may hold them again.

    `how` is that of the first tier. `note` is "" or says what was cut.
    """

    how: SelectedHow
    tiers: tuple[Tier, ...]
    note: str = ""


def select(
    project_root: Path,
    file: Path,
    qualname: str,
    given: Sequence[str] = (),
    overlay: Overlay | None = None,
    *,
    mapped: Sequence[str] = (),
    cwd: Path | None = None,
) -> Selection:
    """The tests for the function, from source alone; no code of the user is imported.

    `given` are node ids or paths (UsageError if a path does not exist); `mapped` are the
    ids that a function map knows to execute the function, tried before the static tiers.
    """
    config = read_config(project_root)
    sources = Sources(overlay or {})
    if given:
        ids = given_ids(project_root, given, cwd or Path.cwd(), sources)
        tier = Tier(files_of(ids), kept(project_root, ids, config), "given", "given")
        return Selection("given", (tier,))
    tiers, note = _static(_Work(project_root, file, qualname, config, sources))
    if mapped:
        tiers.insert(0, Tier(files_of(mapped), tuple(mapped), "coverage", "known to execute it"))
    tiers.append(Tier(None, (), "all", "all tests of the project"))
    return Selection(tiers[0].how, tuple(tiers), note)


@dataclass(frozen=True, slots=True)
class _Work:
    root: Path
    file: Path
    qualname: str
    config: PytestConfig
    sources: Sources


def _static(work: _Work) -> tuple[list[Tier], str]:
    module, _ = module_name(work.root, work.file, work.sources.overlay, work.config)
    tree = parse(work.sources.read(work.file))
    wanted = wanted_for(module, tree, work.qualname)
    near = callers_in_module(tree, wanted) if tree else []
    far = callers_in_package(work.root, work.file, wanted, work.sources, work.config)
    files = collectable_files(work.config) or uncollected_files(work.config)
    scan = Scan(work.root, work.file, files, work.config, work.sources, wanted)
    named = scan.hits([wanted], Fit.STRONG)
    through = scan.hits([*near, *far], Fit.STRONG)
    if tree and not named and not through:
        through = _deeper(scan, tree, wanted, near)
    classes = (
        scan.hits([Wanted(module, "", wanted.owners)], Fit.STRONG) if wanted.owners and wanted.name else []
    )
    groups = {
        "they name it": named,
        "they name its callers or its class": [*through, *classes],
        "they name something called the same": scan.hits([wanted], Fit.WEAK),
    }
    tiers, cut = _tiers(groups)
    around = Tier(scan.files_around(), (), "static", "their file names it or imports its module")
    return [tier for tier in (*tiers, around) if tier.files], _note(cut, scan)


def _deeper(scan: Scan, tree: ast.Module, wanted: Wanted, level: list[Wanted]) -> list[Hit]:
    """Callers of callers within the module, for helpers that nothing but helpers call."""
    known = [wanted, *level]
    for _ in range(CALLER_DEPTH - 1):
        level = [above for caller in level for above in _callers_of(tree, caller, known)]
        hits = scan.hits(level, Fit.STRONG)
        if hits:
            return hits
        known.extend(level)
    return []


def _callers_of(tree: ast.Module, caller: Wanted, known: list[Wanted]) -> list[Wanted]:
    return callers_in_module(tree, caller, known) if caller.module == known[0].module else []


def _tiers(groups: Mapping[str, Sequence[Hit]]) -> tuple[list[Tier], int]:
    """A tier for each group, every test in the first that has it, and how many were cut from the longest."""
    tiers: list[Tier] = []
    seen: set[str] = set()
    cut = 0
    for why, hits in groups.items():
        fresh = [name for name in dict.fromkeys(hit.id for hit in hits) if name not in seen]
        chosen = tuple(fresh[:MOST_TESTS])
        cut = max(cut, len(fresh) - len(chosen))
        seen.update(chosen)
        tiers.append(Tier(files_of(chosen), chosen, "static", why))
    return tiers, cut


def _note(cut: int, scan: Scan) -> str:
    said = [f"{cut} more tests name it and are left to later tiers"] if cut > 0 else []
    if scan.unparsed:
        said.append(f"{len(scan.unparsed)} test files were not searched test by test: too many name it")
    return "; ".join(said)
