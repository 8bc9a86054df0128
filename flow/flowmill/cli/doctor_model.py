"""What `flowmill doctor` says of the model: the embedded one's files, or a server that is asked once."""

from __future__ import annotations

import http.client
import importlib.util
import json
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO

from flowmill.cli.doctor_checks import Check
from flowmill.endpoint import Endpoint, is_local
from flowmill.errors import UsageError
from flowmill.model.embedded import openvino
from flowmill.model.embedded.weights import Weights, default_model, find, installed
from flowmill.model.redact import shown
from flowmill.paths import cache_dir
from flowmill.project.pyproject import as_list, as_table

ANSWER_BYTES = 4_000_000
KEY_REMEDY = "set FLOWMILL_API_KEY to a key for this endpoint"


def check_model(endpoint: Endpoint, seconds: float = 5.0) -> list[Check]:
    """The lines for the model that a run would ask."""
    if endpoint.base_url is None:
        return _check_embedded(endpoint)
    return [_check_remote(endpoint, seconds)]


def _check_embedded(endpoint: Endpoint) -> list[Check]:
    try:
        model = find(endpoint.model) if endpoint.model else default_model()
    except UsageError as error:
        remedy = "flowmill model list, or --base-url for a model of another server"
        return [Check("model", "failed", str(error), remedy, 4)]
    return [_check_weights(model), _check_engine(model), *_check_memory(model)]


def _check_weights(model: Weights) -> Check:
    path = installed(model)
    if path:
        return Check("model", "ok", f"embedded {model.name}, {model.size / 1e6:.0f} MB in {path}")
    free = _free_disk(cache_dir())
    room = f"; {free / 1e9:.1f} GB are free, it needs {model.size / 1e9:.1f}" if free < 2 * model.size else ""
    return Check(
        "model",
        "failed",
        f"embedded {model.name} is not downloaded{room}",
        f"flowmill model pull {model.name}",
        4,
    )


def _check_engine(model: Weights) -> Check:
    file = installed(model)
    if model.batches and file:
        try:
            openvino.check(file)
        except openvino.Unsuited as why:
            unsuited = f"; not OpenVINO: {why}"
        else:
            first = "" if openvino.is_ready(openvino.place_for(file)) else "; converts the weights once, 30 s"
            return Check("model engine", "ok", f"OpenVINO, this processor has VNNI{first}")
    else:
        unsuited = ""
    if importlib.util.find_spec("xllamacpp"):
        return Check("model engine", "ok", f"llama.cpp (xllamacpp){unsuited}")
    remedy = "pip install xllamacpp, or use a server with --base-url"
    return Check("model engine", "failed", "xllamacpp is not installed", remedy, 4)


def _check_memory(model: Weights) -> list[Check]:
    free = free_memory()
    if free is None:
        return []
    need = int(model.size * 1.3)  # weights, context and the server itself
    if free >= need:
        return [Check("memory", "ok", f"{free / 1e9:.1f} GB free")]
    found = f"{free / 1e9:.1f} GB free, {model.name} needs about {need / 1e9:.1f}"
    return [Check("memory", "warning", found, "close other programs, or use --model qwen2.5-coder-0.5b")]


def free_memory(proc: Path = Path("/proc/meminfo")) -> int | None:
    """Bytes that could be used without swapping, None where the system does not tell."""
    try:
        lines = dict(line.split(":", 1) for line in proc.read_text().splitlines() if ":" in line)
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


def _free_disk(folder: Path) -> int:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(there).free


# ------------------------------------------------------------------ a server elsewhere
@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: bytes
    seconds: float


class _Unreachable(Exception):
    """`str(error)` says why, without any secret."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to another host."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage | Message,
        newurl: str,
    ) -> None:
        return None


def _check_remote(endpoint: Endpoint, seconds: float) -> Check:
    where = f"{endpoint.shown_url} from {endpoint.source}"
    try:
        reply = _get_models(endpoint, seconds)
    except _Unreachable as error:
        remedy = "is the server running, and is the address right? --base-url, FLOWMILL_BASE_URL"
        return Check("model", "failed", f"{where}: {endpoint.redact(str(error))}", remedy, 4)
    found = f"{where}: {reply.status} in {reply.seconds * 1000:.0f} ms"
    if reply.status in (401, 403):
        what = "the key is refused" if endpoint.api_key else "it wants a key and none is set"
        return Check("model", "failed", f"{found}, {what}", endpoint.note or KEY_REMEDY, 4)
    if reply.status in (404, 405):
        remedy = "fine for a server that lists no models; else the address may lack /v1"
        return Check("model", "warning", f"{found}, it does not list its models", remedy)
    names = _model_names(reply.body)
    if reply.status != 200 or names is None:
        remedy = "the address must be that of an OpenAI-compatible server, usually ending in /v1"
        return Check("model", "failed", f"{found}, not as a model server answers", remedy, 4)
    return _check_name(endpoint, found, names)


def _check_name(endpoint: Endpoint, found: str, names: tuple[str, ...]) -> Check:
    offered = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    if not endpoint.model and len(names) != 1:
        return Check(
            "model", "warning", f"{found}, no model chosen", f"--model NAME, for instance one of: {offered}"
        )
    if endpoint.model and names and endpoint.model not in names:
        remedy = f"--model NAME, for instance one of: {offered}"
        return Check("model", "warning", f"{found}, {endpoint.model} is not in its list", remedy)
    key = f" ({endpoint.note})" if endpoint.note else ""
    return Check("model", "ok", f"{found}, {endpoint.model or offered}{key}")


def _get_models(endpoint: Endpoint, seconds: float) -> _Reply:
    address = shown(endpoint.base_url or "") + "/models"
    request = urllib.request.Request(
        address, headers={"Accept": "application/json", "User-Agent": "flowmill"}
    )
    if endpoint.api_key:
        request.add_unredirected_header("Authorization", f"Bearer {endpoint.api_key}")
    handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
    if is_local(address):
        handlers.append(urllib.request.ProxyHandler({}))
    started = time.monotonic()
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=seconds) as answer:
            body = answer.read(ANSWER_BYTES)
            return _Reply(answer.status, body, time.monotonic() - started)
    except urllib.error.HTTPError as error:
        with error:
            return _Reply(error.code, b"", time.monotonic() - started)
    except (OSError, ValueError, http.client.HTTPException, ssl.SSLError) as error:
        reason = getattr(error, "reason", error)
        raise _Unreachable(f"no answer: {getattr(reason, 'strerror', None) or reason}") from None


def _model_names(body: bytes) -> tuple[str, ...] | None:
    """The ids in an answer of GET /models, None if it is no such answer."""
    try:
        found: Mapping[str, object] = as_table(json.loads(body))
    except ValueError:
        return None
    if not isinstance(found.get("data"), list):
        return None
    ids = (as_table(item).get("id") for item in as_list(found["data"]))
    return tuple(name for name in ids if isinstance(name, str))
