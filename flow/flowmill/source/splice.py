"""Putting a draft in a function's place so that nothing else in the file changes by one byte."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from flowmill.shapes import Draft
from flowmill.source.flat import flat
from flowmill.source.function import Function
from flowmill.source.imports import plan_imports
from flowmill.source.layout import (
    Edit,
    Line,
    SpliceError,
    apply_edits,
    code_lines,
    indented,
    normalise,
    outdented,
    retabbed,
)
from flowmill.source.places import class_of, definitions_by_name, outermost, place_before
from flowmill.source.text import NEWLINE, SourceFile, compile_quietly, parse

__all__ = ["SpliceError", "Spliced", "draft_of", "splice", "splice_noted"]


@dataclass(frozen=True, slots=True)
class Spliced:
    """The file's new bytes; `notes` says in words which declared imports were left out, and why."""

    data: bytes
    notes: tuple[str, ...] = ()


def draft_of(function: Function) -> Draft:
    """The function's present body as a draft; an empty body if there is only a docstring."""
    lines = _present_lines(function)
    return Draft("".join(line.text + "\n" for line in lines))


def splice(file: SourceFile, function: Function, draft: Draft) -> bytes:
    """The file with the draft as the function's body.

    Decorators, signature, docstring and every line of the body that the draft keeps stay
    byte for byte. Raises `SpliceError` if the result would not be Python.
    """
    return splice_noted(file, function, draft).data


def splice_noted(file: SourceFile, function: Function, draft: Draft) -> Spliced:
    """The same, with what was left out."""
    imports = plan_imports(file, draft.imports, file.newline)
    edits = [
        *imports.edits,
        *_helper_edits(file, function, draft.helpers),
        _body_edit(file, function, draft.body),
        *_method_edits(file, function, draft.methods),
    ]
    text = apply_edits(file.text, edits)
    if text != file.text:
        _check(text, function, added=_lines_above(function, edits))
    try:
        return Spliced(file.encode(text), imports.skipped)
    except UnicodeEncodeError as error:
        letter = error.object[error.start : error.start + 1]
        raise SpliceError(
            f"the draft holds {letter!r}, which the file's {file.encoding} cannot hold"
        ) from None


# ------------------------------------------------------------------ the body
def _body_edit(file: SourceFile, function: Function, body: str) -> Edit:
    body = normalise(body).rstrip("\n")
    old = _present_lines(function)
    if body == "\n".join(line.text for line in old):
        return Edit(function.end, function.end, "")
    wanted = _parsed_body(body)
    unit = function.body_indent[len(function.indent) :]
    new = code_lines(retabbed(body, unit)) if body else []
    start, lead = _entry(file, function)
    if function.inline or not old:
        return Edit(start, function.end, lead + file.newline.join(indented(new, function.body_indent)))
    for text in (_aligned(file, function, old, new), file.newline.join(indented(new, function.body_indent))):
        if _means(text, wanted, function.body_indent):
            return Edit(start, function.end, text)
    raise SpliceError("the draft's indentation cannot be made that of the function")


def _present_lines(function: Function) -> list[Line]:
    body = function.source[function.body_start - function.start :]
    if not body:
        return []
    if function.inline:
        return code_lines(normalise(body))
    return outdented(normalise(body), function.body_indent)


def _parsed_body(body: str) -> list[ast.stmt]:
    try:
        return parse(body).body
    except SyntaxError as error:
        raise SpliceError(f"the draft is not Python: {error.msg} on its line {error.lineno or 1}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise SpliceError(f"the draft is not Python: {error or type(error).__name__}") from None


def _entry(file: SourceFile, function: Function) -> tuple[int, str]:
    """Where the new body's text begins, and what has to come before its first line there."""
    if not function.inline:
        return function.body_start, "" if function.body_start < function.end else file.newline
    if function.docstring is None:
        return function.header_end, file.newline
    start, end = function.docstring
    if NEWLINE.search(file.text, function.header_end, start):
        return end, file.newline
    kept = file.text[start:end] if function.body_start < function.end else file.text[start : function.end]
    return function.header_end, file.newline + function.body_indent + kept + file.newline


def _aligned(file: SourceFile, function: Function, old: list[Line], new: list[Line]) -> str:
    """The new body in which every line that is also in the old one keeps its bytes and its newline."""
    raw = _raw_lines(file.text[function.body_start : function.end])
    kept = {
        there + step: raw[here + step] for here, there, size in _matches(old, new) for step in range(size)
    }
    fresh = indented(new, function.body_indent)
    pieces: list[str] = []
    for number, text in enumerate(fresh):
        line, newline = kept.get(number, (text, file.newline))
        pieces += [line, newline or file.newline]
    return "".join(pieces[:-1])


def _matches(old: list[Line], new: list[Line]) -> Iterator[tuple[int, int, int]]:
    """Runs of equal lines: the common beginning, the common end, and those between."""
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    rest = shorter - head
    tail = next((at for at in range(rest) if old[-1 - at] != new[-1 - at]), rest)
    yield 0, 0, head
    yield len(old) - tail, len(new) - tail, tail
    middle = SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail])
    for match in middle.get_matching_blocks():
        yield match.a + head, match.b + head, match.size


