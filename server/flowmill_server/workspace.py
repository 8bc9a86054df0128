"""Which files are ours to work on: where they lie, what they are, and why not.

Everything here is told from names and from the text at hand, never from the disk, since it
is asked for each time the cursor moves. Only `settle` looks at the disk, and in a thread.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lsprotocol import types

from flowmill.engine.locate import is_test_file
from flowmill_server.text.uris import path_of, scheme_of

SUFFIXES = frozenset({".py", ".pyw"})
HEAD_LINES = 20
GENERATED = re.compile(r"@generated\b|\bdo not edit\b|\bauto(matically)?[ -]?generated\b", re.IGNORECASE)
"""Marks that count in the module's docstring too."""
GENERATED_COMMENT = re.compile(
    r"""\b(file|code|class|module)\ ((is|was)\ )?(a\ )?generated\b | \bgenerated\ file\b
    | \bgenerated\ by\ (the\ (grpc|protocol)|datamodel|swig|cython|thrift)\b
    | \bgenerated\ from\ .*\b(by|file)\b""",
    re.IGNORECASE | re.VERBOSE,
)
INSTALLED = frozenset(
    {"site-packages", "dist-packages", "node_modules", ".venv", "venv", ".tox", ".nox", ".eggs"}
)
LIBRARY = re.compile(r"python\d+(\.\d+)?$", re.IGNORECASE)
DJANGO_TESTS = "tests.py"
"""Where `startapp` puts an application's tests; a `test.py` or a folder `testing` is often the code itself."""
MOST_REMEMBERED = 500
"""Documents whose place is remembered between two questions."""

OFF_DISK = "flow works on files on this machine, and this document is none"
NOT_PYTHON = "flow works on Python files only"
OUTSIDE = "this file is outside of the workspace folders"
IS_INSTALLED = "this file was installed or built; change the source that it comes from"
IS_GENERATED = "this file is generated; change what it is generated from"
UNSAVED = "save this document to a file first, so that the project's tests can import it"
NOTEBOOK = "flow works on Python files, not yet on notebook cells"
TEST_FILE = "flow never edits test files"


