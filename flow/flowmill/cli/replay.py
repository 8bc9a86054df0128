"""`flowmill runs replay`: a run once more, with the answers that the model gave then."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from flowmill.cli.parsing import Parser
from flowmill.cli.run import alone, code_of
from flowmill.errors import UsageError
from flowmill.events import Json
from flowmill.journal import Journal, Recorded, load_export
from flowmill.model.embedded import catalogue
from flowmill.model.embedded.profile import embedded_profile
from flowmill.model.profiles import profile_for
from flowmill.model.recorded import Answered, ReplayModel
from flowmill.shapes import Budget, ModelProfile
from flowmill.wiring import open_run, open_workplace, request_for


def main(argv: Sequence[str]) -> int:
    """The exit code is that of the run; nothing is ever written."""
    parser = Parser(
        prog="flowmill runs replay", description="Run it again with the recorded answers; nothing is written."
    )
    parser.add_argument("run", metavar="RUN|FILE", help="a run's id, `last`, or a file made by `runs export`")
    parser.add_argument("--project", metavar="DIR", help="where the project is now, if it has moved")
    parser.add_argument("--python", metavar="PATH", help="the project's interpreter")
    parser.add_argument("--json", action="store_true", help="events as JSON lines")
    args = parser.parse_args(argv)
    with Journal.open() as journal:
        path = Path(args.run)
        recorded = load_export(path) if os.path.isfile(path) else journal.recorded(args.run)
        return _replay(recorded, journal, args)


def _replay(recorded: Recorded, journal: Journal, args: argparse.Namespace) -> int:
    row = recorded.run
    root = Path(os.path.abspath(args.project or row.project))
    file = root / os.path.relpath(row.file, row.project)
    if not os.path.isdir(root):
        raise UsageError(f"{root} is gone: say where the project is now with --project DIR")
    flags = {
        "project": str(root),
        "python": args.python,
        "base_url": "embedded",
        "model": catalogue.default_model().name,
    }
    place = open_workplace(
        file, flags, {k: v for k, v in os.environ.items() if not k.startswith("FLOWMILL_M")}
    )
    request = request_for(place, row.mode, file, row.qualname)
    options = row.options
    request = replace(
        request,
        strategy=row.strategy,
        budget=Budget(
            _number(options.get("max_seconds"), 120.0),
            int(_number(options.get("max_calls"), Budget().calls)),
            int(_number(options.get("max_tokens"), 100_000)),
        ),
        test_seconds=_number(options.get("test_seconds"), 10.0),
        tests=_texts(options.get("tests")),
        seed=int(_number(options.get("seed"), 0)),
        force=bool(options.get("force")),
        model_name=row.model,
        buffers={file: recorded.source},
    )
    answers = [Answered(a.prompt, a.text, a.usage, a.finish, a.seconds, a.complete) for a in recorded.answers]
    width = int(_number(options.get("width"), 1))
    prefills = any(a.prompt.prefill for a in answers)
    profile = replace(_profile(row.model, width), prefills=prefills)
    if not any(a.prompt.raw for a in answers):
        profile = replace(profile, fills=None)
    model = ReplayModel(answers, profile, joined=bool(options.get("joined")))
    args.apply = False
    return code_of(asyncio.run(alone(open_run(place, request, journal, model), place, journal, args)))


def _profile(name: str, width: int) -> ModelProfile:
    embedded = any(name == weights.name for weights in catalogue.catalogue())
    return embedded_profile(name, width) if embedded else replace(profile_for(name), width=width)


def _number(value: Json, default: float) -> float:
    return float(value) if isinstance(value, (int, float)) else default


def _texts(value: Json) -> tuple[str, ...]:
    return tuple(text for text in value if isinstance(text, str)) if isinstance(value, list) else ()
