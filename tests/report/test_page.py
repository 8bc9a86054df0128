"""The page of a run: complete, self-contained, accessible, and no place to inject into."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from doubles.records import AFTER, BEFORE, FILE, RunTale, diff_of, repaired, until_streaming
from flowmill.report.page import diff_html, render
from flowmill.report.story import story_of
from flowmill.report.words import Prices

VOID = {"meta", "br"}


class Page(HTMLParser):
    """Checks that tags close in order; keeps the tags, their attributes and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def page_of(tale: RunTale, base: Path | None = None) -> tuple[str, Page]:
    text = render(story_of(tale.records), {"Run": tale.run}, Prices(1.0, 0.1, 4.0), base)
    return text, Page(text)


def test_the_page_holds_the_run() -> None:
    _, page = page_of(repaired(), FILE.parents[1])
    flat = " ".join(page.text.split())
    assert "boltons/iterutils.py::chunked" in flat
    assert "Verified: all 4 tests that reach `chunked` pass; before, 2 did not." in flat
    assert "tests the model never saw: 2/2 passed" in flat
    assert "$0.0074" in flat
    assert len(page.all("tr")) == 1 + 4 + 1
    assert len(page.all("td")) == 4 * 4 + 4
    assert "+    src = list(src)" in page.text
    assert len(page.all("rect")) == 4 + 2 * 3
    assert len(page.all("details")) == 4


def test_the_page_needs_nothing_outside_it() -> None:
    text, page = page_of(repaired())
    assert not re.search(r"https?:|url\(|@import|<script|<link|<img", text)
    assert all((attrs.get("href") or "#").startswith("#") for _, attrs in page.tags)
    ids = {attrs["id"] for _, attrs in page.tags if attrs.get("id")}
    assert {(attrs.get("href") or "")[1:] for attrs in page.all("a")} <= ids


def test_the_page_is_accessible() -> None:
    text, page = page_of(repaired())
    assert page.all("html")[0]["lang"] == "en"
    assert {attrs.get("scope") for attrs in page.all("th")} == {"col", "row"}
    assert page.all("svg")[0]["role"] == "img"
    assert page.all("caption")
    assert page.text.count("timed out") >= 2
    assert all(attrs.get("aria-label") and attrs.get("tabindex") == "0" for attrs in page.all("pre"))
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_nothing_from_a_run_becomes_markup() -> None:
    evil = "</pre><script>alert('x')</script>\x1b[0m\ud800"
    tale = (
        RunTale(run=evil, tests=[f"t.py::test[{evil}]"])
        .start(qualname=evil)
        .note(evil)
        .stage(evil, "started")
    )
    tale.outcomes(0, "f").draft(1, BEFORE + evil).outcomes(1, "f").scored(1, "f", best=True)
    text, page = page_of(tale.finish("improved", 1, diff_of(BEFORE + evil), "f", "f"))
    assert "<script" not in text
    assert page.all("script") == []
    assert text.encode("utf-8")


@pytest.mark.parametrize("tale", [until_streaming(), RunTale().start(), RunTale()])
def test_an_unfinished_run_has_a_page(tale: RunTale) -> None:
    _, page = page_of(tale)
    assert "Stopped:" in page.text


def test_a_cancelled_run_without_tests_has_a_page() -> None:
    _, page = page_of(RunTale(tests=[]).start().finish("cancelled", None, "", "", ""))
    assert "the code stays as it is" in page.text


@pytest.mark.parametrize("after", [AFTER, "\n\n\n" + BEFORE, BEFORE + "\n\n", '"""\nx\n"""\n', ""])
def test_a_diff_keeps_every_line(after: str) -> None:
    page = Page(str(diff_html(diff_of(after))))
    assert page.text == diff_of(after)
