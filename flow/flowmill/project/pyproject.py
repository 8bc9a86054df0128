"""Reading TOML that users wrote: a broken file is a line to show, never a crash."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import cast

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_toml(path: Path) -> tuple[dict[str, object], str]:
    """The tables of the file and "", or {} and one line that says why. A missing file is empty."""
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")), ""
    except (FileNotFoundError, NotADirectoryError):
        return {}, ""
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return {}, f"{path} is not valid TOML: {error}"
    except OSError as error:
        return {}, f"{path} cannot be read: {error.strerror or error}"


def subtable(table: Mapping[str, object], *keys: str) -> dict[str, object]:
    """The table below `keys`, {} if any step is missing or is no table."""
    found: object = table
    for key in keys:
        found = as_table(found).get(key)
    return as_table(found)


def as_table(value: object) -> dict[str, object]:
    """The value if it is a table, else {}."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[object]:
    """The value if it is a list or a tuple, else []."""
    return list(cast("list[object]", value)) if isinstance(value, (list, tuple)) else []


def texts(value: object) -> tuple[str, ...]:
    """The strings of a list of strings; anything else is left out."""
    return tuple(item for item in as_list(value) if isinstance(item, str))
