"""Whether a draft can be put into code that is loaded already, and what that takes.

Pure: two texts in, a `Swap` or a reason out. The common case, in which only lines of
the function differ, parses nothing but the function.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from flowmill.runner.swap_guard import OUTSIDE, refusal, sort_added, too_early
from flowmill.runner.swap_text import block, first_line, lines_of, module_of, text_of
from flowmill.shapes import Target
from flowmill.source.function import Def
from flowmill.source.layout import leading

__all__ = ["Piece", "Swap", "plan", "restore_lines"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole lines of the new text: `line` is where they begin there, `at` where the swapped code says so."""

    text: str
    line: int
    at: int

    @property
    def height(self) -> int:
        return self.text.count("\n")


@dataclass(frozen=True, slots=True)
class Swap:
    """A new body for a loaded function, and the imports and helpers that it needs first.

    `qualname` is that of the definition itself (`C.x` for `C.x.setter`). `start` is
    where its text `before` begins in the loaded text, which has `lines` lines; what is
    swapped in is numbered from there on, so that all other code keeps its places.
    `shifts` say from which line of the loaded text on how many lines come before.
    """

    file: Path
    qualname: str
    start: int
    lines: int
    before: str
    function: Piece
    imports: tuple[str, ...] = ()
    helpers: tuple[Piece, ...] = ()
    shifts: tuple[tuple[int, int], ...] = ()

    def wire(self) -> dict[str, object]:
        """What the process that swaps has to know, as JSON takes it."""
        return {
            "file": str(self.file),
            "qualname": self.qualname,
            "start": self.start,
            "lines": self.lines,
            "before": self.before,
            "function": {"text": self.function.text, "at": self.function.at},
            "imports": list(self.imports),
            "helpers": [{"text": helper.text, "at": helper.at} for helper in self.helpers],
        }


def plan(base: str, new: str, goal: Target) -> Swap | str:
    """How to turn the loaded text `base` into `new` by a swap, or why that cannot be done.

    `goal` is the function in `base`. All that may differ is the function's body, and
    imports and top-level definitions that are new and stand above it.
    """
    old, lines = lines_of(base), lines_of(new)
    if not 1 <= goal.start <= goal.end <= len(old):
        return "the function is not where it was"
    end = len(lines) - (len(old) - goal.end)
    if end < goal.start or old[goal.end :] != lines[end:]:
        return OUTSIDE
    texts = _Texts(goal, base, old, lines[:end])
    above = _above(texts)
    if isinstance(above, str):
        return above
    was = block(old[goal.start - 1 : goal.end], goal.start - 1, texts.inner)
    now = block(texts.lines[above.at :], above.at, texts.inner)
    if was is None:
        return "the Python that runs flowmill cannot read the function"
    if len(was) != 1 or not isinstance(was[0], (ast.FunctionDef, ast.AsyncFunctionDef)):
        return "the function is not where it was"
    if not now:
        return "with it the function is not Python"
    return _judged(texts, above, was[0], now)


@dataclass(frozen=True)
class _Texts:
    """The loaded text, its lines, and those of the new text up to the end of the function."""

    goal: Target
    base: str
    old: list[str]
    lines: list[str]

    @property
    def inner(self) -> bool:
        """Whether the function stands in a block."""
        return self.old[self.goal.start - 1][:1].isspace()


