"""Document addresses and the files that they name."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

_DRIVE = re.compile(r"/[a-zA-Z]:")


def path_of(uri: str) -> Path | None:
    """The absolute path that a `file:` address names, else None. The disk is not asked.

    Unlike a web address, a path may hold `;`.
    """
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme != "file" or not parts.path.startswith("/"):
        return None
    path = os.fsdecode(unquote_to_bytes(parts.path))
    if "\0" in path:
        return None
    if os.name == "nt" and _DRIVE.match(path):
        path = path[1:]
    host = "" if parts.netloc in ("", "localhost") else f"//{parts.netloc}"
    return Path(os.path.normpath(host + path))


def scheme_of(uri: str) -> str:
    """The part before the first colon: file, untitled, vscode-notebook-cell ..."""
    return uri.partition(":")[0].lower()
