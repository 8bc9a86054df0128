from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_plugins_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    """The tiny projects run without the plugins of this environment, which take longer than their tests."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
