"""Packs the child's modules into the one file that the user's interpreter is started with."""

from __future__ import annotations

import atexit
import hashlib
import io
import os
import shutil
import tempfile
import zipfile
from functools import cache
from pathlib import Path

from flowmill.errors import ProjectError

SOURCES = Path(__file__).with_name("child")
PACKAGE = "flowmill_child"
ENTRY = f"import {PACKAGE}.__main__\n"


def program(folder: Path) -> Path:
    """The path of the program, in `folder` if that can be written, else in a temporary one.

    Raises ProjectError if it cannot be written anywhere.
    """
    data = _packed()
    name = f"child-{hashlib.sha256(data).hexdigest()[:16]}.pyz"
    path = folder / name
    if not path.exists():
        try:
            _write(path, data)
        except OSError:
            return _elsewhere(name)
    return path


@cache
def _elsewhere(name: str) -> Path:
    """Where the cache cannot be written, a run needs the program all the same; it goes with this process."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="flowmill-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        _write(folder / name, _packed())
    except OSError as error:
        where = tempfile.gettempdir()
        raise ProjectError(f"the tests need a scratch folder in {where}: {error.strerror}") from error
    return folder / name


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
    archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(dir=path.parent, prefix=".child-")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    os.replace(made, path)
