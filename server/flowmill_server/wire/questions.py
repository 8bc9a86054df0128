"""Our own requests that the editor has not answered. None is kept once somebody gave it up."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Any, cast

import cattrs
from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from flowmill_server.wire.calls import VERSION, Reply
from flowmill_server.wire.faults import misfit

AnyFuture = Future[Any] | asyncio.Future[Any]
LONGEST_MESSAGE = 1_000


class Questions:
    """By id. The two tables have the names and uses that they have in pygls."""

    def __init__(self, converter: cattrs.Converter) -> None:
        self._converter = converter
        self.futures: dict[Any, Any] = {}
        self.result_types: dict[Any, Any] = {}

    def add(self, number: int | str, method: str, future: AnyFuture) -> None:
        """Expect an answer; whoever cancels the future is not answered, without more ado."""
        known = types.METHOD_TO_TYPES.get(method)
        self.futures[number] = future
        self.result_types[number] = known[1] if known else None
        future.add_done_callback(lambda _: self._forget(number))

    def answer(self, reply: Reply) -> bool:
        """Give an answer to whoever waits for it; False if nobody does."""
        future = cast("AnyFuture | None", self.futures.pop(reply.id, None))
        kind: Any = self.result_types.pop(reply.id, None)
        if future is None or future.done():
            return False
        if reply.error is not None:
            future.set_exception(_rejection(reply.error))
            return True
        raw = {"jsonrpc": VERSION, "id": str(reply.id), "result": reply.result}
        try:
            result = reply.result if kind is None else self._converter.structure(raw, kind).result
        except Exception as error:  # cattrs and its hooks raise whatever the value provokes
            future.set_exception(JsonRpcInvalidParams(f"an answer of another form: {misfit(error)}"))
        else:
            future.set_result(result)
        return True

    def cancel_all(self) -> None:
        """Nobody will answer any more."""
        for future in [*self.futures.values()]:
            future.cancel()

    def _forget(self, number: int | str) -> None:
        self.futures.pop(number, None)
        self.result_types.pop(number, None)


def _rejection(error: dict[str, Any]) -> JsonRpcException:
    code, message = error.get("code"), str(error.get("message", ""))[:LONGEST_MESSAGE]
    return JsonRpcException(message, code if isinstance(code, int) else None, error.get("data"))
