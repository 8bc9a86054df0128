"""Many runs as one self-contained page, without any script: solve rate, calls and seconds, drawn and as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flowmill.journal import RunRow
from flowmill.report import bundle
from flowmill.report.charts import columns, dots, rates
from flowmill.report.page import template
from flowmill.report.tallies import grouped, points, tally
from flowmill.report.words import plural


def render(
    rows: Sequence[RunRow],
    cells: Callable[[RunRow], list[str]],
    is_idle: Callable[[RunRow], bool] = lambda row: False,
) -> str:
    """The page. `cells` are a run's words for the list: id, when, mode, target, model, status and so on."""
    found = points(rows, is_idle)
    tried = [point for point in found if point.counts]
    kinds, days = grouped(found, lambda point: point.kind), grouped(found, lambda point: point.day)
    names = ("run", "when", "mode", "target", "model", "status", "best draft", "drafts", "calls", "time")
    return template("many.html.j2").render(
        whole=tally("All runs", found),
        aside=_aside([point.came for point in found]),
        kinds=kinds,
        days=days,
        by_kind=rates(kinds, "Solve rate by strategy and model; the table below says the same"),
        by_day=columns(days, "Solve rate by day; the table below says the same"),
        calls=dots(tried, lambda p: p.row.calls, "", "Model calls of each run, the oldest first"),
        seconds=dots(tried, lambda p: p.row.seconds, " s", "Seconds of each run, the oldest first"),
        tried=bool(tried),
        names=names,
        runs=[cells(point.row) for point in reversed(found)],
        policy=bundle.policy(scripts=False),
        style=bundle.style(),
    )


def _aside(came: Sequence[str]) -> str:
    """What does not count, in words."""
    aside = came.count("aside")
    parts = [
        f"{plural(came.count('idle'), 'run')} found nothing to mend" if "idle" in came else "",
        f"{plural(aside, 'run')} did not end or {'was' if aside == 1 else 'were'} cancelled" if aside else "",
    ]
    said = " and ".join(part for part in parts if part)
    return f"{said}: not counted." if said else ""
