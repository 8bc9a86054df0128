"""`flowmill doctor`: one screen that says what works here, what does not, and how to mend it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.text import Text

from flowmill.cli.doctor_checks import (
    Check,
    State,
    check_cache,
    check_flowmill,
    check_project,
    check_python,
    check_settings,
    check_trust,
)
from flowmill.cli.doctor_model import check_model
from flowmill.cli.doctor_sandbox import check_sandbox
from flowmill.cli.parsing import Parser
from flowmill.endpoint import find_endpoint
from flowmill.errors import UsageError
from flowmill.model.embedded.weights import catalogue
from flowmill.paths import cache_dir
from flowmill.project.interpreter import find_python
from flowmill.project.root import find_root
from flowmill.settings import Settings, load_settings, project_table
from flowmill.shapes import Project
from flowmill.trust import trust

MARKS: Mapping[State, tuple[str, str]] = {
    "ok": ("✓", "green"),
    "warning": ("!", "yellow"),
    "failed": ("✗", "bold red"),
}
PLAIN_MARKS: Mapping[State, str] = {"ok": "ok", "warning": "!!", "failed": "XX"}
"""For terminals whose encoding has no tick."""


def main(argv: list[str]) -> int:
    """Print the report. 0 only if `flowmill generate` would work, else the code with which it would end."""
    options = _parser().parse_args(argv)
    checks = examine(options, os.environ)
    if options.json:
        for check in checks:
            told = (
                asdict(check)
                if check.state == "failed"
                else {k: v for k, v in asdict(check).items() if k != "code"}
            )
            sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
    else:
        show(checks, Console(highlight=False, soft_wrap=True))
    return next((check.code for check in checks if check.state == "failed"), 0)


def examine(options: argparse.Namespace, environ: Mapping[str, str]) -> list[Check]:
    """Every check in the order of a run: project, tests, model, places to write."""
    root = find_root(None, options.project)
    if options.trust:
        _trust(root)
    flags = {name: getattr(options, name) for name in ("python", "model", "base_url", "sandbox")}
    settings, warnings = load_settings(flags, environ, root)
    names = [name for model in catalogue() for name in (model.name, model.alias)]
    return [
        check_flowmill(),
        check_project(root),
        *_check_interpreter(root, settings, environ),
        *check_model(find_endpoint(settings, environ, embedded=names)),
        *check_cache(),
        *check_settings(warnings),
        check_trust(root),
    ]


def show(checks: Sequence[Check], console: Console) -> None:
    """One line for each check, its remedy below it."""
    width = max(len(check.name) for check in checks)
    fancy = "✓✗".encode(console.encoding, "ignore") != b""
    for check in checks:
        mark, style = MARKS[check.state]
        line = Text.assemble(
            (mark if fancy else PLAIN_MARKS[check.state], style), " ", (check.name.ljust(width), "bold")
        )
        console.print(line.append(f"  {check.found}"))
        if check.remedy:
            console.print(
                Text(f"{' ' * (width + 4)}→ {check.remedy}" if fancy else f"    {check.remedy}", style="dim")
            )
    failed = [check.name for check in checks if check.state == "failed"]
    verdict = (
        f"flowmill generate would not work: {', '.join(failed)}" if failed else "flowmill generate would work"
    )
    console.print(Text(f"\n{verdict}", style="bold red" if failed else "bold green"))


def _check_interpreter(root: Path, settings: Settings, environ: Mapping[str, str]) -> list[Check]:
    source = settings.sources.get("python", "--python")
    try:
        python, words = find_python(root, settings.python, environ, given_from=source)
    except UsageError as error:
        return [Check("interpreter", "failed", str(error), "give the path of a Python with --python", 2)]
    checks = check_python(Project(root, python, words))
    # Without an answering interpreter there is nothing to try the layers in.
    return checks if checks[0].state == "failed" else [*checks, *check_sandbox(python, settings, cache_dir())]


def _trust(root: Path) -> None:
    table, problem = project_table(root)
    if problem:
        raise UsageError(problem)
    trust(root, table)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="flowmill doctor", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--trust",
        action="store_true",
        help="let this project's [tool.flowmill], as it is now, set the endpoint and the sandbox",
    )
    parser.add_argument(
        "--project", type=Path, metavar="DIR", help="the project's folder (default: found from here)"
    )
    parser.add_argument(
        "--python", metavar="PATH", help="the project's interpreter (default: found in the project)"
    )
    parser.add_argument("--model", metavar="NAME", help="the model that would be asked")
    parser.add_argument("--base-url", metavar="URL", help="the server that would be asked")
    parser.add_argument(
        "--sandbox", metavar="SETTING", help="the setting that is judged: auto, strict or off"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line for each check")
    return parser
