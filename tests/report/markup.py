"""Reads a page strictly and holds it against what a reader without eyes or without a mouse needs."""

from __future__ import annotations

from html.parser import HTMLParser
from itertools import pairwise

VOID = {"meta", "br"}
Attributes = dict[str, "str | None"]


class Page(HTMLParser):
    """Checks that tags close in order; keeps the tags, their attributes and the text that is read."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, Attributes]] = []
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
        if not {"script", "style"} & set(self.open):
            self.text += data

    def all(self, tag: str) -> list[Attributes]:
        return [attrs for name, attrs in self.tags if name == tag]


def problems(page: Page) -> list[str]:
    """What is missing for screen readers and keyboards."""
    ids = [attrs["id"] for _, attrs in page.tags if attrs.get("id")]
    levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3", "h4")]
    found = [f"the id {name} occurs twice" for name in set(ids) if ids.count(name) > 1]
    if levels.count(1) != 1 or any(b > a + 1 for a, b in pairwise(levels)):
        found.append(f"headings: {levels}")
    for tag, attrs in page.tags:
        found += [f"{tag} {attrs}: {problem}" for problem in _problems(tag, attrs, ids)]
    found += [f"{tag}: {len(page.all(tag))}" for tag in ("main", "nav", "header") if len(page.all(tag)) != 1]
    if len(page.all("table")) != len(page.all("caption")):
        found.append("a table without a caption")
    return found + (
        ["a closed part without a summary"] if len(page.all("details")) != len(page.all("summary")) else []
    )


def _problems(tag: str, attrs: Attributes, ids: list[str | None]) -> list[str]:
    named = attrs.get("aria-label") or attrs.get("aria-labelledby")
    tests = {
        "no language": tag == "html" and attrs.get("lang") != "en",
        "a heading cell without a scope": tag == "th" and attrs.get("scope") not in ("col", "row"),
        "no name": (tag in ("section", "nav", "svg") or attrs.get("tabindex") == "0") and not named,
        "a name that is nowhere": bool(attrs.get("aria-labelledby")) and attrs["aria-labelledby"] not in ids,
        "a link to nowhere": tag == "a" and (attrs.get("href") or "")[1:] not in ids,
        "an order of its own": int(attrs.get("tabindex") or 0) > 0,
        "a drawing that is none": tag == "svg" and attrs.get("role") != "img",
        "a style or a handler in an attribute": any(
            name == "style" or name.startswith("on") for name in attrs
        ),
    }
    return [problem for problem, there in tests.items() if there]