def _raw_lines(text: str) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    done = 0
    for match in NEWLINE.finditer(text):
        lines.append((text[done : match.start()], match.group()))
        done = match.end()
    return [*lines, (text[done:], "")]


def _means(block: str, wanted: list[ast.stmt], indentation: str) -> bool:
    """Whether an indented block is the wanted statements, at that indentation."""
    if not wanted:
        return True
    try:
        outer = parse(f"if 1:\n{block}\n").body[0]
    except SyntaxError:
        return False
    assert isinstance(outer, ast.If)
    if outer.body[0].col_offset != len(indentation):
        return False
    return flat(*outer.body) == flat(*wanted)


# ------------------------------------------------------------------ helpers and methods
def _helper_edits(file: SourceFile, function: Function, helpers: tuple[str, ...]) -> list[Edit]:
    if not helpers:
        return []
    kept = _new_definitions(helpers, definitions_by_name(file.tree.body), "helper", "the module")
    if not kept:
        return []
    place = place_before(file, outermost(file.tree, function.def_line))
    blank = file.newline * (3 - min(3, _newlines_before(file.text, place)))
    unit = file.indent_unit
    texts = [retabbed(helper, unit).replace("\n", file.newline) + file.newline * 3 for helper in kept]
    return [Edit(place, place, (blank if place else "") + "".join(texts))]


def _method_edits(file: SourceFile, function: Function, methods: tuple[str, ...]) -> list[Edit]:
    if not methods:
        return []
    if not function.classes:
        raise SpliceError(f"the draft declares methods, but {function.qualname} is in no class")
    kept = _new_definitions(
        methods, definitions_by_name(class_of(file.tree, function.def_line).body), "method", "the class"
    )
    unit = file.indent_unit
    texts = [
        file.newline * 2 + file.newline.join(indented(code_lines(retabbed(method, unit)), function.indent))
        for method in kept
    ]
    return [Edit(function.end, function.end, "".join(texts))] if texts else []


def _new_definitions(
    sources: tuple[str, ...], known: dict[str, list[str]], what: str, where: str
) -> list[str]:
    """The sources that are not there yet. Raises `SpliceError` over a name that means something else."""
    kept: list[str] = []
    for source in sources:
        text = normalise(source).strip("\n")
        try:
            defined = definitions_by_name(parse(text).body)
        except (SyntaxError, ValueError) as error:
            raise SpliceError(f"the draft's {what} is not Python: {error}") from None
        if not defined:
            raise SpliceError(f"the draft's {what} defines no name: {text[:60]!r}")
        fresh = [name for name in defined if name not in known]
        clash = next(
            (name for name in defined if name in known and known[name][-1:] != defined[name][-1:]), None
        )
        if clash or 0 < len(fresh) < len(defined):
            raise SpliceError(f"the draft's {what} {clash or fresh[0]} would replace a name of {where}")
        if fresh:
            known.update(defined)
            kept.append(text)
    return kept


def _newlines_before(text: str, place: int) -> int:
    """How many newlines in a row end just before `place`; 3 of them make two blank lines."""
    count = 0
    for match in reversed(list(NEWLINE.finditer(text, max(0, place - 12), place))):
        if match.end() != place:
            break
        count, place = count + 1, match.start()
    return count


# ------------------------------------------------------------------ the result
def _lines_above(function: Function, edits: list[Edit]) -> int:
    """How many lines the edits add above the function."""
    above = (edit for edit in edits if edit.end <= function.start and edit.text)
    return sum(len(NEWLINE.findall(edit.text)) for edit in above)


def _check(text: str, function: Function, added: int) -> None:
    """Compile the top-level statement that holds the function, since parsing alone lets `return` stand anywhere."""
    try:
        tree = parse(text)
        future = [
            node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"
        ]
        holder = outermost(tree, function.def_line + added)
        compile_quietly(ast.Module([*future, holder], []))
    except SyntaxError as error:
        line = f" on line {error.lineno}" if error.lineno else ""
        raise SpliceError(f"with the draft the file is not Python: {error.msg}{line}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise SpliceError(f"with the draft the file is not Python: {error or type(error).__name__}") from None
