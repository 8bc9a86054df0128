"""What the user made of a draft, told from the text alone: no editor's word is taken for it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from flowmill_server.preview.carry import Carried
from flowmill_server.preview.hunks import Change, applied, held
from flowmill_server.text.document import Document
from flowmill_server.text.outline import FunctionSpan

Taken = Literal["all", "part", "edited"]
"""The whole change, some of its edits and nothing else, or the change with something of the user's own."""


@dataclass(frozen=True, slots=True)
class Taking:
    """`before` is the text that an undo would bring back."""

    what: Taken
    before: str


def after_accept(carried: Carried, chosen: Sequence[Change], now: str, *, said_so: bool) -> Taken | None:
    """What became of an edit that was sent; None if nothing did. `said_so`: the editor says that it made it."""
    every = carried.changes
    if now == applied(carried.before, chosen):
        return "all" if len(chosen) == len(every) else "part"
    if now == carried.before:
        return None
    made = held(carried.before, every, now)
    if made is not None:
        return "all" if len(made) == len(every) else "part"
    return "edited" if said_so else None


def without_asking(
    offers: Sequence[Carried], document: Document, span: FunctionSpan | None, digest: str, code: str
) -> Taking | None:
    """Whether the editor took an offer by itself, as it does with the edit of a code action.

    `span` is the function now, `digest` what it was when it was offered, `code` the whole
    function as the draft has it.
    """
    now = document.text
    for offer in offers:
        if now == offer.after:
            return Taking("all", offer.before)
    # An import that the user added may be one of ours: what counts is the function.
    if span is None or span.digest == digest:
        return None
    for offer in offers:
        if held(offer.before, offer.changes, now):
            return Taking("part", offer.before)
    if code and source_of(document, span) == code:
        return Taking("edited", offers[0].before if offers else "")
    return None


def source_of(document: Document, span: FunctionSpan) -> str:
    """The function's lines, without the last one's newline."""
    return "".join(document.lines[span.first_line - 1 : span.last_line]).rstrip("\r\n")
