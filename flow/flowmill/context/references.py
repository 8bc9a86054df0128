"""The project's own definitions that a function refers to, found by jedi within a time limit.

Jedi looks through this process's interpreter and starts no other one. It is a help
and no condition: what it cannot find in time is left out.
"""

from __future__ import annotations

import ast
import builtins
import logging
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Protocol

import jedi
from jedi.api.environment import InterpreterEnvironment

from flowmill.context.shapes import Files
from flowmill.context.snippets import trimmed, words_of
from flowmill.paths import cache_dir
from flowmill.shapes import Project
from flowmill.source.function import Function
from flowmill.source.layout import normalise
from flowmill.source.text import SourceFile

_LOG = logging.getLogger(__name__)

SECONDS = 1.0
MOST_NAMES = 40
MOST_DEFINITIONS = 12
_FOREIGN = frozenset({"site-packages", "dist-packages", ".venv", "venv", ".tox", ".nox", "node_modules"})
_WORD = re.compile(r"(?<=`)[A-Za-z_]\w*(?=`)|[A-Za-z_]\w*(?=\()|[A-Za-z]\w*_\w+|[A-Z]\w*[a-z]\w*[A-Z]\w*")
"""Words of a docstring that mean code: in backticks, called, with an underscore, or in camel case."""

_PROSE = re.compile(r"[A-Za-z][a-z]+")

Place = tuple[int, int]
"""Line and column (in characters) of a name."""
Found = tuple[Path, str, int]
"""File, name and line of a definition."""


def referred(
    project: Project,
    file: SourceFile,
    function: Function,
    files: Files,
    also: Collection[str] = (),
    seconds: float = SECONDS,
) -> tuple[str, ...]:
    """The source of what its annotations, body and docstring name, in that order, long ones cut.

    `also` are further names of the module, which come last.
    """
    places = list(dict.fromkeys(_places(file, function, also)))[:MOST_NAMES]
    if not places:
        return ()
    search = _Search(project.root, file, places, seconds)
    search.start()
    search.join(seconds)
    texts = (_text(found, files, file, function) for found in dict.fromkeys(search.found[:]))
    return tuple(dict.fromkeys(text for text in texts if text))[:MOST_DEFINITIONS]


class _Name(Protocol):
    """What jedi, which is not typed throughout, tells of a definition."""

    @property
    def module_path(self) -> Path | None: ...
    @property
    def name(self) -> str: ...
    @property
    def line(self) -> int | None: ...


class _Script(Protocol):
    def goto(self, line: int, column: int, *, follow_imports: bool) -> list[_Name]: ...


_TURN = threading.Lock()
"""Jedi is not made for threads, and a search that ran out of time is still in its last name."""


class _Search(threading.Thread):
    """Asks jedi for one name after the other until the time is up; a thread, since one name may take long."""

    def __init__(self, root: Path, file: SourceFile, places: list[Place], seconds: float) -> None:
        super().__init__(name="flowmill-jedi", daemon=True)
        self.found: list[Found] = []
        self._root = root
        self._file = file
        self._places = places
        self._until = time.monotonic() + seconds
        # Jedi keeps parsed files on disk; they belong with what else we keep.
        jedi.settings.cache_directory = str(cache_dir() / "jedi")

    def run(self) -> None:
        script: _Script | None = None
        for line, column in self._places:
            left = self._until - time.monotonic()
            if left <= 0 or not _TURN.acquire(timeout=left):
                return
            try:
                script = script or self._script()
                if script is None:
                    return
                self.found += self._asked(script, line, column)
            finally:
                _TURN.release()

    def _script(self) -> _Script | None:
        added = [str(self._root), str(self._root / "src")]
        try:
            return jedi.Script(
                normalise(self._file.text),
                path=self._file.path,
                environment=InterpreterEnvironment(),
                project=jedi.Project(self._root, added_sys_path=added),
            )
        except Exception as error:  # as below
            _LOG.info("jedi cannot read %s: %r", self._file.path, error)
            return None

    def _asked(self, script: _Script, line: int, column: int) -> list[Found]:
        try:
            names = script.goto(line, column, follow_imports=True)
            places = [(name.module_path, name.name, name.line) for name in names]
        except Exception as error:
            # Jedi fails in many ways on code that it cannot follow; that name is left out.
            _LOG.info("jedi cannot follow %s:%s:%s: %r", self._file.path, line, column, error)
            return []
        return [
            (Path(path), name, row) for path, name, row in places if path and row and self._is_own(Path(path))
        ]

    def _is_own(self, path: Path) -> bool:
        return path.is_relative_to(self._root) and not _FOREIGN & set(path.relative_to(self._root).parts)


