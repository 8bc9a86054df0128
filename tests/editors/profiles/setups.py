"""The editors without a plugin of ours: what `editors/` has users write, and by which ways they see a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).parents[3]
EDITORS = ROOT / "editors"
MINE = "../../editors/profiles/lsp4ij"
"""Beside the other clients' profiles, seen from their folder."""
Table = Mapping[str, Any]


@dataclass(frozen=True)
class Setup:
    """One editor. `diff` is how its user sees the change before accepting it, `asks` how the end is told."""

    name: str
    profile: str
    diff: Literal["virtual", "file", "log"]
    lenses: bool
    settings: Table
    """What the documented configuration sets, by camelCase name."""
    options: Table
    """Its initializationOptions."""
    command: tuple[str, ...]


def read(path: str) -> dict[str, Any]:
    """A documented configuration, TOML or JSON."""
    text = (EDITORS / path).read_text("utf-8")
    return tomllib.loads(text) if path.endswith(".toml") else cast("dict[str, Any]", json.loads(text))


def helix() -> Setup:
    server = read("helix/languages.toml")["language-server"]["flowmill"]
    # Helix sends its table at the start, and again when it changes.
    return Setup("helix", "helix", "file", False, {}, server["config"], (server["command"], *server["args"]))


def zed() -> Setup:
    settings = read("zed/settings.json")["lsp"]["flowmill"]["settings"]
    return Setup("zed", "zed", "log", True, settings, {}, ("flowmill", "server"))


def sublime() -> Setup:
    server = read("sublime/LanguageServers.sublime-settings")["flowmill"]
    settings = {key.removeprefix("flowmill."): value for key, value in server["settings"].items()}
    return Setup("sublime", "sublime", "virtual", True, settings, {}, tuple(server["command"]))


def kate() -> Setup:
    server = read("kate/settings.json")["servers"]["python"]
    settings = server["settings"]["flowmill"]
    return Setup("kate", "kate", "log", False, settings, {}, tuple(server["command"]))


def pycharm() -> Setup:
    command = read("pycharm/flowmill/template.json")["programArgs"]["default"]
    settings = read("pycharm/flowmill/settings.json")["flowmill"]
    options = read("pycharm/flowmill/initializationOptions.json")
    return Setup("pycharm", MINE, "file", True, settings, options, tuple(command[7:-1].split()))


SETUPS = (helix(), zed(), sublime(), kate(), pycharm())
