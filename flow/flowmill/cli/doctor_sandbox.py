"""What `flowmill doctor` says of the sandbox: the layers that work in the project's interpreter, and those that do not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flowmill.cli.doctor_checks import Check
from flowmill.errors import ProjectError
from flowmill.options import Sandbox
from flowmill.sandbox.layers import decide, expected, remedy, working
from flowmill.sandbox.probe import Probed, probe_layers
from flowmill.settings import Settings


def check_sandbox(python: Path, settings: Settings, cache: Path) -> list[Check]:
    """One line for what is in force, and one for each layer that is missing, with how to mend it."""
    try:
        probed = probe_layers(python, cache)
    except ProjectError as error:  # the cache cannot be written, which has a line of its own
        probed = Probed({}, str(error))
    return judge(settings.sandbox, settings.sources.get("sandbox", "the default"), probed)


def judge(setting: Sandbox, source: str, probed: Probed) -> list[Check]:
    """The lines for a setting and what a probe found."""
    named = f"{setting} ({source})"
    if setting == "off":
        remedy_ = "drafts run with your rights; --sandbox auto confines them"
        return [Check("sandbox", "warning", named, remedy_), *_missing(probed.layers)]
    problem = decide(setting, probed.layers, untried=probed.problem)
    if problem is not None:
        return [Check("sandbox", "failed", f"{named}: {problem}", problem.hint, 3), *_missing(probed.layers)]
    lines = _missing(probed.layers)
    found = f"{named}: {', '.join(working(probed.layers))}"
    lacking = [layer for layer in expected() if probed.layers.get(layer, "unknown")]
    if lacking:
        # What remains still keeps drafts from the user's files.
        return [Check("sandbox", "warning", f"{found}; without {', '.join(lacking)}"), *lines]
    return [Check("sandbox", "ok", found), *lines]


def _missing(layers: Mapping[str, str]) -> list[Check]:
    return [
        Check(f"sandbox: {layer}", "warning", f"does not work here: {why}", remedy(layer, why))
        for layer, why in layers.items()
        if why
    ]
