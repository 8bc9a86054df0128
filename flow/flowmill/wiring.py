"""Puts the engine's parts together for one run, as the settings and the environment say."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from flowmill.endpoint import Endpoint, find_endpoint
from flowmill.engine.mapping import MapBuilder
from flowmill.engine.request import RunRequest, Tools
from flowmill.engine.run import Run
from flowmill.engine.turns import TakingTurns
from flowmill.errors import UsageError
from flowmill.events import Json
from flowmill.journal import Answer, Journal
from flowmill.journal.store import Beginning
from flowmill.machine import machine_cores
from flowmill.model.absent import NoModel
from flowmill.model.embedded import catalogue
from flowmill.model.profiles import profile_for
from flowmill.model.recorded import Answered, RecordingModel
from flowmill.model.redact import Masker, url_secrets
from flowmill.paths import cache_dir
from flowmill.project.function_map import FunctionMap
from flowmill.project.interpreter import find_python
from flowmill.project.root import find_root
from flowmill.protocols import Model
from flowmill.runner.cold import ColdRunner
from flowmill.runner.guard import Guard
from flowmill.runner.warm import WarmRunner
from flowmill.settings import PROJECT, Settings, load_settings, project_table
from flowmill.shapes import Mode, ModelProfile, Project
from flowmill.trust import is_trusted


@dataclass(frozen=True, slots=True)
class Workplace:
    """A project with its settings and its model: what every run in it shares."""

    project: Project
    settings: Settings
    endpoint: Endpoint
    warnings: tuple[str, ...]

    @property
    def model_name(self) -> str:
        if self.endpoint.base_url is None:
            return embedded_weights(self.endpoint).name
        return self.endpoint.model or f"the model at {self.endpoint.shown_url}"

    @property
    def priced_profile(self) -> ModelProfile | None:
        """What is known of the model's prices before it is asked anything; the embedded one costs nothing."""
        name = self.endpoint.model
        return profile_for(name) if name and self.endpoint.base_url else None

    @property
    def mask(self) -> Masker:
        """Takes the key and the address's password out of a text."""
        return Masker((self.endpoint.api_key or "", *url_secrets(self.endpoint.base_url or "")))


def embedded_weights(endpoint: Endpoint) -> catalogue.Weights:
    """The embedded model that is asked for by name, else the one that suits the machine."""
    return catalogue.find(endpoint.model) if endpoint.model else catalogue.default_model()


def open_workplace(
    file: Path | None,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    *,
    editor: Mapping[str, object] | None = None,
    trusted: bool | None = None,
    folder: Path | None = None,
) -> Workplace:
    """Find project, interpreter, settings and endpoint. Raises `UsageError`.

    `editor` and `trusted` are what an editor says, as `load_settings` takes them; `folder` is
    what it has open, in place of the current folder.
    """
    given = flags.get("project") or (editor or {}).get("project")
    root = find_root(file, Path(str(given)) if given else None, folder)
    settings, warnings = load_settings(flags, environ, root, editor=editor, trusted=trusted)
    given_from = settings.sources.get("python", "--python")
    try:
        python, found = find_python(root, settings.python, environ, given_from=given_from)
    except UsageError as error:
        if given_from != PROJECT:
            raise
        warnings = (*warnings, f"{error}; the default is used")
        python, found = find_python(root, None, environ)
    names = [name for weights in catalogue.catalogue() for name in (weights.name, weights.alias)]
    endpoint = find_endpoint(settings, environ, embedded=names)
    notes = (*warnings, *((endpoint.note,) if endpoint.note else ()))
    return Workplace(Project(root, python, found), settings, endpoint, notes)


def request_for(place: Workplace, mode: Mode, file: Path, qualname: str) -> RunRequest:
    settings = place.settings
    return RunRequest(
        mode=mode,
        file=file,
        qualname=qualname,
        project=place.project,
        strategy=settings.strategy,
        budget=settings.budget,
        tests=settings.tests,
        seed=settings.seed,
        force=settings.force,
        test_seconds=settings.test_seconds,
        model_name=place.model_name,
    )


