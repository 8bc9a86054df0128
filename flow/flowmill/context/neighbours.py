"""Functions like it: those that a programmer would look at before writing this one."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from difflib import SequenceMatcher
from pathlib import Path

from flowmill.context.shapes import Files
from flowmill.context.snippets import shortened, without_docstring, words_of
from flowmill.source.function import Function
from flowmill.source.functions import find_functions
from flowmill.source.text import SourceFile

LINES = 60
"""How much of one is shown."""
MOST = 3
"""Functions of the file that are shown."""
MANY = 2
"""Parameters that methods of one class must share at least, if their names have nothing in common."""
ALIKE = 0.5
"""The share of parameters that two functions must have in common, if their names only resemble each other."""
FOLDER = 200
"""Files beside the function's that are looked through for methods of its name."""


def neighbours(
    file: SourceFile, function: Function, files: Files, is_test: Callable[[Path], bool]
) -> tuple[str, ...]:
    """The functions of the file that are most alike, best first.

    For a method one of its name in a class near by, bases first, stands behind the first.
    Test files are not looked at: some of what is in them is kept from the model.
    """
    found = [
        (_likeness(other, function), other)
        for other in find_functions(file)
        if _is_written(other) and other.def_line != function.def_line and not _holds(function, other)
    ]
    found = sorted((pair for pair in found if pair[0] > 0), key=lambda pair: -pair[0])[:MOST]
    alike = [_shown(file, other) for _, other in found]
    if function.classes and not (found and found[0][1].name == function.name):
        alike[1:1] = _of_its_name(file, function, files, _beside(file.path, files, is_test))
    return tuple(alike)


def _is_written(function: Function) -> bool:
    return not function.is_stub and not function.is_overload


def _holds(function: Function, other: Function) -> bool:
    """Whether one lies inside of the other."""
    return (
        function.first_line <= other.def_line <= function.last_line
        or other.first_line <= function.def_line <= other.last_line
    )


def _likeness(other: Function, function: Function) -> float:
    """0 if nothing speaks for it; more for words and spelling of the name, parameters and the class in common."""
    mine, theirs = words_of(function.name), words_of(other.name)
    names, params = len(mine & theirs) / max(1, len(mine | theirs)), _shared(other, function)
    if other.name != function.name and (params < ALIKE or not (names or _many_shared(other, function))):
        return 0.0
    spelled = SequenceMatcher(None, other.name, function.name).ratio()
    return names + params + (other.classes == function.classes) / 2 + spelled / 2


def _many_shared(other: Function, function: Function) -> bool:
    """Whether a method of the same class is given so much of the same that its name does not matter."""
    both = set(function.params) & set(other.params) - {"self", "cls"}
    return other.classes == function.classes != () and len(both) >= MANY


def _shared(other: Function, function: Function) -> float:
    """The share of parameters that both have."""
    own, given = set(function.params) - {"self", "cls"}, set(other.params) - {"self", "cls"}
    return len(own & given) / max(1, len(own | given))


def _of_its_name(
    file: SourceFile, function: Function, files: Files, beside: Mapping[Path, bytes]
) -> list[str]:
    above = _ancestors(function.classes[-1], file, beside, files)
    own = _own_names(file, function)
    defines = re.compile(rb"\bdef %s\(" % re.escape(function.name.encode()))
    found = [
        (other.classes[-1] not in above, -_shared(other, function), _shown(source, other))
        for path, data in beside.items()
        if defines.search(data) and (source := files.get(path)) is not None
        for other in find_functions(source)
        if other.name == function.name and other.classes and _is_written(other)
        if other.classes[-1] in above or _asked_of_self(other) <= own
    ]
    return [min(found)[2]] if found else []


def _own_names(file: SourceFile, function: Function) -> set[str]:
    """What the function's class calls its own."""
    return {
        name
        for node in ast.walk(file.tree)
        if isinstance(node, ast.ClassDef) and node.name == function.classes[-1]
        for inner in ast.walk(node)
        for name in [getattr(inner, "attr", ""), getattr(inner, "name", ""), getattr(inner, "id", "")]
    }


def _asked_of_self(other: Function) -> set[str]:
    """What a method uses of its own object: in another class, what is not there misleads."""
    return {
        inner.attr
        for inner in ast.walk(other.node)
        if isinstance(inner, ast.Attribute)
        and isinstance(inner.value, ast.Name)
        and inner.value.id in ("self", "cls")
    }


def _beside(path: Path, files: Files, is_test: Callable[[Path], bool]) -> dict[Path, bytes]:
    """The other modules of the folder."""
    found: dict[Path, bytes] = {}
    for other in sorted(path.parent.glob("*.py"))[:FOLDER]:
        if other != path and not is_test(other):
            with suppress(OSError):  # what cannot be read is no help
                found[other] = files.overlay[other] if other in files.overlay else other.read_bytes()
    return found


def _ancestors(name: str, file: SourceFile, beside: Mapping[Path, bytes], files: Files) -> set[str]:
    """The names of the class's bases and of theirs, as far as modules of the folder define them."""
    bases = _bases(file)
    found: set[str] = set()
    pending = [name]
    while pending:
        one = pending.pop()
        if one not in bases:
            defines = re.compile(rb"^class %s\b" % re.escape(one.encode()), re.M)
            sources = (files.get(path) for path, data in beside.items() if defines.search(data))
            bases |= _bases(next((source for source in sources if source), file))
        new = bases.get(one, set()) - found
        found |= new
        pending += new
    return found


def _bases(file: SourceFile) -> dict[str, set[str]]:
    """The names of each class's bases."""
    classes = (node for node in ast.walk(file.tree) if isinstance(node, ast.ClassDef))
    return {node.name: {ast.unparse(base).rpartition(".")[2] for base in node.bases} for node in classes}


def _shown(file: SourceFile, function: Function) -> str:
    text = shortened(without_docstring(file, function.node), LINES)
    return f"# {function.qualname}:\n{text}" if function.classes else text
