"""Where bytecode is read from and written to."""

from __future__ import annotations

import importlib.machinery
import os
import sys
from collections.abc import Callable
from typing import Any, cast


def place_bytecode(project: str, prefix: str, write: bool) -> None:
    """Keep bytecode in a cache of our own; only read what installed packages brought along.

    With a bare prefix every installed package would be compiled anew once, which takes
    many seconds for a large one.
    """
    sys.pycache_prefix, sys.dont_write_bytecode = prefix, not write
    machinery: Any = sys.modules["_frozen_importlib_external"]
    ours: Callable[..., str] = machinery.cache_from_source
    loader = importlib.machinery.SourceFileLoader
    set_data = loader.set_data
    suffix = f".{sys.implementation.cache_tag}.pyc"
    inside = os.path.join(project, "")

    def cache_from_source(path: str, *args: Any, **options: Any) -> str:
        if not path.startswith(inside) or "site-packages" in path:
            head, tail = os.path.split(path)
            beside = os.path.join(head, "__pycache__", tail.rpartition(".")[0] + suffix)
            if os.path.isfile(beside):
                return beside
        return ours(path, *args, **options)

    def guarded(self: Any, path: str, data: bytes, **options: Any) -> None:
        if path.startswith(prefix):
            set_data(self, path, data, **options)

    if not sys.flags.optimize:
        machinery.cache_from_source = cache_from_source
    cast(Any, loader).set_data = guarded
