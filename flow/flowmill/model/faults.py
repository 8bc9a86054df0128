"""Turns what goes wrong between us and a model's server into one clear line, once, here.

`Fault` is the answer: the `ModelError` for the user, and whether asking again may help.
"""

from __future__ import annotations

import difflib
import json
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import openai

from flowmill.errors import ModelError
from flowmill.model.loose import entries, mapping, text, whole

Again = Literal["never", "later", "once_answered"]
"""May the same request succeed later? "once_answered": only at an endpoint that answered before."""
_TRANSIENT = frozenset({408, 409, 425, 429})
_NO_USE = frozenset({501, 505})
_CONTEXT = re.compile(
    r"context_length_exceeded|exceed_context_size|maximum context length|context (?:size|window|length)"
    r"|prompt is too long|input (?:is )?too long|too many (?:input )?tokens",
    re.IGNORECASE,
)
_QUOTA = re.compile(
    r"insufficient_quota|exceeded your current quota|insufficient (?:credit|balance|funds)|credit balance"
    r"|billing_(?:hard_limit|not_active)|requires more credits",
    re.IGNORECASE,
)
_UNKNOWN_MODEL = re.compile(
    r"model_not_found|model\b.*\b(?:not found|does not exist|not a valid model|is not available|not loaded)"
    r"|(?:unknown|invalid|no such) model|not a valid model",
    re.IGNORECASE,
)
_LIMIT = re.compile(
    r"(?:maximum context length (?:is|of)|context (?:size|length|window)(?: of| is)?)\s*\(?(\d+)", re.I
)
_ASKED = re.compile(
    r"(?:resulted in|requested|request has|contains(?: at least)?|prompt \(|request \()\s*(\d+)",
    re.IGNORECASE,
)


_PAY = "add credit there, or choose another endpoint with --base-url"
_LATER = "try again later, or choose another endpoint with --base-url"
_LOG = "try again; the server's log may say more"
_OTHER = "choose another model with --model, or another endpoint with --base-url"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call went, in words that may be shown; `redact` masks the keys in all that the server said."""

    endpoint: str
    model: str
    keyed: bool
    redact: Callable[[str], str]


class Fault(Exception):
    """One failed attempt. `wait` is how long the server asks to wait, in seconds.

    `remedy` is what the user can do, said once there is no further attempt.
    """

    def __init__(
        self,
        message: str,
        *,
        again: Again = "never",
        wait: float | None = None,
        hint: str = "",
        remedy: str = "",
    ) -> None:
        super().__init__(message)
        self.again: Again = again
        self.wait = wait
        self.hint = hint
        self.remedy = remedy
        self.unknown_model = False

    def error(self) -> ModelError:
        tail = f"; {self.remedy}" if self.remedy else ""
        return ModelError(str(self).rstrip(".") + tail if tail else str(self), hint=self.hint)


@dataclass(frozen=True, slots=True)
class Said:
    """What a server's error object says, from any of the forms in use."""

    message: str
    kind: str
    """Its code and type together, for the rules above."""
    param: str
    body: dict[str, object]

    @property
    def all(self) -> str:
        return f"{self.kind} {self.message}"


def said(body: object) -> Said:
    """Read `{"error": {...}}`, `{"error": "..."}`, `{"detail": ...}`, or a plain text that is no page."""
    outer = mapping(body)
    inner = mapping(outer.get("error")) or outer
    message = text(inner.get("message")) or text(outer.get("error")) or _detail(inner.get("detail"))
    if isinstance(body, str) and not is_page(body):
        message = body
    metadata = mapping(inner.get("metadata"))
    if raw := text(metadata.get("raw")):
        message = f"{message}: {raw}"  # OpenRouter hides the provider's own words there.
    kind = " ".join(str(inner[key]) for key in ("code", "type") if inner.get(key) is not None)
    return Said(_one_line(message), kind, text(inner.get("param")), inner)


def _detail(detail: object) -> str:
    """FastAPI's way: a text, or a list of faults with the place of each."""
    faults = [mapping(item) for item in entries(detail)]
    places = (
        "{} {}".format(".".join(str(part) for part in entries(f.get("loc"))), text(f.get("msg")))
        for f in faults
    )
    return text(detail) or "; ".join(places)


