"""What a run changes about the loaded process that it goes on from."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
from typing import Any

import pytest

LOADING = 200_000
"""Objects made before garbage is looked for while code is loaded, which makes hardly any."""
_SHOWN = ("pytest_runtest_logstart", "pytest_runtest_logreport", "pytest_runtest_logfinish")


def rehouse(config: pytest.Config, scratch: str) -> None:
    """Give a run that goes on from a loaded session temporary folders and a cache of its own."""
    loaded: Any = config
    place = importlib.import_module("pathlib").Path(scratch)
    config.option.basetemp = os.path.join(scratch, "basetemp")
    factory = getattr(loaded, "_tmp_path_factory", None)
    if factory is not None:
        factory._given_basetemp, factory._basetemp = place / "basetemp", None
    cache: Any = getattr(loaded, "cache", None)
    if cache is not None:
        cache._cachedir = place / "cache"


def hush(config: pytest.Config) -> None:
    """Have pytest draw no progress, which nobody sees and which takes its time after every phase of a test."""
    shown: Any = config.pluginmanager.getplugin("terminalreporter")
    for name in _SHOWN if shown is not None else ():
        # A terminal reporter of a plugin's own may not have all of them.
        with contextlib.suppress(AttributeError, ValueError):
            getattr(config.hook, name)._remove_plugin(shown)


class Haste:
    """Lets code be loaded without looking for garbage all the while."""

    def __init__(self) -> None:
        self._usual = gc.get_threshold()
        gc.set_threshold(LOADING, *self._usual[1:])

    def end(self) -> None:
        """Go back to what was usual, unless what was loaded has set it otherwise."""
        if gc.get_threshold()[0] == LOADING:
            gc.set_threshold(*self._usual)
