"""How what went wrong is told to the editor: one JSON-RPC error with one clear line."""

from __future__ import annotations

from typing import Any

import cattrs
from pygls.exceptions import JsonRpcException

from flowmill.errors import FlowmillError, UsageError
from flowmill_server.wire.calls import INTERNAL_ERROR, INVALID_PARAMS, REQUEST_FAILED

LONGEST_LINE = 400


def error_object(code: int, message: str, data: object = None) -> dict[str, Any]:
    """The `error` of a JSON-RPC answer."""
    told: dict[str, Any] = {"code": code, "message": message}
    return told if data is None else {**told, "data": data}


def is_expected(error: BaseException) -> bool:
    """Whether it is an answer rather than a mistake of ours, which belongs into the log with its traceback."""
    return isinstance(error, (FlowmillError, JsonRpcException))


def describe(error: BaseException, where: str, log: str) -> dict[str, Any]:
    """The error for a request that raised it."""
    if isinstance(error, FlowmillError):
        text = f"{error}\n{error.hint}" if error.hint else str(error)
        # Wrong arguments are the caller's; everything else is what happened to a proper request.
        return error_object(INVALID_PARAMS if type(error) is UsageError else REQUEST_FAILED, text)
    if isinstance(error, JsonRpcException):
        return error_object(error.code, error.message, error.data)
    return error_object(INTERNAL_ERROR, internal(error, where, log))


def internal(error: BaseException, where: str, log: str) -> str:
    """One line about a mistake of ours."""
    return f"flowmill: internal error in {where} ({type(error).__name__}); see {log}"


def misfit(error: Exception) -> str:
    """Why some parameters do not have the form that the protocol wants, in one line."""
    try:
        reasons = cattrs.transform_error(error)
    except Exception:  # it knows its own errors only; any other is shown as it is
        reasons = [f"{type(error).__name__}: {error}"]
    line = "; ".join(" ".join(reason.split()) for reason in reasons)
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"
