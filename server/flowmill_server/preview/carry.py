"""What a run's result would make of a text: the same edit, carried over if the text changed meanwhile. Pure.

`learn` and `carry` are for a thread: a long text takes them tens of milliseconds to compare,
and `carry` some hundreds where it has to be parsed. `moved` is quick: an edit inside of a
function whose text is the same goes where the function went.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass, field

from flowmill.apply import ChangedMeanwhile, Kind, rebased
from flowmill.engine.request import Result
from flowmill.errors import TargetError
from flowmill.source.text import SourceFile
from flowmill_server.preview.hunks import BOM, Change, Hunk, applied, choose, hunks_of
from flowmill_server.text.document import Document
from flowmill_server.text.outline import FunctionSpan
from flowmill_server.text.positions import split_lines


@dataclass(frozen=True, slots=True)
class Carried:
    """A text, and the same with the result in it; or `kind` and `detail` of what stands in the way."""

    before: str = field(repr=False)
    after: str = field(repr=False)
    hunks: tuple[Hunk, ...] = ()
    kind: Kind | None = None
    detail: str = ""
    newlines: int = 0
    """How many `after` has, which quickly tells most texts from it."""

    @property
    def changes(self) -> tuple[Change, ...]:
        return choose(self.hunks, None)


@dataclass(frozen=True, slots=True)
class Local:
    """The function as the run found it, with its last newline, and the change to it.

    Places count from the function's beginning. `hunks` is None if the draft reaches beyond the function.
    """

    lines: str = field(repr=False)
    hunks: tuple[Hunk, ...] | None


def learn(result: Result) -> Local:
    """What the result does to its function alone."""
    text = SourceFile.from_bytes(result.target.file, result.original).text
    lines, target, draft = split_lines(text), result.target, result.draft
    start = sum(map(len, lines[: target.start - 1]))
    source = "".join(lines[target.start - 1 : target.end])
    if draft.imports or draft.helpers or draft.methods:
        return Local(source, None)
    hunks = carry(result, text, result.original).hunks
    inside = all(start <= c.start and c.end <= start + len(source) for hunk in hunks for c in hunk.changes)
    return Local(source, _shifted(hunks, -start) if inside else None)


def moved(local: Local, document: Document, span: FunctionSpan) -> Carried | None:
    """The result on an open document, told from the function's lines alone; None if these do not tell."""
    text = document.text
    now = "".join(document.lines[span.first_line - 1 : span.last_line])
    if now != local.lines:
        if now.rstrip("\r\n") == local.lines.rstrip("\r\n"):
            return None
        problem = document.outline.problem_in(span)
        return Carried(text, text, (), "unreadable" if problem else "changed", problem)
    if local.hunks is None:
        return None
    hunks = _shifted(local.hunks, sum(map(len, document.lines[: span.first_line - 1])))
    return _carried(text, applied(text, choose(hunks, None)), hunks)


def carry(result: Result, text: str, data: bytes) -> Carried:
    """The result on a text, whose file would hold `data`."""
    path = result.target.file
    try:
        source = SourceFile.from_bytes(path, data)
        # Some editors leave the byte order mark in the text that they send.
        lead = BOM if text.startswith(BOM) and text[1:] == source.text else ""
        if lead + source.text != text:
            return Carried(text, text, (), "unreadable", f"the text cannot be held by {source.encoding}")
        made = result.data if data == result.original else rebased(result, data)
        after = lead + SourceFile.from_bytes(path, made).text
    except TargetError as error:
        return Carried(text, text, (), "unreadable", str(error))
    except ChangedMeanwhile as error:
        return Carried(text, text, (), error.kind, error.detail)
    bom = data.startswith(codecs.BOM_UTF8) and not lead
    return _carried(text, after, hunks_of(text, after, bom=bom))


def _carried(before: str, after: str, hunks: tuple[Hunk, ...]) -> Carried:
    newlines = after.count("\n") + after.count("\r") - after.count("\r\n")
    return Carried(before, after, hunks, newlines=newlines)


def _shifted(hunks: Sequence[Hunk], by: int) -> tuple[Hunk, ...]:
    return tuple(
        Hunk(tuple(Change(c.start + by, c.end + by, c.text) for c in hunk.changes)) for hunk in hunks
    )
