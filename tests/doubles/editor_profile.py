"""The clients that tests impersonate: what each declares, and how it sends folders and settings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lsprotocol import types
from lsprotocol.converters import get_converter

CLIENTS = Path(__file__).parent.parent / "server" / "clients"
NAMES = tuple(sorted(path.stem for path in CLIENTS.glob("*.json")))
CONVERTER = get_converter()


@dataclass(frozen=True)
class Profile:
    """`pushes` says how settings are pushed: below their section, flat as options are, or only on request."""

    name: str
    info: types.ClientInfo | None
    capabilities: types.ClientCapabilities
    folders: bool
    pushes: Literal["nested", "flat", ""]


def read_profile(name: str) -> Profile:
    """One of `NAMES`; each call gives capabilities of its own, which a test may change."""
    found: dict[str, Any] = json.loads((CLIENTS / f"{name}.json").read_text(encoding="utf-8"))
    behaviour = found["behaviour"]
    return Profile(
        name,
        CONVERTER.structure(found["clientInfo"], types.ClientInfo) if found["clientInfo"] else None,
        CONVERTER.structure(found["capabilities"], types.ClientCapabilities),
        behaviour["folders"],
        behaviour["pushes"],
    )
