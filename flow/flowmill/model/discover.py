"""What a server tells of itself: its kind, the model's true context size, its prices."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from flowmill.errors import ModelError
from flowmill.model import faults
from flowmill.model.connection import Connection, TooSlow, connect, place_of, within
from flowmill.model.faults import Place
from flowmill.model.loose import dollars, entries, mapping, text, whole
from flowmill.model.profiles import PREFILLING, ServerKind, priced, profile_for, server_by_host
from flowmill.shapes import ModelProfile

_NAMES_SECONDS = 5.0
"""For the list of models where the user named none: without it nothing can be asked at all."""
_CONTEXT_FIELDS = ("max_model_len", "context_length", "context_window", "max_context_length")


@dataclass(frozen=True, slots=True)
class Discovered:
    """A model's profile and what kind of server it runs on."""

    profile: ModelProfile
    server: ServerKind


async def discover(base_url: str, api_key: str, model: str = "", *, seconds: float = 1.0) -> ModelProfile:
    """The profile of a model at an endpoint; see `discover_server`."""
    return (await discover_server(base_url, api_key, model, seconds=seconds)).profile


async def discover_server(
    base_url: str, api_key: str, model: str = "", *, seconds: float = 1.0
) -> Discovered:
    """Ask the server for about that many seconds; whatever it does not tell comes from the table.

    Without a model's name it takes the only one that the server has. Raises `ModelError`
    if there are several (naming them) or none, or if the server does not answer then.
    """
    connection = connect(base_url, api_key, min(seconds, _NAMES_SECONDS))
    try:
        name = model or await _only_model(connection, place_of(base_url, api_key, model))
        host = server_by_host(base_url)
        told = await _ask(connection, _questions(base_url, host), seconds)
        if isinstance(mapping(told.get("ps")).get("models"), list):
            # Only Ollama answers so: no other server gets a request that it might take for work.
            show: _Question = (f"{_root(base_url)}/api/show", {"model": name})
            told |= await _ask(connection, {"show": show}, seconds)
    finally:
        await connection.aclose()
    return understood(name, host, told)


async def model_names(connection: Connection, *, seconds: float) -> tuple[str, ...]:
    """The models that the server lists, none if it does not tell in time."""
    told = await _ask(connection, {"models": ("/models", None)}, seconds)
    return _names(told.get("models"))


async def _only_model(connection: Connection, place: Place) -> str:
    try:
        listed = await within(_NAMES_SECONDS, connection.get("/models"))
    except TooSlow:
        fault = faults.stalled(place, _NAMES_SECONDS, began=False)
    except Exception as error:  # openai, httpx and the socket below have no common base
        if not faults.is_foreign(error):
            raise
        fault = faults.of_exception(error, place)
    else:
        return _choose(_names(listed), place)
    raise fault.error()


def _choose(names: tuple[str, ...], place: Place) -> str:
    if len(names) == 1:
        return names[0]
    if not names:
        raise ModelError(f"{place.endpoint} lists no model: load one there, or name one with --model")
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    raise ModelError(
        f"{place.endpoint} has {len(names)} models, choose one with --model: {', '.join(names[:12])}{more}"
    )


_Question = tuple[str, dict[str, object] | None]
"""A path or whole address, and the JSON to post; None: a GET."""


def _root(base_url: str) -> str:
    return base_url.partition("?")[0].rstrip("/").removesuffix("/v1").removesuffix("/api").rstrip("/")


def _questions(base_url: str, host: ServerKind) -> dict[str, _Question]:
    if host == "hosted":
        return {}
    models: dict[str, _Question] = {"models": ("/models", None)}
    if host == "openrouter":
        return models
    root = _root(base_url)
    return {
        **models,
        "props": (f"{root}/props", None),
        "ps": (f"{root}/api/ps", None),
        "studio": (f"{root}/api/v0/models", None),
    }