def _judged(texts: _Texts, above: _Above, before: Def, now: list[ast.stmt]) -> Swap | str:
    """The same, once it is known which statements stand where the function stood."""
    *beside, after = now
    if beside and texts.inner:
        return "it adds code beside the function, such as a method"
    if not isinstance(after, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return OUTSIDE
    if after.name != before.name and any(getattr(node, "name", "") == before.name for node in beside):
        return "it adds code below the function"
    start = first_line(after, texts.lines)
    if leading(texts.lines[start - 1]) != leading(texts.old[texts.goal.start - 1]):
        return "its indentation differs"
    why = refusal(before, after)
    added = sort_added([*above.added, *beside])
    if why or isinstance(added, str):
        return why or str(added)
    imports, helpers = added
    late = too_early(helpers, module_of(texts.base).tree, texts.goal.start) if helpers else ""
    return late or _swap(texts, above, before.name, start, imports, helpers)


def _swap(
    texts: _Texts, above: _Above, name: str, start: int, imports: list[str], helpers: list[ast.stmt]
) -> Swap:
    goal, old, lines = texts.goal, texts.old, texts.lines
    height = len(old) - (old[-1] == "")
    pieces = _pieces(helpers, lines, height + 1)
    at = height + 1 + sum(piece.height for piece in pieces)
    return Swap(
        file=goal.file,
        qualname=_own_qualname(goal.qualname, name),
        start=goal.start,
        lines=height,
        before=text_of(old[goal.start - 1 : goal.end]),
        # Above an indented function there is a line that makes a block of it: see the child's `lines`.
        function=Piece(text_of(lines[start - 1 :]), start, at + texts.inner),
        imports=tuple(imports),
        helpers=pieces,
        shifts=(*above.shifts, (goal.start, start - goal.start), (goal.end + 1, len(lines) - goal.end)),
    )


def _pieces(helpers: list[ast.stmt], lines: list[str], at: int) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    for node in helpers:
        first = first_line(node, lines)
        # Two on one line are one piece.
        if not pieces or first >= pieces[-1].line + pieces[-1].height:
            pieces.append(Piece(text_of(lines[first - 1 : node.end_lineno]), first, at))
            at += pieces[-1].height
    return tuple(pieces)


# ------------------------------------------------------------------ what differs above the function
@dataclass(frozen=True)
class _Above:
    """Where the statements begin that end with the function, 0-based, and what is new before that."""

    at: int
    added: tuple[ast.stmt, ...] = ()
    shifts: tuple[tuple[int, int], ...] = ()


def _above(texts: _Texts) -> _Above | str:
    """Find every statement above the function again; what is new between them are whole statements."""
    goal, old, lines = texts.goal, texts.old, texts.lines
    if old[: goal.start - 1] == lines[: goal.start - 1]:
        return _Above(goal.start - 1)
    try:
        module = module_of(texts.base)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "the file is not Python"
    at = seen = 0
    added: list[ast.stmt] = []
    shifts: list[tuple[int, int]] = []
    for number, (first, last) in enumerate(module.spans):
        if first >= goal.start:
            break
        chunk = old[first - 1 : min(last, goal.start - 1)]
        place = _find(lines, chunk, at, at + first - 1 - seen)
        if place < 0:
            return OUTSIDE
        if lines[at:place] != old[seen : first - 1]:
            fresh = block(lines[at:place], at, False)
            # A gap that held no statement and is not Python now was cut in the middle of something.
            if fresh is None or (fresh and number < module.pinned):
                return OUTSIDE
            added += fresh
            shifts.append((first, place + 1 - first))
        at, seen = place + len(chunk), first - 1 + len(chunk)
    return _Above(at, tuple(added), tuple(shifts))


def _find(lines: list[str], chunk: list[str], at: int, expected: int) -> int:
    """Where these lines stand, at or after `at`, 0-based; -1 if they do not."""
    if lines[expected : expected + len(chunk)] == chunk:
        return expected
    while True:
        try:
            at = lines.index(chunk[0], at)
        except ValueError:
            return -1
        if lines[at : at + len(chunk)] == chunk:
            return at
        at += 1


def _own_qualname(qualname: str, name: str) -> str:
    """The qualified name without the accessor that tells a property's setter from its getter."""
    plain = qualname.replace(".<locals>", "")
    outer, _, last = plain.rpartition(".")
    return outer if last != name else plain


# ------------------------------------------------------------------ tracebacks
def restore_lines(swap: Swap, details: str) -> str:
    """A traceback of the swapped run with the lines that the new text has: `file.py:3012:` as `file.py:40:`."""
    name = re.escape(swap.file.name)
    place = re.compile(rf"(?P<path>[^\s\"'(:]*(?<![^\s\"'(:/\\]){name})(?P<then>:|\", line )(?P<line>\d+)\b")

    def restored(match: re.Match[str]) -> str:
        if not _names(match["path"], swap.file):
            return match.group()
        return f"{match['path']}{match['then']}{_new_line(swap, int(match['line']))}"

    told = place.sub(restored, details)
    if not re.search(rf"{name}:\d+: (DocTestFailure|UnexpectedException)", told):
        return told
    # Above these words pytest quotes the docstring, each line with its number in front.
    return re.sub(
        r"^\d{3,}(?= )", lambda match: f"{_new_line(swap, int(match.group())):03d}", told, flags=re.M
    )


def _names(shown: str, file: Path) -> bool:
    plain = re.sub(r"^(\.{1,2}/)+", "", shown.replace("\\", "/"))
    return file.as_posix().endswith(plain) or plain.endswith(file.as_posix())


def _new_line(swap: Swap, line: int) -> int:
    for piece in (*swap.helpers, swap.function):
        if piece.at <= line < piece.at + piece.height:
            return piece.line + line - piece.at
    if line > swap.lines:
        return line
    return line + next((by for first, by in reversed(swap.shifts) if first <= line), 0)