def _places(file: SourceFile, function: Function, also: Collection[str]) -> Iterator[Place]:
    node = function.node
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    stars = [argument for argument in (node.args.vararg, node.args.kwarg) if argument]
    hints = [argument.annotation for argument in [*arguments, *stars]] + [node.returns]
    known = set(function.params) | set(dir(builtins))
    for part in [*(hint for hint in hints if hint), *node.decorator_list, *node.body]:
        yield from _places_in(file, part, known)
    text = ast.get_docstring(function.node) or ""
    words = set(_WORD.findall(text)) - known
    spoken = {word.lower().rstrip("s") for word in _PROSE.findall(f"{text} {function.name}")}

    def is_meant(name: str) -> bool:
        parts = {part.rstrip("s") for part in words_of(name)}
        return name in words or (name not in known and len(parts) > 1 and parts <= spoken)

    yield from _places_of_names(file, is_meant)
    yield from _places_of_names(file, lambda name: name in also and name not in known)


def _places_in(file: SourceFile, part: ast.AST, known: set[str]) -> Iterator[Place]:
    """The first place of each name in a part, in the order in which they are written."""
    offsets: dict[str, int] = {}
    for inner in ast.walk(part):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load):
            name, offset = inner.id, file.span(inner)[0]
        elif isinstance(inner, ast.Attribute) and not inner.attr.startswith("__"):
            name, offset = inner.attr, file.span(inner)[1] - len(inner.attr)
        else:
            continue
        if name not in known:
            offsets[name] = min(offset, offsets.get(name, offset))
    known.update(offsets)
    yield from (_place(file, offset) for offset in sorted(offsets.values()))


def _places_of_names(file: SourceFile, is_meant: Callable[[str], bool]) -> Iterator[Place]:
    """Where the module defines or imports what is meant: words of the docstring, or named by several of them."""
    for node in file.tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and is_meant(node.name):
            start = file.span(node)[0]
            yield _place(file, file.text.index(node.name, start + len("def")))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                if is_meant(alias.asname or alias.name):
                    yield _place(file, file.offset(alias.lineno, alias.col_offset))


def _place(file: SourceFile, offset: int) -> Place:
    line = file.line_at(offset)
    return line, offset - file.line_starts[line - 1]


def _text(found: Found, files: Files, file: SourceFile, function: Function) -> str:
    path, name, line = found
    if path == file.path and function.first_line <= line <= function.last_line:
        return ""
    source = file if path == file.path else files.get(path)
    if source is None:
        return ""
    node = _definition(source, name, line)
    if node is None or (source is file and _overlaps(node, function)):
        return ""
    return trimmed(source, node)


def _overlaps(node: ast.stmt, function: Function) -> bool:
    end = node.end_lineno or 0
    return node.lineno <= function.last_line and end >= function.first_line


def _definition(source: SourceFile, name: str, line: int) -> ast.stmt | None:
    """The definition of that name nearest to that line: an open buffer may have moved it."""
    classes = [node for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef)]
    functions = [
        node for node in ast.walk(source.tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    named: list[ast.stmt] = [node for node in [*classes, *functions] if node.name == name]
    named += [node for holder in [source.tree, *classes] for node in holder.body if _assigns(node, name)]
    return min(named, key=lambda node: abs(node.lineno - line), default=None)


def _assigns(node: ast.stmt, name: str) -> bool:
    targets = (
        node.targets
        if isinstance(node, ast.Assign)
        else [node.target]
        if isinstance(node, ast.AnnAssign)
        else []
    )
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)
