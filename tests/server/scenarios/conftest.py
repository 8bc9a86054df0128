from __future__ import annotations

import os

import pytest

from doubles.editor_profile import NAMES

DIFFERENT = ("vscode", "helix", "kate")
"""Clients that differ most: everything declared, little, and least. FLOWMILL_ALL_CLIENTS=1 takes all everywhere."""


@pytest.fixture(params=NAMES if os.environ.get("FLOWMILL_ALL_CLIENTS") else DIFFERENT)
def profile(request: pytest.FixtureRequest) -> str:
    """The clients that differ most, one after the other."""
    name: str = request.param
    return name


@pytest.fixture(params=NAMES)
def anyone(request: pytest.FixtureRequest) -> str:
    """Every client."""
    name: str = request.param
    return name
