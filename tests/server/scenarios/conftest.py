from __future__ import annotations

import os

import pytest

from doubles.editor_profile import NAMES

ALL = bool(os.environ.get("FLOWMILL_ALL_CLIENTS"))
"""Have every scenario under every client, about 25 minutes; by default each is under those that it is about.

Some of those that accept by command need a client that takes edits from the server, which Kate does not say of itself.
"""
DIFFERENT = ("vscode", "helix", "kate")
"""Clients that differ most: everything declared, little, and least."""


@pytest.fixture(params=NAMES if ALL else DIFFERENT)
def profile(request: pytest.FixtureRequest) -> str:
    """The clients that differ most, one after the other."""
    name: str = request.param
    return name


@pytest.fixture(params=NAMES if ALL else DIFFERENT[:1])
def client(request: pytest.FixtureRequest) -> str:
    """One client, where the scenario is not about what it shows."""
    name: str = request.param
    return name


@pytest.fixture(params=NAMES)
def anyone(request: pytest.FixtureRequest) -> str:
    """Every client."""
    name: str = request.param
    return name
