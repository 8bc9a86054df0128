"""JSON-RPC and the life of the connection: who may ask what when, and one answer to each request.

pygls brings the types and the registry of handlers; everything between a message that came in and
one that goes out is here. Everything runs in the loop, except that `notify` and `send_request` may
be called from any thread.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, Literal

import cattrs
from lsprotocol import types
from pygls.capabilities import ServerCapabilitiesBuilder
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams
from pygls.protocol import LanguageServerProtocol

from flowmill_server import logs
from flowmill_server.wire.alive import is_alive
from flowmill_server.wire.calls import (
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    NOT_INITIALIZED,
    PARSE_ERROR,
    REQUEST_CANCELLED,
    VERSION,
    Fault,
    MessageId,
    Notification,
    Reply,
    Request,
    is_id,
    read_call,
)
from flowmill_server.wire.faults import describe, error_object, internal, is_expected
from flowmill_server.wire.frames import Garbled, Incoming, packed
from flowmill_server.wire.handlers import Handler, Handlers, is_request
from flowmill_server.wire.questions import AnyFuture, Questions
from flowmill_server.wire.shaping import structure_params

logger = logging.getLogger(__name__)

Phase = Literal["new", "running", "down"]
CLOSE_SECONDS = 2.0
SETTLE_SECONDS = 0.2
MOST_POPUPS = 3
"""Of our own mistakes, in the life of a server; the log has them all."""

UNCANCELLABLE = frozenset({types.SHUTDOWN, types.WORKSPACE_EXECUTE_COMMAND})
"""What these began goes on, so an answer that says it was cancelled would be a lie."""


class FlowProtocol(LanguageServerProtocol):
    """The protocol of one connection. Until `attach` nothing can be sent."""

    _server: Any

    def __init__(self, server: Any, converter: cattrs.Converter) -> None:
        super().__init__(server, converter)
        self._handlers = Handlers(server)
        self.fm: Any = self._handlers  # where `server.feature` looks for it
        self._questions = Questions(converter)
        self._request_futures, self._result_types = self._questions.futures, self._questions.result_types
        self.phase: Phase = "new"
        self.greeted = False
        """`initialize` was answered before it came here."""
        self.editor_pid: int | None = None
        """The process that asked for `initialize`, if it said so."""
        self.editor_seen = False
        """It was there when it asked."""
        self._send: Callable[[bytes], None] | None = None
        self._end: Callable[[int, str], None] = _nobody
        self._answering: dict[MessageId, tuple[str, asyncio.Future[Any]]] = {}
        self._following: set[asyncio.Future[Any]] = set()
        self._closing: asyncio.Future[None] | None = None
        self._popups: set[str] = set()
        self._builtins: dict[str, Handler] = {
            types.INITIALIZE: self._initialize,
            types.SHUTDOWN: self._shut_down,
            types.EXIT: self._exit,
            types.CANCEL_REQUEST: self._cancel,
            types.SET_TRACE: self._set_trace,
            types.WORKSPACE_EXECUTE_COMMAND: self._execute,
        }

    def _register_builtin_features(self) -> None:
        """None of pygls': its document store would split every text again at every keystroke."""

    def attach(self, send: Callable[[bytes], None], end: Callable[[int, str], None]) -> None:
        """`send` takes whole frames, in any thread; `end` is told the exit code and why, once or oftener."""
        self._send = send
        self._end = end

    async def close(self) -> None:
        """Cancel what is being answered and close the server, once, in two seconds at most."""
        if self._closing is None:
            self.phase = "down"
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.wait({self._closing}, timeout=CLOSE_SECONDS)

    async def settle(self) -> None:
        """Give what was cancelled, and `shutdown` itself, a moment to be answered."""
        tasks = [task for _, task in self._answering.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=SETTLE_SECONDS)

    async def _close(self) -> None:
        for method, task in [*self._answering.values()]:
            if method != types.SHUTDOWN:
                task.cancel()
        for task in [*self._following]:
            task.cancel()
        self._questions.cancel_all()
        try:
            await self._server.close()
        except Exception:  # whatever fails, the process is to end
            logger.exception("Closing failed")

    # ------------------------------------------------------------------ in
    def receive(self, incoming: Incoming) -> None:
        """Handle what came in. Never raises."""
        try:
            if isinstance(incoming, Garbled):
                logger.warning("Not understood: %s", incoming.reason)
                self._send_error(None, error_object(PARSE_ERROR, incoming.reason))
            elif isinstance(call := read_call(incoming.content), Request):
                self._on_request(call)
            elif isinstance(call, Notification):
                self._on_notification(call)
            elif isinstance(call, Reply):
                if not self._questions.answer(call):
                    logger.debug("An answer that nobody waits for")
            else:
                self._on_fault(call)
        except Exception:  # one message must not end the connection
            logger.exception("A message could not be handled")

    def _on_fault(self, fault: Fault) -> None:
        logger.warning("Not understood: %s", fault.reason)
        if fault.answered:
            self._send_error(fault.id, error_object(fault.code, fault.reason))

    def _on_request(self, request: Request) -> None:
        refusal = self._refusal(request)
        if refusal is not None:
            logger.info("%s was refused: %s", request.method, refusal["message"])
            self._send_error(request.id, refusal)
            return
        try:
            outcome = self._call(request.method, request.params)
        except Exception as error:  # a handler's fault is an answer
            self._failed(request, error)
            return
        if inspect.isawaitable(outcome):
            self._follow(request, outcome)
        else:
            self._answer(request, outcome)

    def _refusal(self, request: Request) -> dict[str, Any] | None:
        method = request.method
        if self.phase == "down":
            return error_object(INVALID_REQUEST, f"{method}: the server is shutting down")
        if self.phase == "new" and method != types.INITIALIZE:
            return error_object(NOT_INITIALIZED, f"{method}: initialize comes first")
        if self.phase == "running" and method == types.INITIALIZE:
            return error_object(INVALID_REQUEST, "initialize was answered already")
        if request.id in self._answering:
            return error_object(INVALID_REQUEST, f"{method}: the id {request.id!r} is in use")
        if self._handler(method) is None:
            return error_object(METHOD_NOT_FOUND, f"there is no method {method}")
        return None

    def _on_notification(self, call: Notification) -> None:
        early = self.phase != "running" and call.method != types.EXIT
        if early or self._handler(call.method) is None or is_request(call.method):
            logger.debug("%s was ignored", call.method)
            return
        try:
            outcome = self._call(call.method, call.params)
        except Exception as error:  # a handler's fault is told of, and the next message read
            self.report(call.method, error)
        else:
            if inspect.isawaitable(outcome):
                task = asyncio.ensure_future(outcome)
                self._following.add(task)
                task.add_done_callback(partial(self._followed, call.method))

    def _followed(self, method: str, task: asyncio.Future[Any]) -> None:
        self._following.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.report(method, error)

    def _handler(self, method: str) -> Handler | None:
        return self._builtins.get(method) or self._handlers.by_method.get(method)

    def _call(self, method: str, params: Any) -> Any:
        handler = self._handler(method)
        assert handler is not None
        return handler(structure_params(self._converter, method, params))

    # ------------------------------------------------------------------ answers
    def _follow(self, request: Request, outcome: Awaitable[Any]) -> None:
        task = asyncio.ensure_future(outcome)
        self._answering[request.id] = (request.method, task)
        task.add_done_callback(partial(self._finished, request))

    def _finished(self, request: Request, task: asyncio.Future[Any]) -> None:
        del self._answering[request.id]
        if task.cancelled():
            self._send_error(request.id, error_object(REQUEST_CANCELLED, f"{request.method} was cancelled"))
        elif (error := task.exception()) is not None:
            self._failed(request, error)
        else:
            self._answer(request, task.result())

    def _answer(self, request: Request, result: Any) -> None:
        if request.method == types.INITIALIZE and self.greeted:
            return
        try:
            body = self._encoded({"jsonrpc": VERSION, "id": request.id, "result": result})
        except Exception as error:  # whatever a handler gave that is no JSON
            self._failed(request, error)
        else:
            self._put(body)

    def _failed(self, request: Request, error: BaseException) -> None:
        if is_expected(error):
            logger.info("%s failed: %s", request.method, error)
        else:
            logger.error("%s failed", request.method, exc_info=error)
        self._send_error(request.id, describe(error, request.method, logs.where()))

    def _send_error(self, number: MessageId | None, error: dict[str, Any]) -> None:
        self._put(self._encoded({"jsonrpc": VERSION, "id": number, "error": error}))

    def report(self, where: str, error: BaseException) -> None:
        """What nobody waits for failed, such as a notification: the user is told once for each `where`."""
        if isinstance(error, JsonRpcException):
            logger.warning("%s was ignored: %s", where, error)
            return
        logger.error("%s failed", where, exc_info=error)
        if where not in self._popups and len(self._popups) < MOST_POPUPS:
            self._popups.add(where)
            line = internal(error, where, logs.where())
            self.notify(types.WINDOW_SHOW_MESSAGE, types.ShowMessageParams(types.MessageType.Error, line))

    # ------------------------------------------------------------------ built in
    def _initialize(self, params: types.InitializeParams) -> types.InitializeResult:
        self.client_capabilities = params.capabilities
        self.editor_pid = self._server.process_id = params.process_id
        self.editor_seen = self.editor_seen or (self.editor_pid is not None and is_alive(self.editor_pid))
        if params.trace is not None:
            self._set_trace(types.SetTraceParams(params.trace))
        handler = self._handlers.by_method.get(types.INITIALIZE)
        if handler is not None:
            handler(params)
        self.server_capabilities = ServerCapabilitiesBuilder(
            params.capabilities,
            set(self._handlers.by_method),
            self._handlers.options,
            list(self._server.commands),
            self._server._text_document_sync_kind,
            self._server._notebook_document_sync,
            ServerCapabilitiesBuilder.choose_position_encoding(params.capabilities),
        ).build()
        self.phase = "running"
        return types.InitializeResult(self.server_capabilities, self.server_info)

    def _shut_down(self, _params: object) -> Awaitable[None]:
        self.phase = "down"  # at once: `exit` may be the very next message
        return self.close()

    def _exit(self, _params: object) -> None:
        self._end(*((0, "exit") if self.phase == "down" else (1, "exit without shutdown")))

    def _set_trace(self, params: types.SetTraceParams) -> None:
        self.trace = types.TraceValue(params.value)
        logs.verbose(self.trace == types.TraceValue.Verbose)

    def _cancel(self, params: types.CancelParams) -> None:
        number = params.id
        if is_id(number) and number in self._answering:  # lsprotocol lets anything through here
            method, task = self._answering[number]
            if method not in UNCANCELLABLE:
                task.cancel()

    def _execute(self, params: types.ExecuteCommandParams) -> Any:
        handler = self._server.commands.get(params.command)
        if handler is None:
            names = ", ".join(sorted(self._server.commands))
            raise JsonRpcInvalidParams(f"there is no command {params.command}; there are {names}")
        return handler(self._server, list(params.arguments or ()))

    # ------------------------------------------------------------------ out
    def notify(self, method: str, params: Any | None = None) -> None:
        """Send a notification; from any thread."""
        self._put(self._encoded({"jsonrpc": VERSION, "method": method} | _given(params)))

    def send_request(
        self,
        method: str,
        params: Any | None = None,
        callback: Callable[[Any], None] | None = None,
        msg_id: int | str | None = None,
    ) -> Future[Any]:
        """The answer to come, for code that does not run in the loop; see `send_request_async`."""
        future: Future[Any] = Future()
        if callback is not None:
            future.add_done_callback(lambda done: callback(done.result()))
        self._ask(method, params, msg_id, future)
        return future

    def send_request_async(
        self, method: str, params: Any | None = None, msg_id: int | str | None = None
    ) -> asyncio.Future[Any]:
        """The answer to come. May be cancelled: a late answer then finds nobody."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._ask(method, params, msg_id, future)
        return future

    def _ask(self, method: str, params: Any, msg_id: int | str | None, future: AnyFuture) -> None:
        number = str(uuid.uuid4()) if msg_id is None else msg_id
        body = self._encoded({"jsonrpc": VERSION, "id": number, "method": method} | _given(params))
        self._questions.add(number, method, future)
        self._put(body)

    def _encoded(self, message: dict[str, Any]) -> bytes:
        return packed(message, self._serialize_message)

    def _put(self, frame: bytes) -> None:
        if self._send is not None:
            self._send(frame)


def _given(params: Any) -> dict[str, Any]:
    return {} if params is None else {"params": params}


def _nobody(_code: int, _reason: str) -> None:
    """Before `attach` there is nothing to end."""
