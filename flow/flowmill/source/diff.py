"""The difference that a run shows, in the form that `git apply` and `patch` take."""

from __future__ import annotations

import difflib
from pathlib import Path

from flowmill.source.text import SourceFile

_NO_NEWLINE = "\n\\ No newline at end of file\n"


def function_diff(old: SourceFile, new: bytes, root: Path | None = None) -> str:
    """A unified diff from the file to its new bytes, named relative to `root`; empty if they are equal.

    Encoded as the file is, it applies to the file.
    """
    # A byte order mark is part of the first line for every tool that applies a diff.
    encoding = "utf-8" if old.encoding == "utf-8-sig" else old.encoding
    name = relative_name(old.path, root)
    lines = difflib.unified_diff(
        _lines(old.data.decode(encoding)), _lines(new.decode(encoding)), f"a/{name}", f"b/{name}"
    )
    return "".join(line if line.endswith("\n") else line + _NO_NEWLINE for line in lines)


def relative_name(path: Path, root: Path | None) -> str:
    """The path from `root` with forward slashes, or the bare file name if it is elsewhere."""
    if root is not None:
        for folder, file in ((root, path), (root.resolve(), path.resolve())):
            if file.is_relative_to(folder):
                return file.relative_to(folder).as_posix()
    return path.name


def _lines(text: str) -> list[str]:
    """The lines as diff tools see them, which know no newline but "\\n"."""
    pieces = text.split("\n")
    lines = [piece + "\n" for piece in pieces[:-1]]
    return [*lines, pieces[-1]] if pieces[-1] else lines
