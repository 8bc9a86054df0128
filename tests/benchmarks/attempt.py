"""One strategy at one case: build it, run the real command in it, judge the result in a clean copy."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from case_sets import Case, CaseSet, Judged
from rows import Row
from spawned import Ended, run_flowmill

NULL, ORACLE = "null", "oracle"
"""They check the harness: nothing done must come out unsolved, the original put in place solved."""
UNREACHABLE = 4


@dataclass(frozen=True, slots=True)
class Conditions:
    """What all strategies have in common. `options` go to every command as they are."""

    python: str
    seconds: float
    options: tuple[str, ...] = ()
    grace: float = 60.0
    """Seconds over the budget after which a command is stopped from outside."""
    judge_seconds: float = 180.0


def attempt(cases: CaseSet, case: Case, row: Row, conditions: Conditions) -> Row:
    """The row with what happened. What goes wrong around the command stands in `broken`."""
    with tempfile.TemporaryDirectory(prefix="flowmill-bench-", ignore_cleanup_errors=True) as folder:
        try:
            return _attempt(cases, case, row, conditions, Path(folder).resolve())
        except Exception as error:  # One case must not end a comparison of hours, whatever it does.
            return replace(row, broken=f"{type(error).__name__}: {error}"[:400])


def _attempt(cases: CaseSet, case: Case, row: Row, conditions: Conditions, folder: Path) -> Row:
    project = folder / "project"
    target = cases.build(case, project)
    before, stub = _stamps(project), cases.read(target)
    row = _act(cases, case, row, conditions, project)
    touched = sorted(name for name, _ in before.items() ^ _stamps(project).items())
    row = replace(row, touched=tuple(dict.fromkeys(name for name in touched if name != case.file))[:10])
    if row.broken:
        return row
    try:
        source = cases.read(target)
    except (OSError, UnicodeDecodeError) as error:
        return replace(row, why=f"target file unreadable: {error}")
    if source == stub and row.strategy != NULL:
        judged = Judged(False, None if cases.blind(case) else False, "unchanged")
    else:
        judged = cases.judge(case, source, folder / "clean", conditions.python, conditions.judge_seconds)
    # Where no test is hidden, what the tool saw is what it claims.
    visible = judged.visible if case.hidden else row.claimed
    return replace(row, solved=judged.solved, visible=visible, why=judged.why)


def _act(cases: CaseSet, case: Case, row: Row, conditions: Conditions, project: Path) -> Row:
    """Let the strategy work on the project."""
    target = project / case.file
    if row.strategy == NULL:
        return replace(row, code=1)
    if row.strategy == ORACLE:
        shutil.copyfile(cases.build(case, project.parent / "original", "original"), target)
        return replace(row, code=0, claimed=True)
    arguments = [cases.mode, f"{target}::{case.qualname}", "--json", "--apply", *conditions.options]
    strategy, _, without = row.strategy.partition("-")
    arguments += ["--python", conditions.python, "--project", str(project), "--strategy", strategy]
    arguments += ["--max-seconds", str(conditions.seconds), "--seed", str(row.seed)]
    return _told(
        row, run_flowmill(arguments, project, conditions.seconds + conditions.grace, without=without)
    )


def _told(row: Row, ended: Ended) -> Row:
    """The row with what the command said of itself."""
    finished = ended.finished
    tokens, seconds = finished.get("tokens", {}), finished.get("seconds", {})
    row = replace(
        row,
        code=ended.code,
        claimed=ended.code == 0,
        seconds=round(ended.seconds, 3),
        status=str(finished.get("status", "")),
        run=str(finished.get("run", "")),
        calls=int(finished.get("calls", 0)),
        **{name: int(tokens.get(name, 0)) for name in ("prompt", "cached", "completion")},
    )
    row = replace(
        row,
        total=float(seconds.get("total", 0)),
        model_seconds=float(seconds.get("model", 0)),
        test_seconds=float(seconds.get("tests", 0)),
        overhead=float(seconds.get("overhead", 0)),
    )
    return replace(row, broken=ended.complaint or "no model") if ended.code == UNREACHABLE else row


def _stamps(root: Path) -> dict[str, tuple[int, int]]:
    """Every file with its time and size: caches count, since nothing may be left in a project."""
    found: dict[str, tuple[int, int]] = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            stat = path.lstat()
            found[path.relative_to(root).as_posix()] = (stat.st_mtime_ns, stat.st_size)
    return found
