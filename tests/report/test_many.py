"""The page over many runs: what counts, and how it is shown."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from doubles.records import BEFORE, FILE, RunTale, repaired
from flowmill.cli.runs import cells, main
from flowmill.events import Record
from flowmill.journal import Beginning, Journal, RunRow
from flowmill.report.many import render
from flowmill.report.tallies import grouped, points, tally
from flowmill.shapes import Status, StrategyName

from .markup import Page, problems

NOON = time.mktime((2026, 5, 4, 12, 0, 0, 0, 0, -1))
DAY = 86_400.0


def row(
    number: int, status: Status | None, strategy: StrategyName = "flow", calls: int = 3, name: str = "f"
) -> RunRow:
    return RunRow(
        f"r{number}", NOON + number * DAY, "repair", "/p/a.py", name, "/p", "tiny", strategy, {}, "0", status,
        None, 1, calls, 10.0 * calls,
    )  # fmt: skip


ROWS = [
    row(0, "verified", calls=1),
    row(1, "failed"),
    row(2, "unchanged"),
    row(3, "unchanged", "direct"),
    row(4, "verified", "direct", calls=7),
    row(5, "cancelled"),
    row(6, None),
]


def idle(run: RunRow) -> bool:
    return run.id == "r2"


def test_what_counts_for_the_solve_rate() -> None:
    found = points(list(reversed(ROWS)), idle)
    assert [point.came for point in found] == ["solved", "open", "idle", "open", "solved", "aside", "aside"]
    whole = tally("all", found)
    assert (whole.runs, whole.rate, whole.calls, whole.seconds) == (7, "2/4 (50 %)", 3, 30.0)
    kinds = grouped(found, lambda point: point.kind)
    assert [(kind.name, kind.runs, kind.rate) for kind in kinds] == [
        ("flow, tiny", 5, "1/2 (50 %)"),
        ("direct, tiny", 2, "1/2 (50 %)"),
    ]
    assert tally("none", []).rate == "-"


def test_the_page_over_many_runs() -> None:
    page = Page(render(ROWS, cells, idle))
    assert problems(page) == []
    assert page.all("script") == []
    assert any("script-src 'none'" in (meta.get("content") or "") for meta in page.all("meta"))
    flat = " ".join(page.text.split())
    assert "Solved: 2/4 (50 %), a median of 3 model calls and 30 s." in flat
    assert "1 run found nothing to mend and 2 runs did not end or were cancelled: not counted." in flat
    assert [circle["class"] for circle in page.all("circle")] == ["solved", "open", "open", "solved"] * 2
    assert "2026-05-04" in flat


def test_runs_of_which_none_counts_have_a_page_too() -> None:
    page = Page(render([row(0, "cancelled")], cells))
    assert problems(page) == []
    assert "Solved: -." in " ".join(page.text.split())


def test_nothing_of_a_run_becomes_markup() -> None:
    page = Page(render([row(0, "verified", name="<script>alert(1)</script>")], cells))
    assert page.all("script") == []
    assert "<script>alert(1)</script>" in page.text


# ------------------------------------------------------------------ the command
@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A journal with three runs, one of which had nothing to mend."""
    monkeypatch.setenv("FLOWMILL_CACHE_DIR", str(tmp_path / "cache"))
    nothing = RunTale().start().outcomes(0, "pppp").finish("unchanged", None, "", "pppp", "")
    beginning = Beginning("repair", FILE, "chunked", FILE.parents[1], "tiny", "flow", BEFORE.encode())
    for tale in (repaired(), nothing, RunTale().start()):
        with Journal.open() as journal:
            run = journal.begin(beginning)
            for record in tale.records:
                journal.append(Record(run, record.seq, record.t, record.event))
    return tmp_path / "all.html"


def said(out: Path) -> str:
    return " ".join(Page(out.read_text("utf-8")).text.split())


def test_report_without_a_run_is_over_all(out: Path) -> None:
    assert main(["report", "--html", str(out)]) == 0
    assert "Solved: 1/1 (100 %)" in said(out)
    assert "1 run found nothing to mend and 1 run did not end or was cancelled: not counted." in said(out)


@pytest.mark.parametrize(
    ("options", "runs"), [(["--last", "2"], 2), (["--since", "1h"], 3), (["--since", "2020-01-31"], 3)]
)
def test_report_over_some_runs(out: Path, options: list[str], runs: int) -> None:
    assert main(["report", *options, "--html", str(out)]) == 0
    assert f"{runs} runs" in said(out)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--since", "2999-01-01"], "there are no such runs"),
        (["last", "--last", "2"], "leave RUN out"),
    ],
)
def test_a_report_that_cannot_be(
    out: Path, options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *options, "--html", str(out)]) == 2
    assert says in capsys.readouterr().err
    assert not out.exists()


def test_a_bad_time_is_named(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--since", "soon", "--html", str(out)]) == 2
    assert "'soon' is no day, as 2026-01-31, and no time, as 7d" in capsys.readouterr().err
