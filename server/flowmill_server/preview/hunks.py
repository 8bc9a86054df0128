"""The change from one text to another: in hunks, as its unified diff shows it, and in the smallest edits by line.

Pure. Offsets count characters of the text before; no byte order mark is part of a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate

from lsprotocol import types

from flowmill.errors import UsageError
from flowmill_server.text.document import Document

BOM = "\ufeff"
_DIFF_LINE = re.compile(r"[^\n]*\n|[^\n]+")
"""A line as diff tools see it, which know no other newline."""
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


@dataclass(frozen=True, slots=True)
class Change:
    """Replace `text[start:end]`, whole lines of it."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Hunk:
    """The changes that lie so near to each other that a diff shows them as one."""

    changes: tuple[Change, ...]


def hunks_of(before: str, after: str, *, bom: bool = False) -> tuple[Hunk, ...]:
    """The hunks between two texts, in the order and number of their unified diff with three lines of context.

    `bom`: the file begins with a byte order mark, which a diff takes for part of the first line.
    """
    lead = BOM if bom else ""
    old, new = _DIFF_LINE.findall(lead + before), _DIFF_LINE.findall(lead + after)
    starts = list(accumulate(map(len, old), initial=-len(lead)))
    hunks: list[Hunk] = []
    # Whole texts and the default heuristics: whatever else would be quicker can number the hunks otherwise.
    for group in SequenceMatcher(None, old, new).get_grouped_opcodes(3):
        changes: list[Change] = []
        for tag, i1, i2, j1, j2 in group:
            if tag != "equal":
                start, end = max(0, starts[i1]), max(0, starts[i2])
                fresh = "".join(new[j1:j2])
                changes += _finer(start, before[start:end], fresh if j1 else fresh.removeprefix(lead))
        hunks.append(Hunk(tuple(changes)))
    return tuple(hunks)


def choose(hunks: Sequence[Hunk], wanted: Sequence[int] | None) -> tuple[Change, ...]:
    """The changes of the wanted hunks, counted from 0; None means all. Raises `UsageError` if there is no such hunk."""
    if wanted is None:
        return tuple(change for hunk in hunks for change in hunk.changes)
    for number in wanted:
        if not 0 <= number < len(hunks):
            count = "one hunk, 0" if len(hunks) == 1 else f"{len(hunks)} hunks, 0 to {len(hunks) - 1}"
            raise UsageError(f"there is no hunk {number}: this change has {count}")
    return tuple(change for number in sorted(set(wanted)) for change in hunks[number].changes)


def applied(text: str, changes: Sequence[Change]) -> str:
    """The text with the changes made, whose places are those before any of them; they are in order."""
    pieces: list[str] = []
    done = 0
    for change in changes:
        pieces += [text[done : change.start], change.text]
        done = change.end
    return "".join([*pieces, text[done:]])


def text_edits(document: Document, changes: Sequence[Change]) -> list[types.TextEdit]:
    """The changes as the client takes them, in a document that holds the text before."""
    place = document.position
    return [
        types.TextEdit(types.Range(place(change.start), place(change.end)), change.text) for change in changes
    ]


def held(text: str, changes: Sequence[Change], now: str) -> frozenset[int] | None:
    """Which of the changes a text holds, if it is `text` with some of them made and nothing else; else None."""
    todo: list[tuple[int, int, int, tuple[int, ...]]] = [(0, 0, 0, ())]
    seen: set[tuple[int, int]] = set()
    while todo:
        number, old, place, made = todo.pop()
        if (number, place) in seen:
            continue
        seen.add((number, place))
        if number == len(changes):
            if now[place:] == text[old:]:
                return frozenset(made)
            continue
        change = changes[number]
        gap = text[old : change.start]
        if not now.startswith(gap, place):
            continue
        place += len(gap)
        # The last one put is tried first: the change counts as made if that reading is possible.
        for put, more in ((text[change.start : change.end], ()), (change.text, (number,))):
            if now.startswith(put, place):
                todo.append((number + 1, change.end, place + len(put), (*made, *more)))
    return None


def _finer(start: int, old: str, new: str) -> Iterator[Change]:
    """The replaced lines once more, by every newline that an editor knows."""
    mine, theirs = _LINE.findall(old), _LINE.findall(new)
    places = list(accumulate(map(len, mine), initial=start))
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
        if tag != "equal":
            yield Change(places[i1], places[i2], "".join(theirs[j1:j2]))
