"""What a JSON value that came in is, by JSON-RPC 2.0 and LSP. Pure; nothing else is let through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

VERSION = "2.0"

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
NOT_INITIALIZED = -32002
REQUEST_CANCELLED = -32800
REQUEST_FAILED = -32803

MessageId = int | float | str
Params = dict[str, Any] | list[Any] | None


@dataclass(frozen=True, slots=True)
class Request:
    id: MessageId
    method: str
    params: Params


@dataclass(frozen=True, slots=True)
class Notification:
    method: str
    params: Params


@dataclass(frozen=True, slots=True)
class Reply:
    """To a request of ours; `error` is None for a good one."""

    id: MessageId
    result: Any
    error: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Fault:
    """No message at all. To be answered if it asked for one: `id` is None where none can be told."""

    code: int
    reason: str
    id: MessageId | None = None
    answered: bool = True


Call = Request | Notification | Reply | Fault


def read_call(content: object) -> Call:
    """Never raises, whatever the value."""
    if not isinstance(content, dict):
        what = "batches are not part of LSP" if isinstance(content, list) else "a message is an object"
        return Fault(INVALID_REQUEST, what)
    message = cast("dict[str, Any]", content)
    number = message.get("id")
    known = cast("MessageId", number) if is_id(number) else None
    if message.get("jsonrpc") != VERSION:
        return Fault(INVALID_REQUEST, 'jsonrpc must be "2.0"', known, "id" in message)
    if "method" in message:
        return _read_method(message, known)
    if known is not None and ("result" in message or "error" in message):
        return Reply(known, message.get("result"), _error(message.get("error")))
    # What looks like an answer is not answered: two programs would talk of it for ever.
    return Fault(INVALID_REQUEST, "neither a method nor a proper answer", known, answered=False)


def _read_method(message: dict[str, Any], known: MessageId | None) -> Call:
    asks, method, params = "id" in message, message["method"], message.get("params")
    if asks and known is None:
        return Fault(INVALID_REQUEST, "id must be a number or a text")
    if not isinstance(method, str):
        return Fault(INVALID_REQUEST, "method must be a text", known, asks)
    if params is not None and not isinstance(params, (dict, list)):
        return Fault(INVALID_PARAMS, f"{method}: params must be an object", known, asks)
    given = cast("Params", params)
    return Notification(method, given) if known is None else Request(known, method, given)


def is_id(value: object) -> bool:
    """Whether it may be the id of a request."""
    if isinstance(value, float):
        return value.is_integer()  # some clients know one kind of number only
    return isinstance(value, (int, str)) and not isinstance(value, bool)


def _error(value: object) -> dict[str, Any] | None:
    if value is None or isinstance(value, dict):
        return cast("dict[str, Any] | None", value)
    return {"message": str(value)[:200]}
