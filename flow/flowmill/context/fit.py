"""Cutting a context to a model's size, the least useful parts first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from flowmill.context.shapes import Context, TestSource
from flowmill.shapes import ModelProfile

__all__ = ["Fitted", "TestSource", "estimate_tokens", "fit"]

BYTES_PER_TOKEN = 3.3
"""Code takes 3.3 to 4 bytes a token with the usual vocabularies; the low end keeps a prompt from overflowing."""
FENCE = 6
"""Tokens for the fence and the words around one block."""
FIRST_TESTS, FIRST_NEIGHBOURS = 3, 2
FURTHER = 4
"""Further tests come in as long as more than this part of the room is free: they tell less than they take to read."""
LEAST_LINES = 3
"""Fewer lines of the class or the module say nothing."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What stays of a context. `cut` says in words what was left out, `tokens` estimates what is in."""

    header: str
    body: str = ""
    module: str = ""
    klass: str = ""
    definitions: tuple[str, ...] = ()
    tests: tuple[TestSource, ...] = ()
    neighbours: tuple[str, ...] = ()
    callers: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    tokens: int = 0


@dataclass
class _Room:
    """The tokens that are still free."""

    free: int
    used: int = 0
    cut: list[str] = field(default_factory=list[str])
    shown: set[str] = field(default_factory=set[str])
    """The helpers of the tests that are in."""

    def take(self, text: str) -> bool:
        """Whether the text fits; if so, its room is taken."""
        cost = estimate_tokens(text) + FENCE if text else 0
        if cost > self.free:
            return False
        self.free -= cost
        self.used += cost
        return True

    def block(self, text: str, name: str) -> str:
        """The text, or nothing if it does not fit."""
        if self.take(text):
            return text
        self.cut.append(name)
        return ""


def estimate_tokens(text: str) -> int:
    """About how many tokens a text takes, rather too many than too few; it asks no tokenizer."""
    return math.ceil(len(text.encode(errors="replace")) / BYTES_PER_TOKEN)


def fit(context: Context, profile: ModelProfile, reserve: int) -> Fitted:
    """The context cut to the model's size less its reply and `reserve` tokens for the rest of the prompt.

    Kept longest, in this order: header (always), body, the calls that were seen, names that wait to be used,
    the first test, callers, two functions like it, two more tests, class, definitions, further functions like it,
    module, further tests.
    """
    size = max(0, profile.context - profile.reply - reserve)
    room = _Room(size)
    if not room.take(context.header):
        # The model has to see the signature; its server will tell if even that is too much.
        room.free, room.used = 0, estimate_tokens(context.header)
        room.cut.append(f"everything but the header, which alone takes {room.used} of {size} tokens")
    body = room.block(context.body, "the present body")
    calls = tuple(text for text in context.calls if room.take(text))
    waiting = context.waiting if room.take(", ".join(context.waiting)) else ()
    tests = _taken(room, context.tests[:1])
    callers = tuple(text for text in context.callers if room.take(text))
    neighbours = tuple(text for text in context.neighbours[:FIRST_NEIGHBOURS] if room.take(text))
    tests += _taken(room, context.tests[1:FIRST_TESTS])
    klass = _lines(room, context.klass, "the class")
    definitions = tuple(text for text in context.definitions if room.take(text))
    neighbours += tuple(text for text in context.neighbours[FIRST_NEIGHBOURS:] if room.take(text))
    module = _lines(room, context.module, "the module's context")
    room.free -= size // FURTHER
    tests += _taken(room, context.tests[FIRST_TESTS:])
    counts = [
        ("tests", len(tests), len(context.tests)),
        ("definitions", len(definitions), len(context.definitions)),
        ("functions like it", len(neighbours), len(context.neighbours)),
        ("callers", len(callers), len(context.callers)),
    ]
    cut = [*room.cut, *(f"{total - kept} of {total} {name}" for name, kept, total in counts if kept < total)]
    return Fitted(
        context.header,
        body,
        module,
        klass,
        definitions,
        tests,
        neighbours,
        callers,
        calls,
        waiting,
        tuple(cut),
        room.used,
    )


def _taken(room: _Room, tests: Sequence[TestSource]) -> tuple[TestSource, ...]:
    taken: list[TestSource] = []
    for test in tests:
        if room.take(test.less(room.shown)):
            room.shown.update(test.company)
            taken.append(test)
    return tuple(taken)


def _lines(room: _Room, text: str, name: str) -> str:
    """The text, or as many of its first lines as fit."""
    if room.take(text):
        return text
    lines = text.split("\n")
    left = room.free - FENCE - 1
    kept: list[str] = []
    for line in lines:
        left -= len(line.encode(errors="replace")) / BYTES_PER_TOKEN + 1
        if left < 0:
            break
        kept.append(line)
    shown = "\n".join(kept)
    if len(kept) < LEAST_LINES or not room.take(shown):
        room.cut.append(name)
        return ""
    room.cut.append(f"{len(lines) - len(kept)} of {len(lines)} lines of {name}")
    return shown