def is_page(body: str) -> bool:
    return body.lstrip("\ufeff \r\n\t").lower().startswith(("<!doctype", "<html", "<?xml", "<head"))


def is_too_long(answer: Said) -> bool:
    """Does it say that prompt and answer together exceed the model's context?"""
    return _CONTEXT.search(answer.all) is not None


def of_status(status: int, body: object, place: Place, wait: float | None = None) -> Fault:
    """The fault that an HTTP status (or an error object within a stream) stands for."""
    answer = said(body)
    words = place.redact(answer.message)
    tail = f": {words}" if words else ""
    if isinstance(body, str) and is_page(body):
        return _page(status, place, wait)
    if status == 402 or (status < 500 and _QUOTA.search(answer.all)):
        return Fault(f"{place.endpoint} is out of quota or credit ({status}){tail}", remedy=_PAY)
    if status == 401:
        return _unauthorized(place)
    if status == 403:
        message = f"{place.endpoint} does not allow this key or the model {place.model!r} (403){tail}"
        return Fault(message, remedy="check FLOWMILL_API_KEY, or choose another model with --model")
    if 400 <= status < 500 and is_too_long(answer):
        return _too_long(answer, place)
    if status in (400, 404, 422) and _UNKNOWN_MODEL.search(answer.all):
        return unknown_model(place, ())
    if status in (404, 405):
        return _no_such_path(status, place)
    if status < 400:
        return Fault(f"{place.endpoint} redirects elsewhere ({status}): give the final address as --base-url")
    if status in _TRANSIENT:
        what = "is over its rate limit" if status == 429 else "asks to try again"
        return Fault(f"{place.endpoint} {what} ({status}){tail}", again="later", wait=wait, remedy=_LATER)
    if status >= 500:
        again: Again = "never" if status in _NO_USE else "later"
        message = f"the server at {place.endpoint} failed ({status}){tail}"
        return Fault(message, again=again, wait=wait, remedy=_LOG)
    return Fault(f"{place.endpoint} refused the request ({status}){tail}", remedy=_OTHER)


def of_error_object(body: object, place: Place) -> Fault:
    """The fault that an error object stands for which came with status 200, within a stream or alone."""
    code = whole(said(body).body.get("code")) or 500
    return of_status(code if 400 <= code < 600 else 500, body, place)


def of_exception(error: Exception, place: Place) -> Fault:
    """The fault behind an exception of the `openai` package or of what lies under it."""
    if isinstance(error, openai.APIStatusError):
        body = error.body if error.body is not None else error.response.text
        return of_status(error.status_code, body, place)
    if isinstance(error, (openai.APIConnectionError, OSError)):
        return _connection(error, place)
    if isinstance(error, openai.APIError):
        return of_error_object(error.body or error.message, place)
    if isinstance(error, ValueError):
        return garbled(place)
    return _connection(error, place)


_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"})
_FOREIGN = frozenset({"openai", "httpx", "httpx2", "httpcore", "httpcore2", "anyio", "h11", "ssl"})


def is_foreign(error: Exception) -> bool:
    """Does it come from the connection, rather than from a mistake of our own?"""
    package = type(error).__module__.partition(".")[0]
    return package in _FOREIGN or isinstance(error, (OSError, json.JSONDecodeError, UnicodeDecodeError))


def garbled(place: Place) -> Fault:
    message = f"{place.endpoint} answered something that is not JSON"
    return Fault(message, again="later", remedy="is --base-url the API's address (most end in /v1)?")


def broken(place: Place) -> Fault:
    return Fault(f"the answer of {place.endpoint} broke off before its end", again="later", remedy=_LOG)


def empty(place: Place) -> Fault:
    return Fault(f"{place.endpoint} sent an empty answer", again="later", remedy=_LOG)


def stalled(place: Place, seconds: float, began: bool) -> Fault:
    what = "stopped sending in the middle of its answer" if began else "sent no answer"
    return Fault(
        f"{place.endpoint} {what} for {seconds:g} s", again="later", hint="is the server overloaded?"
    )


