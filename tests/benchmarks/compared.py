"""What a file of rows says: the table of strategies, the test between them, and the conditions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from figures import Summary, pairs, summary, wilson
from grid import grid
from rows import Row

HEAD = (
    "strategy",
    "solved",
    "95 %",
    "claimed",
    "false",
    "unable",
    "calls",
    "prompt",
    "cached",
    "completion",
    "p50 s",
    "p95 s",
    "overhead",
    "visible - hidden",
)
ORDER = "direct sample alphacodium flow null oracle"
LEGEND = """\
solved: the judge's word in a clean copy; claimed: exit code 0; false: claimed, not solved; unable: no run came
about. calls and tokens: means per attempt, as the run tells them (a call that was broken off has no count);
cached: share of the prompt tokens; seconds: the whole command; overhead: share of the run outside model and
tests; visible - hidden: in points."""


def report(rows: Sequence[Row], *, markdown: bool = False, by_case: bool = False) -> str:
    """Everything, as one text. Broken attempts are counted and left out."""
    good = [row for row in rows if not row.broken]
    if not good:
        return "\n".join(["no attempts", *_warnings(rows)])
    parts = [conditions(good), "", table(good, markdown=markdown), "", LEGEND]
    compared = comparisons(good, markdown=markdown)
    if compared:
        parts += ["", compared]
    if by_case:
        parts += ["", cases(good, markdown=markdown)]
    return "\n".join([*parts, *_warnings(rows)])


def conditions(rows: Sequence[Row]) -> str:
    """Under what the rows came about; several values stand side by side."""
    facts = {
        "model": _several(row.model for row in rows),
        "limits": _several(row.limits for row in rows),
        "seed": _several(str(row.seed) for row in rows),
        "repeats": str(1 + max(row.repeat for row in rows)),
    }
    names = dict.fromkeys(name for row in rows for name in row.setup)
    facts |= {name: _several(row.setup.get(name, "?") for row in rows) for name in names}
    return "\n".join(f"{name + ':':<10} {value}" for name, value in facts.items())


def table(rows: Sequence[Row], *, markdown: bool = False) -> str:
    body = [_line(name, summary(_of(rows, name))) for name in _strategies(rows)]
    return grid(HEAD, body, markdown=markdown)


def comparisons(rows: Sequence[Row], *, markdown: bool = False) -> str:
    """McNemar's exact test for each pair of strategies; empty if there is only one.

    What is flow without a part is compared with flow alone.
    """
    solved = {
        name: {row.key[:1] + row.key[2:]: row.solved for row in _of(rows, name)} for name in _strategies(rows)
    }
    body: list[list[str]] = []
    for first, second in combinations(solved, 2):
        if "-" in second and first != "flow":
            continue
        found = pairs(solved[first], solved[second])
        numbers = (found.both, found.first, found.second, found.neither)
        body.append([f"{first} : {second}", *map(str, numbers), f"{found.p:.3f}"])
    head = ("pair, same attempts", "both solved", "first only", "second only", "neither", "McNemar p")
    return grid(head, body, markdown=markdown) if body else ""


def cases(rows: Sequence[Row], *, markdown: bool = False) -> str:
    """Which strategy solved which case: how often of how many attempts, `!` for a false success."""
    names = _strategies(rows)
    body: list[list[str]] = []
    for case in dict.fromkeys(row.case for row in rows):
        of_case = [row for row in rows if row.case == case]
        body.append([case, *(_cell(_of(of_case, name)) for name in names)])
    return grid(("case", *names), body, markdown=markdown)


def _line(name: str, s: Summary) -> list[str]:
    low, high = wilson(s.solved, s.attempts)
    return [
        name,
        f"{s.solved}/{s.attempts}",
        f"{low:.0f}-{high:.0f} %",
        str(s.claimed),
        str(s.false),
        str(s.unable),
        f"{s.calls:.1f}",
        f"{s.prompt:.0f}",
        f"{s.cached:.0f} %",
        f"{s.completion:.0f}",
        f"{s.p50:.1f}",
        f"{s.p95:.1f}",
        f"{s.overhead:.1f} %",
        f"{s.gap:+.1f}",
    ]


def _cell(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    false = "!" if any(row.claimed and not row.solved for row in rows) else ""
    return f"{sum(row.solved for row in rows)}/{len(rows)}{false}"


def _warnings(rows: Sequence[Row]) -> list[str]:
    broken = [row for row in rows if row.broken]
    touched = [row for row in rows if row.touched]
    found: list[str] = []
    if broken:
        found += [
            "",
            f"{len(broken)} attempts broke and are left out; run again to repeat them. The last one:",
        ]
        found.append(f"  {broken[-1].case} with {broken[-1].strategy}: {broken[-1].broken}")
    if touched:
        found += [
            "",
            f"{len(touched)} attempts changed other files of the project, as {touched[-1].case} with",
        ]
        found.append(f"  {touched[-1].strategy}: {', '.join(touched[-1].touched[:5])}")
    return found


def _several(values: Iterable[str]) -> str:
    return " | ".join(sorted(set(values)))


def ordered(rows: Iterable[Row]) -> list[Row]:
    """By strategy, the yardsticks first, whatever the file's order."""
    return sorted(rows, key=lambda row: (ORDER.find(row.strategy) % len(ORDER), row.strategy))


def _strategies(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.strategy for row in ordered(rows)))


def _of(rows: Sequence[Row], strategy: str) -> list[Row]:
    return [row for row in rows if row.strategy == strategy]
