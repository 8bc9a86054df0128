from __future__ import annotations

import pytest

from doubles.editor_profile import NAMES, takes_edits, under

DIFFERENT = ("vscode", "helix", "kate")
"""Clients that differ most: everything declared, little, and least."""


@pytest.fixture(params=under(*DIFFERENT))
def profile(request: pytest.FixtureRequest) -> str:
    """The clients that differ most, one after the other."""
    name: str = request.param
    return name


@pytest.fixture(params=under("vscode"))
def client(request: pytest.FixtureRequest) -> str:
    """One client, where the scenario is not about what it shows."""
    name: str = request.param
    return name


@pytest.fixture(params=under("vscode", having=takes_edits))
def taker(request: pytest.FixtureRequest) -> str:
    """One client that takes edits from the server."""
    name: str = request.param
    return name


@pytest.fixture(params=NAMES)
def anyone(request: pytest.FixtureRequest) -> str:
    """Every client."""
    name: str = request.param
    return name
