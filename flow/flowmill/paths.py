"""Where flowmill keeps what is not the user's: one cache folder, movable by FLOWMILL_CACHE_DIR."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path, user_config_path


def cache_dir() -> Path:
    """The folder for models, the run journal and test maps. It need not exist yet."""
    moved = os.environ.get("FLOWMILL_CACHE_DIR")
    return Path(moved).expanduser().absolute() if moved else user_cache_path("flowmill", appauthor=False)


def config_dir() -> Path:
    """The folder for what the user decided: which projects they trust."""
    moved = os.environ.get("FLOWMILL_CONFIG_DIR")
    return Path(moved).expanduser().absolute() if moved else user_config_path("flowmill", appauthor=False)