class File(Protocol):
    """The part of an open document that is looked at here."""

    @property
    def uri(self) -> str: ...
    @property
    def path(self) -> Path | None: ...
    @property
    def language(self) -> str: ...
    @property
    def lines(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why flow does not work on a document; `shown` if the user should read it in the menu."""

    reason: str
    shown: bool


HIDDEN = {
    reason: _Refusal(reason, False) for reason in (OFF_DISK, NOT_PYTHON, OUTSIDE, IS_INSTALLED, IS_GENERATED)
}
SHOWN = {reason: _Refusal(reason, True) for reason in (UNSAVED, NOTEBOOK, TEST_FILE)}
NONE = _Refusal("", True)


class Folders:
    """The workspace folders of the client, as they are now."""

    def __init__(self) -> None:
        self._uris: dict[Path, str] = {}
        self._real: dict[Path, Path] = {}
        self._places: dict[tuple[str, str], _Refusal] = {}

    def learn(self, params: types.InitializeParams) -> None:
        """The folders that the client starts with; the older fields count only without the newest."""
        given = [folder.uri for folder in params.workspace_folders or ()]
        root = [params.root_uri] if params.root_uri else []
        if not given and not root and params.root_path:
            root = [Path(params.root_path).absolute().as_uri()]
        self._uris = {}
        self._add(given or root)

    def change(self, event: types.WorkspaceFoldersChangeEvent) -> None:
        for folder in event.removed:
            path = path_of(folder.uri)
            if path is not None:
                self._uris.pop(path, None)
        self._add([folder.uri for folder in event.added])

    async def settle(self) -> None:
        """Follow the folders' links once, for clients that name files by their real place."""
        real = await asyncio.to_thread(_real_places, self.roots)
        self._real = {place: root for place, root in real.items() if root in self._uris}
        self._places.clear()

    @property
    def roots(self) -> tuple[Path, ...]:
        return tuple(self._uris)

    def uri(self, root: Path) -> str:
        """The folder's URI, spelled as the client does."""
        return self._uris.get(root) or root.as_uri()

    def root_of(self, path: Path) -> Path | None:
        """The innermost workspace folder that holds the path."""
        for folder in (path, *path.parents):
            if folder in self._uris:
                return folder
            if folder in self._real:
                return self._real[folder]
        return None

    def reason(self, document: File) -> str:
        """ "" if flow may work on the document, else why not, in one line."""
        return self._refusal(document).reason

    def offered(self, document: File) -> bool:
        """Whether the menu should name flow at all, if only to say why it cannot work here."""
        return self._refusal(document).shown

    # ------------------------------------------------------------------
    def _add(self, uris: Sequence[str]) -> None:
        for uri in uris:
            path = path_of(uri)
            if path is not None:
                self._uris[path] = uri
        self._real = {place: root for place, root in self._real.items() if root in self._uris}
        self._places.clear()

    def _refusal(self, document: File) -> _Refusal:
        key = (document.uri, document.language)
        place = self._places.get(key)
        if place is None:
            if len(self._places) >= MOST_REMEMBERED:
                self._places.clear()
            place = self._places[key] = self._place(document)
        # The place stays, while each keystroke may change the head; a test file is refused as such.
        return HIDDEN[IS_GENERATED] if place is NONE and is_generated(document.lines) else place

    def _place(self, document: File) -> _Refusal:
        scheme = scheme_of(document.uri)
        path = document.path
        if "notebook" in scheme or (path is not None and path.suffix == ".ipynb"):
            return SHOWN[NOTEBOOK] if _speaks_python(document) else HIDDEN[NOT_PYTHON]
        if path is None:
            if scheme != "untitled":
                return HIDDEN[OFF_DISK]
            return SHOWN[UNSAVED] if document.language.lower() == "python" else HIDDEN[NOT_PYTHON]
        if path.suffix.lower() not in SUFFIXES or not _speaks_python(document):
            return HIDDEN[NOT_PYTHON]
        return self._place_on_disk(path)

    def _place_on_disk(self, path: Path) -> _Refusal:
        root = self.root_of(path)
        if root is None and self._uris:
            return HIDDEN[OUTSIDE]
        inner = _inside(path, root, self._real)
        if is_installed(inner, rooted=root is not None):
            return HIDDEN[IS_INSTALLED]
        # Without a folder nothing says where the project begins: only the nearest name counts.
        near = inner if root is not None else Path(*inner.parts[-2:])
        return SHOWN[TEST_FILE] if is_test_file(near) or path.name == DJANGO_TESTS else NONE


def is_installed(inner: Path, *, rooted: bool) -> bool:
    """Whether a path, relative to its workspace folder if `rooted`, is an environment's or a build's."""
    folders = inner.parts[:-1]
    pairs = list(itertools.pairwise(folders))
    return (
        not INSTALLED.isdisjoint(folders)
        or any(above.lower() in ("lib", "lib64") and LIBRARY.match(below) for above, below in pairs)
        # A package may be called "build": the tool's folder is at the top, or holds a "lib".
        or ("build", "lib") in pairs
        or (rooted and folders[:1] == ("build",))
    )


def is_generated(lines: Sequence[str]) -> bool:
    """Whether the comments and the docstring at the head say that the file is generated."""
    return any(
        GENERATED.search(line) or (line.startswith("#") and GENERATED_COMMENT.search(line))
        for line in _head(lines)
    )


def _head(lines: Sequence[str]) -> Iterator[str]:
    """What comes before the code, of the first lines only."""
    closing = ""
    for line in lines[:HEAD_LINES]:
        text = line.strip().lstrip("\ufeff")
        if closing:
            yield text
            closing = "" if closing in text else closing
        elif quotes := re.match(r"[rRuU]?(\"\"\"|''')", text):
            yield text
            closing = "" if quotes[1] in text[quotes.end() :] else quotes[1]
        elif text.startswith(("#", '"', "'")):
            yield text
        elif text:
            return


def _speaks_python(document: File) -> bool:
    """Not every client names the language of what its suffix tells."""
    return document.language.lower() in ("python", "")


def _inside(path: Path, root: Path | None, real: dict[Path, Path]) -> Path:
    """The path relative to its workspace folder, under whichever name of it."""
    if root is None:
        return path
    for folder in (root, *(place for place, own in real.items() if own == root)):
        if path.is_relative_to(folder):
            return path.relative_to(folder)
    return path


def _real_places(roots: Sequence[Path]) -> dict[Path, Path]:
    found: dict[Path, Path] = {}
    for root in roots:
        try:
            place = root.resolve()
        except (OSError, RuntimeError):  # a loop of links, or not reachable
            continue
        if place != root:
            found[place] = root
    return found
