"""Packs the child's modules into the one file that the user's interpreter is started with."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import zipfile
from functools import cache
from pathlib import Path

from flowmill.errors import ProjectError

SOURCES = Path(__file__).with_name("child")
PACKAGE = "flowmill_child"
ENTRY = f"import {PACKAGE}.__main__\n"


def program(folder: Path) -> Path:
    """The path of the program in `folder`, written if it is not there. Raises ProjectError if it cannot be."""
    data = _packed()
    path = folder / f"child-{hashlib.sha256(data).hexdigest()[:16]}.pyz"
    if not path.exists():
        try:
            _write(path, data)
        except OSError as error:
            raise ProjectError(f"the cache {folder} cannot be written: {error.strerror or error}") from error
    return path


@cache
def _packed() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        _add(archive, "__main__.py", ENTRY)
        for source in sorted(SOURCES.glob("*.py")):
            _add(archive, f"{PACKAGE}/{source.name}", source.read_text(encoding="utf-8"))
    return packed.getvalue()


def _add(archive: zipfile.ZipFile, name: str, text: str) -> None:
    # A fixed time, so that the same sources make the same file.
    archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(dir=path.parent, prefix=".child-")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    os.replace(made, path)