async def _ask(
    connection: Connection, questions: Mapping[str, _Question], seconds: float
) -> dict[str, object]:
    """The answers that came in time; a server that does not know a question is no news."""
    tasks = {
        asyncio.ensure_future(_fetch(connection, question)): name for name, question in questions.items()
    }
    if not tasks:
        return {}
    try:
        done, _ = await asyncio.wait(tasks, timeout=seconds)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return {tasks[task]: task.result() for task in done}


async def _fetch(connection: Connection, question: _Question) -> object:
    path, body = question
    try:
        if body is None:
            return await connection.get(path)
        return await connection.post(path, body)
    except Exception as error:  # openai, httpx and the socket below have no common base
        if not faults.is_foreign(error):
            raise
        return None


def understood(model: str, host: ServerKind, told: Mapping[str, object]) -> Discovered:
    """What the answers to `models`, `props`, `show`, `ps` and `studio` say about a model."""
    entry = _entry(told.get("models"), model)
    readings: tuple[tuple[ServerKind, int | None], ...] = (
        ("llamacpp", _llama_cpp(told.get("props"))),
        ("lmstudio", _lm_studio(told.get("studio"), model)),
        ("ollama", _ollama(told.get("show"), told.get("ps"), model)),
    )
    server, context = next((reading for reading in readings if reading[1] is not None), (host, None))
    if server == "unknown" and whole(entry.get("max_model_len")):
        server = "vllm"
    if context is None:
        sizes = (whole(entry.get(name)) for name in _CONTEXT_FIELDS)
        context = next((size for size in sizes if size), None)
    profile = profile_for(model, server)
    profile = replace(profile, context=context or profile.context, prefills=server in PREFILLING)
    if server == "openrouter":
        profile = _openrouter(profile, entry)
    return Discovered(replace(profile, reply=min(profile.reply, profile.context // 2)), server)


def _llama_cpp(props: object) -> int | None:
    """The context of one slot: what one request may use, not what the server holds for all."""
    return whole(mapping(mapping(props).get("default_generation_settings")).get("n_ctx")) or None


def _lm_studio(listed: object, model: str) -> int | None:
    entry = _entry(listed, model)
    if "max_context_length" not in entry:
        return None
    loaded = whole(entry.get("loaded_context_length"))
    return loaded or min(whole(entry.get("max_context_length")) or 4096, 4096)


def _ollama(show: object, ps: object, model: str) -> int | None:
    """The size it runs with if it is loaded, else what its Modelfile sets, else the server's default."""
    details = mapping(mapping(show).get("model_info"))
    trained = next((whole(size) for key, size in details.items() if key.endswith(".context_length")), None)
    if not details and not text(mapping(show).get("modelfile")):
        return None
    wanted = (model, f"{model}:latest")
    for running in map(mapping, entries(mapping(ps).get("models"))):
        size = whole(running.get("context_length"))
        if size and (running.get("name") in wanted or running.get("model") in wanted):
            return size
    for line in text(mapping(show).get("parameters")).splitlines():
        name, _, value = line.strip().partition(" ")
        if name == "num_ctx" and (size := whole(value.strip())):
            return size
    return min(trained or 4096, 4096)


def _openrouter(profile: ModelProfile, entry: dict[str, object]) -> ModelProfile:
    pricing = mapping(entry.get("pricing"))
    prices = [dollars(pricing.get(name)) for name in ("prompt", "input_cache_read", "completion")]
    prompt, cached, completion = (None if price is None else price * 1_000_000 for price in prices)
    provider = mapping(entry.get("top_provider"))
    longest = whole(provider.get("max_completion_tokens")) or profile.reply
    context = min(whole(provider.get("context_length")) or profile.context, profile.context)
    profile = replace(profile, context=context, reply=min(profile.reply, longest))
    return priced(profile, prompt, cached, completion)


def _entry(listed: object, model: str) -> dict[str, object]:
    """The model's own entry of a list, or the only one there is."""
    found = [mapping(item) for item in entries(mapping(listed).get("data"))]
    return next((item for item in found if item.get("id") == model), found[0] if len(found) == 1 else {})


def _names(listed: object) -> tuple[str, ...]:
    found = (text(mapping(item).get("id")) for item in entries(mapping(listed).get("data")))
    return tuple(name for name in found if name)