def unknown_model(place: Place, names: Sequence[str]) -> Fault:
    """No such model; names the nearest of those that the server has."""
    near = difflib.get_close_matches(place.model, names, n=3, cutoff=0.5) or list(names[:3])
    choice = f"; it has {', '.join(near)}" if near else ""
    more = f" and {len(names) - len(near)} more" if len(names) > len(near) else ""
    fault = Fault(f"{place.endpoint} has no model {place.model!r}{choice}{more}: choose one with --model")
    fault.unknown_model = True
    return fault


def _page(status: int, place: Place, wait: float | None) -> Fault:
    message = (
        f"{place.endpoint} answered a web page instead of JSON ({status}): "
        "is --base-url the API's address (most end in /v1)?"
    )
    return Fault(message, again="later" if status >= 500 or status == 429 else "never", wait=wait)


def _unauthorized(place: Place) -> Fault:
    if place.keyed:
        return Fault(f"{place.endpoint} refused the key (401): check FLOWMILL_API_KEY")
    return Fault(f"{place.endpoint} asks for a key (401): set FLOWMILL_API_KEY")


def _too_long(answer: Said, place: Place) -> Fault:
    limit = whole(answer.body.get("n_ctx")) or _number(_LIMIT, answer.message)
    asked = whole(answer.body.get("n_prompt_tokens")) or _number(_ASKED, answer.message)
    sizes = f"{asked} tokens, " if asked else ""
    room = f"it has room for {limit}" if limit else place.redact(answer.message)
    return Fault(
        f"the prompt is too long for {place.model!r} at {place.endpoint}: {sizes}{room}",
        hint="Start the server with a larger context, or choose a model that has one.",
    )


def _no_such_path(status: int, place: Place) -> Fault:
    parts = urlsplit(place.endpoint)
    advice = "check --base-url"
    if not parts.path.strip("/"):
        advice = f"try --base-url {place.endpoint}/v1"
    return Fault(f"{place.endpoint}/chat/completions does not exist there ({status}): {advice}")


def _connection(error: Exception, place: Place) -> Fault:
    chain = tuple(_causes(error))
    host = urlsplit(place.endpoint).hostname or place.endpoint
    check = "check --base-url or FLOWMILL_BASE_URL"
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in chain) or "CERTIFICATE" in str(
        chain[-1]
    ):
        return Fault(
            f"the certificate of {host} cannot be verified: {_why(chain, place)}",
            hint="If the server is yours, point SSL_CERT_FILE to the certificate of its authority.",
        )
    if any(isinstance(cause, ssl.SSLError) and cause.reason in _NO_TLS for cause in chain):
        return Fault(f"{place.endpoint} does not speak TLS as it should: is it http:// rather than https://?")
    if any(isinstance(cause, socket.gaierror) for cause in chain):
        return Fault(f"the host {host!r} of {place.endpoint} is not known: {check}", again="once_answered")
    if any(isinstance(cause, ConnectionRefusedError) for cause in chain):
        return Fault(
            f"no server answers at {place.endpoint} (connection refused): is it running? Else {check}",
            again="once_answered",
        )
    names = {type(cause).__name__ for cause in chain}
    if names & {"UnsupportedProtocol", "InvalidURL", "LocalProtocolError"}:
        return Fault(f"{place.endpoint!r} is not an http address: {check}")
    if names & {"ConnectTimeout", "ConnectError"}:
        return Fault(f"no server answers at {place.endpoint}: {check}", again="once_answered")
    return Fault(
        f"the connection to {place.endpoint} broke: {_why(chain, place)}", again="later", remedy=_LOG
    )


def _why(chain: Sequence[BaseException], place: Place) -> str:
    words = (str(cause) for cause in reversed(chain) if str(cause))
    return place.redact(_one_line(next(words, type(chain[-1]).__name__)))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _number(pattern: re.Pattern[str], message: str) -> int | None:
    found = pattern.search(message.replace(",", ""))
    return int(found[1]) if found else None


def _one_line(message: str, limit: int = 300) -> str:
    line = " ".join(message.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
