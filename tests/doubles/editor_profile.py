"""The clients that tests impersonate: what each declares, and how it sends folders and settings."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lsprotocol import types
from lsprotocol.converters import get_converter

CLIENTS = Path(__file__).parent.parent / "server" / "clients"
NAMES = tuple(sorted(path.stem for path in CLIENTS.glob("*.json")))
CONVERTER = get_converter()
ALL = bool(os.environ.get("FLOWMILL_ALL_CLIENTS"))
"""Have every scenario under every client, about 25 minutes; by default each is under those that it is about."""


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


def takes_edits(profile: Profile) -> bool:
    """Whether it declares `workspace/applyEdit`."""
    workspace = profile.capabilities.workspace
    return bool(workspace and workspace.apply_edit)


def takes_versioned_edits(profile: Profile) -> bool:
    """Whether it also takes `documentChanges`, which say for which version they are."""
    workspace = profile.capabilities.workspace
    edit = workspace.workspace_edit if workspace else None
    return takes_edits(profile) and bool(edit and edit.document_changes)


def takes_questions(profile: Profile) -> bool:
    """Whether it declares buttons; Neovim does, but blocks until one is chosen."""
    window = profile.capabilities.window
    return bool(window and window.show_message) and not profile.name.startswith("neovim")


def under(*some: str, having: Callable[[Profile], bool] = lambda _: True) -> tuple[str, ...]:
    """The clients of a scenario: `some` of them, or if all are asked for, all those that it can be under."""
    return tuple(name for name in NAMES if having(read_profile(name))) if ALL else some
