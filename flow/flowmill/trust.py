"""Which projects the user lets set what concerns their key and their machine.

A project is trusted with the `[tool.flowmill]` table that it had when the user said so:
once the table changes, for instance by a pull, it is untrusted again.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from flowmill.errors import UsageError
from flowmill.paths import config_dir


def trust_file() -> Path:
    """Where the user's decisions are kept. It need not exist."""
    return config_dir() / "trust.json"


def section_hash(table: Mapping[str, object]) -> str:
    """The same for the same settings, whatever their order."""
    text = json.dumps(table, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def is_trusted(root: Path, table: Mapping[str, object]) -> bool:
    """Whether the user trusted this project with exactly this table."""
    return _read().get(_key(root)) == section_hash(table)


def trust(root: Path, table: Mapping[str, object]) -> None:
    """Remember that the user trusts the project with this table. UsageError if that cannot be written."""
    _write({**_read(), _key(root): section_hash(table)})


def _key(root: Path) -> str:
    # The real place: a link to an untrusted folder must not borrow a trusted one's name.
    return str(root.resolve())


def _read() -> dict[str, str]:
    try:
        found: object = json.loads(trust_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # missing or damaged: nothing is trusted, which is the safe reading
    if not isinstance(found, dict):
        return {}
    return {str(key): str(value) for key, value in cast("dict[object, object]", found).items()}


def _write(decisions: Mapping[str, str]) -> None:
    path = trust_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, made = tempfile.mkstemp(dir=path.parent, prefix=".trust-")  # only the user may read it
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(decisions, file, indent=1, sort_keys=True)
        os.replace(made, path)
    except OSError as error:
        raise UsageError(f"the trust file {path} cannot be written: {error.strerror or error}") from error