def open_run(
    place: Workplace,
    request: RunRequest,
    journal: Journal,
    model: Model | None = None,
    *,
    run_id: str = "",
    turns: asyncio.Semaphore | None = None,
) -> Run:
    """A run that is journaled; `model` stands in for the endpoint (a replay).

    With `turns` its tests share the machine's cores with those of other runs. Raises `TargetError` before anything is journaled.
    """
    calls = 0

    def keep(answered: Answered) -> None:
        nonlocal calls
        calls += 1
        text, usage, finish = answered.text, answered.usage, answered.finish or "stop"
        journal.answer(
            run.id, Answer(calls, answered.prompt, text, usage, finish, answered.seconds, answered.complete)
        )

    def joined(width: int) -> None:
        journal.amend(run.id, {**beginning.options, "width": width, "joined": True})

    async def connect() -> Model:
        if not request.budget.calls:
            return NoModel()
        inner = model or await connect_model(place.endpoint, lambda: run.seconds_left)
        width = inner.profile.width
        if width > 1:
            journal.amend(run.id, {**beginning.options, "width": width})
        return RecordingModel(inner, keep, lambda: joined(width))

    runner = WarmRunner(place.project, cache_dir(), open_guard(place))
    shared = TakingTurns(runner, turns) if turns else runner
    tools = Tools(
        shared,
        connect,
        place.endpoint.redact,
        machine_cores(),
        shares_cores=place.endpoint.base_url is None,
        mask=place.mask,
    )
    builder = ColdRunner(place.project, cache_dir(), open_guard(place))
    with ExitStack() as unless_begun:
        known = FunctionMap.open(cache_dir(), place.project.root)
        unless_begun.callback(known.close)
        mapping = MapBuilder(
            place.project.root, known, builder, lambda: _is_remote(place.endpoint), overlay=request.buffers
        )
        run = Run(request, tools, mapping=mapping)
        beginning = _beginning(place, request, run.file.data)
        run.id = journal.begin(beginning, run_id)
        unless_begun.pop_all()
    return run


def open_guard(place: Workplace) -> Guard:
    """Confines drafts as the settings say."""
    settings = place.settings
    table, _ = project_table(place.project.root)
    trusted = is_trusted(place.project.root, table)
    return Guard(place.project, cache_dir(), settings.sandbox, settings.pass_env, trusted)


def _is_remote(endpoint: Endpoint) -> bool:
    """Whether the model computes elsewhere, so that this machine's cores are free for other work."""
    host = urlsplit(endpoint.base_url or "").hostname or "localhost"
    return host not in ("localhost", "127.0.0.1", "::1")


async def connect_model(endpoint: Endpoint, seconds_left: Callable[[], float]) -> Model:
    """The endpoint's model, or the embedded one, started if it does not run. Raises `ModelError`."""
    # The openai package takes a third of a second to import: beside the tests, not before them.
    client = await asyncio.to_thread(importlib.import_module, "flowmill.model.connecting")
    model: Model = await client.connect_to(endpoint, seconds_left)
    return model


def _beginning(place: Workplace, request: RunRequest, source: bytes) -> Beginning:
    options: dict[str, Json] = {
        "tests": list(request.tests),
        "seed": request.seed,
        "force": request.force,
        "max_seconds": request.budget.seconds,
        "max_calls": request.budget.calls,
        "max_tokens": request.budget.tokens,
        "test_seconds": request.test_seconds,
        "python": str(place.project.python),
        "prices": _prices(place.priced_profile),
    }
    return Beginning(
        request.mode,
        request.file,
        request.qualname,
        place.project.root,
        request.model_name,
        request.strategy,
        source,
        options,
    )


def _prices(profile: ModelProfile | None) -> Json:
    if profile is None or profile.price_prompt is None or profile.price_completion is None:
        return None
    cached = profile.price_prompt if profile.price_cached is None else profile.price_cached
    return {"prompt": profile.price_prompt, "cached": cached, "completion": profile.price_completion}
