"""The handlers that are registered with `server.feature(...)`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, get_type_hints

from lsprotocol import types
from pygls.lsp.server import LanguageServer

Handler = Callable[[Any], Any]
AnyHandler = TypeVar("AnyHandler", bound=Callable[..., Any])


OWN_REQUESTS = frozenset({"flow/run"})


def is_request(method: str) -> bool:
    """Whether the method is one of a request, which counts for nothing without an id."""
    known = types.METHOD_TO_TYPES.get(method)
    return method in OWN_REQUESTS or (known is not None and bool(known[1]))


class Handlers:
    """In the place of pygls' feature manager.

    That one hands the server to any handler whose first parameter is an `object`, and checks options
    that their types have checked.
    """

    def __init__(self, server: object) -> None:
        self._server = server
        self.by_method: dict[str, Handler] = {}
        self.options: dict[str, Any] = {}

    def feature(self, feature_name: str, options: Any | None = None) -> Callable[[AnyHandler], AnyHandler]:
        """Register the handler of a method. One whose first parameter is a server is given it."""

        def decorator(handler: AnyHandler) -> AnyHandler:
            if feature_name in self.by_method:
                raise ValueError(f"{feature_name} has a handler already")
            self.by_method[feature_name] = (
                partial(handler, self._server) if _wants_server(handler) else handler
            )
            if options is not None:
                self.options[feature_name] = options
            return handler

        return decorator


def _wants_server(handler: Callable[..., Any]) -> bool:
    """Whether the first parameter is called `ls` or is annotated as a server."""
    parameters = [*inspect.signature(handler).parameters]
    if len(parameters) < 2:
        return False  # spares most of them a look at their annotations
    hint = get_type_hints(handler).get(parameters[0])
    return parameters[0] == "ls" or (isinstance(hint, type) and issubclass(hint, LanguageServer))
