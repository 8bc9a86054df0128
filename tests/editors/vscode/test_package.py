"""package.json against the server: settings, commands, words, keys. Needs no VS Code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import pytest

from doubles.vscode_parts import EXTENSION
from flowmill.options import OPTIONS, BadValue
from flowmill.settings import Settings

MANIFEST: dict[str, Any] = json.loads((EXTENSION / "package.json").read_text("utf-8"))
CONTRIBUTES: dict[str, Any] = MANIFEST["contributes"]
PROPERTIES: dict[str, dict[str, Any]] = CONTRIBUTES["configuration"]["properties"]
OWN = {"serverPath", "interpreter", "showDraft", "trace.server"}
CAPABILITIES: dict[str, Any] = json.loads(
    (EXTENSION.parents[1] / "server/flowmill_server/capabilities.json").read_text("utf-8")
)
WORDS = {
    "Flow: Generate",
    "Flow: Repair",
    "Flow: Accept Result",
    "Flow: Discard Result",
    "Flow: Cancel",
    "Flow: Show Run",
    "Flow: Show Log",
    "Flow: Restart Server",
}
TAKEN = re.compile(r"^(ctrl|cmd)\+k (ctrl\+|cmd\+)?[a-z0-9\[\]\\,./-]$")
"""How the editor's own chords after ctrl+k look; ours have alt in their second part."""


def test_every_option_of_the_server_is_a_setting() -> None:
    names = {name.removeprefix("flowmill.") for name in PROPERTIES}
    assert names - OWN == {option.camel for option in OPTIONS}
    assert names >= OWN


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_defaults_and_choices_are_the_servers(option: Any) -> None:
    setting = PROPERTIES[f"flowmill.{option.camel}"]
    default = {field.name: field.default for field in fields(Settings)}[option.name]
    shown = setting["default"]
    assert shown == (
        "" if default is None else list(cast("Any", default)) if isinstance(default, tuple) else default
    )
    for choice in setting.get("enum", []):
        assert option.read(choice) == choice
    if "enum" in setting:
        with pytest.raises(BadValue):
            option.read("no such choice")
    assert setting["markdownDescription"].endswith(".")


def test_commands_have_the_editors_words() -> None:
    titles = {f"{command['category']}: {command['title']}" for command in CONTRIBUTES["commands"]}
    assert titles >= WORDS
    # The server's own commands are registered by the language client under their own names.
    ours = {command["command"] for command in CONTRIBUTES["commands"]}
    assert not ours & set(CAPABILITIES["executeCommandProvider"]["commands"])


def test_every_command_that_is_named_is_there() -> None:
    source = "\n".join(path.read_text("utf-8") for path in sorted((EXTENSION / "src").glob("*.ts")))
    registered = set(re.findall(r"^    (\w+): ", source, re.MULTILINE)) | {"restart"}
    for command in CONTRIBUTES["commands"]:
        assert command["command"].removeprefix("flowmill.") in registered
    sent = set(re.findall(r'"(flow\.\w+)"', source))
    assert sent <= set(CAPABILITIES["executeCommandProvider"]["commands"])


def test_keys_clash_with_nothing() -> None:
    keys = [binding["key"] for binding in CONTRIBUTES["keybindings"]]
    assert len(set(keys)) == len(keys)
    assert not [key for key in keys if TAKEN.match(key)]
    assert all(
        key.startswith("ctrl+k alt+") and binding["when"]
        for key, binding in zip(keys, CONTRIBUTES["keybindings"], strict=True)
    )


def test_untrusted_workspaces_cannot_choose_what_runs() -> None:
    limited = MANIFEST["capabilities"]["untrustedWorkspaces"]
    assert limited["supported"] == "limited"
    harmless = {"flowmill.showDraft", "flowmill.trace.server"}
    assert set(limited["restrictedConfigurations"]) == set(PROPERTIES) - harmless
    assert MANIFEST["extensionKind"] == ["workspace"]


def test_nothing_is_told_to_anybody() -> None:
    for path in sorted((EXTENSION / "src").glob("*.ts")) + sorted(
        (EXTENSION / "src" / "webview").glob("*.mjs")
    ):
        text = path.read_text("utf-8")
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", ""), path
        assert not re.search(r"innerHTML|insertAdjacentHTML|\beval\(|telemetry", text), path


def test_what_cannot_be_installed_is_said_in_one_line(tmp_path: Path) -> None:
    place = tmp_path / "server" / "0.1.0"
    command = [sys.executable, str(EXTENSION / "server" / "install.py"), str(place), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"there is no wheel of flowmill in {tmp_path}: install the extension anew\n"
    assert not place.exists()
