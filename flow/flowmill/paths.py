"""Where flowmill keeps what is not the user's: one cache folder, movable by FLOWMILL_CACHE_DIR."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path, user_config_path

from flowmill.errors import UsageError


def cache_dir() -> Path:
    """The folder for models, the run journal and test maps. It need not exist yet."""
    return _moved("FLOWMILL_CACHE_DIR") or user_cache_path("flowmill", appauthor=False)


def config_dir() -> Path:
    """The folder for what the user decided: which projects they trust."""
    return _moved("FLOWMILL_CONFIG_DIR") or user_config_path("flowmill", appauthor=False)


def _moved(variable: str) -> Path | None:
    """Raises `UsageError` for a home folder of nobody: it would be made where the user stands."""
    moved = os.environ.get(variable)
    try:
        return Path(moved).expanduser().absolute() if moved else None
    except RuntimeError:
        raise UsageError(f"{variable}: {moved} is in nobody's home folder: name a folder") from None
