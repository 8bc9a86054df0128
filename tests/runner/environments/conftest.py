from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_plugins_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    """These projects are about the plugins of their environment, so those are loaded."""
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", raising=False)
