"""The functions of an open document by line and by name, kept right through every edit."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

from flowmill.errors import TargetError
from flowmill.source.functions import function_at
from flowmill.source.layout import leading
from flowmill.source.text import SourceFile
from flowmill_server.text import lexing
from flowmill_server.text.blocks import Block, functions_in

_STRING = re.compile(r"(?:[rRbBuU]{0,2})[\"']")
_SLICE = 400
"""Lines that are read at a time beside other work: less than a millisecond."""
_AHEAD = 400
"""Lines below an edit that are read again at once; the rest is read when the typing rests."""
_MANY = 2000
"""An edit of more lines than this is read like a new document."""
_PARSED = 400
"""The longest function whose text is parsed, in lines."""
_KNOWN = 4096


@dataclass(frozen=True)
class FunctionSpan:
    """A function's place: 1-based inclusive lines from its first decorator to its last line.

    `qualname` is what `flowmill.source.functions.find` takes: NAME@LINE only if several
    functions have the name. `digest` tells whether the function's text has changed.
    """

    qualname: str
    name: str
    first_line: int
    def_line: int
    last_line: int
    is_stub: bool
    digest: str


@dataclass(frozen=True, slots=True)
class Rank:
    """Which of how many functions of one name, in the order of the file; `twins` if another has the same text."""

    place: int = 0
    of: int = 1
    twins: bool = False


ONLY = Rank()


@dataclass(frozen=True, slots=True)
class _Details:
    is_stub: bool
    line: int = 0
    problem: str = ""


class _Reading:
    """What the lines of one state of the document say; made anew when its blocks may have changed."""

    def __init__(self, blocks: list[Block]) -> None:
        self.blocks = blocks

    @cached_property
    def named(self) -> dict[str, list[Block]]:
        named: dict[str, list[Block]] = {}
        for block in self.blocks:
            named.setdefault(block.path, []).append(block)
        return named

    def qualname(self, block: Block) -> str:
        """The dotted name, with the line only if the name alone means another function or several."""
        same = self.named[block.path]
        real = [other for other in same if not other.overload] or same
        return block.path if real == [block] else f"{block.path}@{block.head + 1}"


class Outline:
    """The functions of a list of lines that someone else edits and tells of."""

    def __init__(self, lines: list[str], *, python: bool = True) -> None:
        self._lines = lines
        self._python = python
        self._states: list[int] = []
        self._marks: list[int] = []
        self._reading: _Reading | None = None
        self._details: OrderedDict[str, _Details] = OrderedDict()
        self._edits = 0
        self._read = not python
        self.problem = "" if python else "This is not a Python file"
        """Why parts of the outline may be missing or older than the text; "" if nothing is."""
        self.settled = not python
        """Whether all lines have been read as they are now."""

    # -------------------------------------------------------------- questions
    @property
    def functions(self) -> tuple[FunctionSpan, ...]:
        """Every function in order, nested ones included."""
        return tuple(self._span(block) for block in self._now().blocks)

    def at(self, line: int) -> FunctionSpan | None:
        """The innermost function that holds a 1-based line."""
        holding = [block for block in self._now().blocks if block.first < line <= block.last + 1]
        return self._span(holding[-1]) if holding else None

    def find(self, qualname: str) -> FunctionSpan | None:
        """The function that `flowmill.source.functions.find` would find, or None."""
        name, _, line = qualname.replace(".<locals>", "").partition("@")
        found = self._now().named.get(name, [])
        if line:
            found = [b for b in found if line.isdecimal() and b.first < int(line) <= b.last + 1][-1:]
        else:
            found = [block for block in found if not block.overload] or found
        return self._span(found[0]) if len(found) == 1 else None

    def rank(self, qualname: str) -> Rank:
        """Where the function stands among those of its name."""
        found, alike = self.find(qualname), self._alike(qualname)
        if found is None or found not in alike:
            return ONLY
        twins = sum(span.digest == found.digest for span in alike) > 1
        return Rank(alike.index(found), len(alike), twins)

    def follow(self, qualname: str, digest: str, rank: Rank = ONLY) -> FunctionSpan | None:
        """The function of that name and text, whatever line it has moved to; None if it is gone.

        Of several of its name it is the one whose text is the same, unless another one had that too, else the
        one of its rank if they are still as many, else the one on its line.
        """
        found = self.find(qualname)
        if found is not None and "@" not in qualname:
            return found
        alike = self._alike(qualname)
        as_many = len(alike) == rank.of
        if rank.twins and as_many:
            return alike[rank.place]
        same = [span for span in alike if span.digest == digest]
        if found in same or len(same) == 1:
            return found if found in same else same[0]
        return alike[rank.place] if as_many else found

    def _alike(self, qualname: str) -> list[FunctionSpan]:
        name = qualname.partition("@")[0]
        return [span for span in self.functions if span.qualname.partition("@")[0] == name]

    def problem_in(self, span: FunctionSpan) -> str:
        """Why the function's own text is not Python, with the line; "" if it is, or if it is very long."""
        details = self._details.get(span.digest)
        if details is None:
            text = self._text(span.first_line - 1, span.last_line - 1)
            details = self._look(text, span.digest, span.def_line - span.first_line + 1)
        if not details.problem:
            return ""
        line = min(span.first_line + details.line - 1, span.last_line)
        return f"There is a syntax error in this function: {details.problem} (line {line})"

    # -------------------------------------------------------------- edits
    def spliced(self, first: int, removed: int, added: int) -> None:
        """Lines were replaced: `removed` of them from the 0-based `first` on by `added` new ones."""
        self._edits += 1
        if not self._read or not self._python:
            return
        self.settled = self.settled and not self.problem
        if added > _MANY:
            self._read = self.settled = False
            self._reading = None
            return
        before = self._marks[first : first + removed]
        states, marks, end = lexing.scan(self._lines[first : first + added], self._states[first])
        self._states[first : first + removed] = states
        self._marks[first : first + removed] = marks
        if marks != before or any(mark >= 0 and mark & 3 for mark in marks):
            self._reading = None
        self._follow(first + added, end)

    def _follow(self, at: int, state: int) -> None:
        """Read on below an edit until a line begins as it did before it.

        If none does soon, as when a string has just been opened, the lines below are left
        as they were known: what is being typed is not finished.
        """
        if at == len(self._states):
            self.settled = self.settled and not lexing.in_long_string(state)
            return
        states: list[int] = []
        marks: list[int] = []
        start = at
        while at < min(len(self._states), start + _AHEAD) and self._states[at] != state:
            mark, after = lexing.scan_line(self._lines[at], state)
            states.append(state)
            marks.append(mark)
            state, at = after, at + 1
        if at == start + _AHEAD or (at == len(self._states) and lexing.in_long_string(state)):
            self.settled = False
            return
        if at > start:
            self._states[start:at] = states
            self._marks[start:at] = marks
            self._reading = None

    # -------------------------------------------------------------- reading
    async def settle(self) -> None:
        """Read all lines, a few at a time; gives up if they are edited meanwhile."""
        edits = self._edits
        states: list[int] = []
        marks: list[int] = []
        state = 0
        while not self.settled and len(states) < len(self._lines):
            more = lexing.scan(self._lines[len(states) : len(states) + _SLICE], state)
            states += more[0]
            marks += more[1]
            state = more[2]
            await asyncio.sleep(0)
            if edits != self._edits:
                return
        if not self.settled:
            self._take(states, marks, state)

    def _now(self) -> _Reading:
        if not self._read:
            self._take(*lexing.scan(self._lines, 0))
        if self._reading is None:
            self._reading = _Reading(functions_in(self._lines, self._marks))
        return self._reading

    def _take(self, states: list[int], marks: list[int], end: int) -> None:
        """A whole reading; one that ends in an open string gives way to what was known before."""
        self.settled = True
        self.problem = "A string is not closed" if lexing.in_long_string(end) else ""
        if self.problem and self._read:
            return
        self._read = True
        self._states, self._marks, self._reading = states, marks, None

    # -------------------------------------------------------------- one function
    def _text(self, first: int, last: int) -> str:
        lines = self._lines[first : last + 1]
        return "".join(lines[:-1]) + lines[-1].rstrip("\r\n") if lines else ""

    def _span(self, block: Block) -> FunctionSpan:
        text = self._text(block.first, block.last)
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
        return FunctionSpan(
            qualname=self._now().qualname(block),
            name=block.name,
            first_line=block.first + 1,
            def_line=block.head + 1,
            last_line=block.last + 1,
            is_stub=self._is_stub(block, text, digest),
            digest=digest,
        )

    def _is_stub(self, block: Block, text: str, digest: str) -> bool:
        """Whether nothing is written yet: a look at how each statement begins settles most cases."""
        statements = [
            self._lines[at].lstrip(" \t\f")
            for at in range(block.head + 1, block.last + 1)
            if self._marks[at] >= 0
        ]
        if not all(s.startswith(("...", "pass", "raise")) or _STRING.match(s) for s in statements):
            return False
        details = self._look(text, digest, block.head - block.first + 1)
        # What cannot be parsed but has no statement, such as a lone `def f():`, waits to be written.
        return details.is_stub or bool(details.problem)

    def _look(self, text: str, digest: str, def_line: int) -> _Details:
        """What the tree of the function says; parsed once for each text, and alone."""
        known = self._details.get(digest)
        if known is not None:
            self._details.move_to_end(digest)
            return known
        details = _details(text, def_line)
        self._details[digest] = details
        if len(self._details) > _KNOWN:
            self._details.popitem(last=False)
        return details


def _details(text: str, def_line: int) -> _Details:
    text = text.lstrip("\ufeff")
    if max(text.count("\n"), text.count("\r")) >= _PARSED:
        return _Details(is_stub=False)
    # The text keeps its indentation, for that of the lines of a string is data.
    shifted = 1 if leading(text) else 0
    text = f"if 1:\n{text}" if shifted else text
    file = SourceFile(Path("function.py"), b"", "utf-8", text)
    try:
        function = function_at(file, def_line + shifted)
    except TargetError as error:
        cause = error.__context__
        if not isinstance(cause, SyntaxError):
            return _Details(is_stub=False)
        return _Details(False, max(1, (cause.lineno or 1) - shifted), cause.msg or "it is not Python")
    return _Details(function is not None and function.is_stub)
