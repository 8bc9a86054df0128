"""The page of a run: complete, self-contained, accessible, and no place to inject into."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from doubles.records import AFTER, BEFORE, FILE, RunTale, diff_of, repaired, until_streaming
from flowmill.report import bundle
from flowmill.report.page import FEW, diff_html, render
from flowmill.report.words import Prices

from .markup import Page, problems


def page_of(tale: RunTale, base: Path | None = None) -> tuple[str, Page]:
    text = render(tale.records, {"Run": tale.run}, Prices(1.0, 0.1, 4.0), base)
    return text, Page(text)


def large() -> RunTale:
    """A run over many tests, of which few fail."""
    tests = [f"tests/test_{i // 20}.py::test_case_{i}" for i in range(4 * FEW)]
    bad = "ff" + "p" * (4 * FEW - 2)
    tale = RunTale(tests=tests).start().outcomes(0, bad).draft(1, AFTER).outcomes(1, "p" * len(bad))
    return tale.scored(1, "p" * len(bad), best=True).finish(
        "verified", 1, diff_of(AFTER), bad, "p" * len(bad)
    )


def test_the_page_holds_the_run() -> None:
    _, page = page_of(repaired(), FILE.parents[1])
    flat = " ".join(page.text.split())
    assert "boltons/iterutils.py::chunked" in flat
    assert "Verified: all 4 tests that reach `chunked` pass; before, 2 did not." in flat
    assert "tests the model never saw: 2/2 passed" in flat
    assert "$0.0074" in flat
    assert "18 s: model 12.0 s, tests 5.1 s, overhead 1.1 s" in flat
    assert "12,345 in (81 % cached), 1,020 out" in flat
    assert "+    src = list(src)" in page.text
    assert len(page.all("rect")) == 4 + 2 * 3
    assert len(page.all("details")) == 4 + 1
    assert "AssertionError: assert [[1], []] == [[1, 2], [3]]" in flat


def test_the_page_needs_nothing_outside_it() -> None:
    text, page = page_of(repaired())
    shown = text.replace(str(bundle.script()), "")
    assert not re.search(r"https?:|url\(|@import|<link|<img", shown)
    assert all((attrs.get("href") or "#").startswith("#") for _, attrs in page.tags)
    assert not re.search(
        r"\beval\(|new Function|innerHTML|outerHTML|insertAdjacent|document\.write|fetch\(", text
    )


def test_the_policy_allows_only_our_own_script_and_style() -> None:
    text, page = page_of(repaired())
    (rules,) = [a["content"] or "" for a in page.all("meta") if a.get("http-equiv")]
    assert "default-src 'none'" in rules
    for tag, name in (('script type="module"', "script"), ("style", "style")):
        held = re.search(rf"<{tag}>(.*?)</{name}>", text, re.DOTALL)
        assert held
        digest = base64.b64encode(hashlib.sha256(held[1].encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in rules
    assert "unsafe" not in rules


@pytest.mark.parametrize("make", [repaired, until_streaming, large, RunTale])
def test_the_page_is_accessible(make: Callable[[], RunTale]) -> None:
    text, page = page_of(make())
    assert problems(page) == []
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_nothing_from_a_run_becomes_markup() -> None:
    evil = "</pre></script><script>alert('x')</script><img src=x onerror=alert(1)>\x1b[0m\ud800"
    text, page = page_of(poisoned(evil))
    assert len(page.all("script")) == 2
    assert page.all("img") == []
    assert text.encode("utf-8")
    data = re.search(r'id="flow-data">(.*?)</script>', text, re.DOTALL)
    assert data
    assert json.loads(data[1])["events"][0]["target"]["qualname"] == evil


def poisoned(evil: str) -> RunTale:
    """A run with that text wherever a project, a test or a model can put one."""
    tale = RunTale(run=evil, tests=[f"t.py::test[{evil}]"]).start(qualname=evil).note(evil)
    tale.stage(evil, "started").outcomes(0, "f").draft(1, BEFORE + evil).outcomes(1, "f")
    tale.scored(1, "f", best=True).stream(2, evil)
    return tale.finish("improved", 1, diff_of(BEFORE + evil), "f", "f")


@pytest.mark.parametrize("make", [until_streaming, lambda: RunTale().start(), RunTale])
def test_an_unfinished_run_has_a_page(make: Callable[[], RunTale]) -> None:
    _, page = page_of(make())
    assert "Stopped:" in page.text


def test_a_draft_that_was_never_finished_is_shown_as_far_as_it_was() -> None:
    _, page = page_of(until_streaming())
    assert "Draft 3 (model): not finished" in " ".join(page.text.split())
    assert "src = list(src)" in page.text


def test_a_draft_that_was_not_run_says_why() -> None:
    why = "draft 1 is not run: it is the same as the code as it stands"
    _, page = page_of(RunTale().start().stream(1, BEFORE).note(why).finish("unchanged", None, "", "f", "f"))
    assert f"Draft 1 (model): not run {why}" in " ".join(page.text.split())


def test_a_cancelled_run_without_tests_has_a_page() -> None:
    _, page = page_of(RunTale(tests=[]).start().finish("cancelled", None, "", "", ""))
    assert "the code stays as it is" in page.text
    assert "No test ran." in page.text


def test_of_many_tests_those_that_failed_have_a_row() -> None:
    _, page = page_of(large())
    assert len([a for a in page.all("th") if a.get("class") == "mono"]) == 2
    assert f"{4 * FEW - 2} tests failed nowhere" in page.text


def test_pieces_of_a_finished_draft_are_not_kept_twice() -> None:
    kept = bundle.slim(until_streaming().records)
    deltas = [line for line in kept if isinstance(line, dict) and line["type"] == "draft.delta"]
    assert [line["text"] == "" for line in deltas if line["draft"] == 2] == [True]
    assert "".join(str(line["text"]) for line in deltas if line["draft"] == 3).startswith("```python")


@pytest.mark.parametrize("after", [AFTER, "\n\n\n" + BEFORE, BEFORE + "\n\n", '"""\nx\n"""\n', ""])
def test_a_diff_keeps_every_line(after: str) -> None:
    page = Page(str(diff_html(diff_of(after))))
    assert page.text == diff_of(after)
