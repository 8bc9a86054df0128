"""The script and the style of a page, out of `assets/`, and the policy that allows nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import lru_cache
from importlib.resources import files

from markupsafe import Markup

from flowmill.events import DraftDelta, DraftMade, Json, Record

MODULES = ("story.js", "words.js", "python.js", "dom.js", "sections.js", "report.js", "page.js")
"""In an order in which nothing is used before it is there: one script holds them all."""
_IMPORT = re.compile(r"^import\b[^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export\s+", re.MULTILINE)


@lru_cache(maxsize=1)
def script() -> Markup:
    """The modules as one, without their imports and exports."""
    parts = (_EXPORT.sub("", _IMPORT.sub("", _asset(name))) for name in MODULES)
    return Markup("\n" + "\n".join(parts))  # ours, and a test looks for what would end the element


@lru_cache(maxsize=1)
def style() -> Markup:
    return Markup("\n" + _asset("report.css"))


def policy(*, scripts: bool) -> str:
    """Nothing is loaded, sent or framed; of scripts and styles only our own, by their digest, may run."""
    allowed = f"'sha256-{_digest(script())}'" if scripts else "'none'"
    rules = ("default-src 'none'", f"script-src {allowed}", f"style-src 'sha256-{_digest(style())}'")
    return "; ".join((*rules, "base-uri 'none'", "form-action 'none'"))


def data(value: Json) -> Markup:
    """JSON that can stand in an element of a page: no character of it is markup."""
    text = json.dumps(value, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def slim(records: list[Record]) -> list[Json]:
    """The events without the pieces of drafts that are there as a whole; the first piece says when they began."""
    whole = {r.event.draft for r in records if isinstance(r.event, DraftMade)}
    begun: set[int] = set()
    kept: list[Json] = []
    for record in records:
        event, line = record.event, record.to_json()
        if isinstance(event, DraftDelta) and event.draft in whole:
            if event.draft in begun:
                continue
            line["text"] = ""
            begun.add(event.draft)
        kept.append(dict(line))
    return kept


def _asset(name: str) -> str:
    return files("flowmill.report").joinpath("assets").joinpath(name).read_text("utf-8")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
