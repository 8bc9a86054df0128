"""File contents that stand in for those on disk: for imports, tracebacks and pytest's rewriter."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import io
import linecache
import os
import pathlib
import sys
import types
from collections.abc import Iterable
from typing import Any, cast


class Overlay:
    """File contents that stand in for those on disk, found by real path."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.replace(files)

    def replace(self, files: dict[str, bytes]) -> None:
        self.files = {os.path.realpath(path): data for path, data in files.items()}
        self._seen: dict[str, bytes | None] = {}
        self.unsaved = not all(os.path.exists(path) for path in self.files)

    def get(self, path: Any) -> bytes | None:
        if not self.files:
            return None
        text = os.fsdecode(path)
        if text not in self._seen:
            data = self.files.get(os.path.realpath(text))
            if not os.path.isabs(text):
                return data
            self._seen[text] = data
        return self._seen[text]

    def source(self, path: str) -> str | None:
        """The text as Python reads it, None if it is not overlaid or not decodable."""
        data = self.get(path)
        try:
            return None if data is None else importlib.util.decode_source(data)
        except (SyntaxError, UnicodeDecodeError):
            return None


def serve_imports(overlay: Overlay) -> None:
    """Give the import system and runpy the overlay's bytes, and never a .pyc for them."""
    loader = importlib.machinery.SourceFileLoader
    path_stats, get_data, open_code = loader.path_stats, loader.get_data, io.open_code

    def overlaid_stats(self: Any, path: str) -> Any:
        if overlay.get(path) is not None:
            # The import system takes this as "no bytecode for this one, neither read nor write".
            raise OSError("served from memory")
        return path_stats(self, path)

    def overlaid_data(self: Any, path: str) -> bytes:
        data = overlay.get(path)
        return get_data(self, path) if data is None else data

    def overlaid_code(path: str) -> Any:
        data = overlay.get(path)
        return open_code(path) if data is None else io.BytesIO(data)

    patched = cast(Any, loader)
    patched.path_stats, patched.get_data = overlaid_stats, overlaid_data
    cast(Any, io).open_code = overlaid_code
    sys.meta_path.append(cast(Any, UnsavedFinder(overlay)))


class UnsavedFinder:
    """Finds modules whose file exists in the overlay only."""

    def __init__(self, overlay: Overlay) -> None:
        self._overlay = overlay

    def find_spec(self, name: str, path: Iterable[str] | None = None, target: Any = None) -> Any:
        if not self._overlay.unsaved:
            return None
        tail = name.rpartition(".")[2]
        for entry in sys.path if path is None else path:
            folder = os.path.join(entry or os.getcwd(), tail)
            for file, inside in ((os.path.join(folder, "__init__.py"), [folder]), (folder + ".py", None)):
                if self._overlay.get(file) is not None:
                    loader = importlib.machinery.SourceFileLoader(name, file)
                    return importlib.util.spec_from_file_location(
                        name, file, loader=loader, submodule_search_locations=inside
                    )
        return None


def serve_lines(overlay: Overlay) -> None:
    """Let tracebacks, inspect and doctest see the overlay's lines, also after `linecache.clearcache()`."""
    update = linecache.updatecache

    def overlaid(filename: str, module_globals: Any = None) -> list[str]:
        source = None if filename.startswith("<") else overlay.source(filename)
        if source is None:
            return update(filename, module_globals)
        lines = io.StringIO(source).readlines()
        # Without a time of modification the entry is never held against the file on disk.
        linecache.cache[filename] = (len(source), None, lines, filename)
        return lines

    cast(Any, linecache).updatecache = overlaid


class _Served(type(pathlib.Path())):
    """A path whose content is that of the overlay."""

    served: bytes = b""

    def read_bytes(self) -> bytes:
        return self.served


def serve_rewriter(overlay: Overlay) -> None:
    """Let pytest rewrite the assertions of overlaid test files and conftests, without its bytecode cache."""
    rewriter: Any = importlib.import_module("_pytest.assertion.rewrite")
    read, rewrite, write = rewriter._read_pyc, rewriter._rewrite_test, rewriter._write_pyc

    def overlaid_read(source: Any, *rest: Any) -> Any:
        return None if overlay.get(source) is not None else read(source, *rest)

    def overlaid_rewrite(path: Any, config: Any) -> Any:
        data = overlay.get(path)
        if data is None:
            return rewrite(path, config)
        served = _Served(path)
        served.served = data
        return rewrite(served, config)

    def overlaid_write(state: Any, code: types.CodeType, *rest: Any) -> Any:
        return False if overlay.get(code.co_filename) is not None else write(state, code, *rest)

    rewriter._read_pyc, rewriter._rewrite_test, rewriter._write_pyc = (
        overlaid_read,
        overlaid_rewrite,
        overlaid_write,
    )
