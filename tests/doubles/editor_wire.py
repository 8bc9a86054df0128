"""pytest-lsp's client, made to show everything that comes in as it came in, and to hold its answers back."""

from __future__ import annotations

import asyncio
import collections
import warnings
from collections.abc import Awaitable, Callable
from typing import Any, cast

from lsprotocol import types
from lsprotocol.converters import get_converter
from pygls.client import JsonRPCClient
from pygls.exceptions import JsonRpcException, PyglsError
from pygls.protocol import JsonRPCNotification, JsonRPCRequestMessage, JsonRPCResponseMessage
from pytest_lsp.client import LanguageClient
from pytest_lsp.protocol import LanguageClientProtocol

Message = dict[str, Any]


class WireProtocol(LanguageClientProtocol):
    """Tells its client of each message before and after it is handled."""

    _server: WireClient  # type: ignore[assignment]

    def structure_message(self, data: Message) -> Any:
        if "jsonrpc" in data:  # not one of the tables in it
            self._server.came(dict(data))
        return super().structure_message(data)

    def handle_message(self, message: Any) -> None:
        # What pytest-lsp warns of is against the specification. An error would end the connection.
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            super().handle_message(message)
        self._server.violations.extend(str(warning.message) for warning in caught)
        self._server.handled()

    def _handle_request(self, msg_id: Any, method_name: str, params: Any) -> None:
        if self._server.answers(method_name):
            super()._handle_request(msg_id, method_name, params)


class WireClient(LanguageClient):
    """`came` gets each message as it is, `handled` is called when it was handled."""

    def __init__(
        self, came: Callable[[Message], None], handled: Callable[[], None], answers: Callable[[str], bool]
    ) -> None:
        # pytest-lsp's own signature says nothing of what it passes on.
        construct = cast("Callable[..., None]", super().__init__)  # pyright: ignore[reportUnknownMemberType]
        construct(protocol_cls=WireProtocol, converter_factory=_converter)
        self.came = came
        self.handled = handled
        self.answers = answers
        self.violations: list[str] = []
        self.stderr: collections.deque[str] = collections.deque(maxlen=200)
        self._listening: asyncio.Task[None] | None = None

    async def start_io(self, cmd: str, *args: str, **kwargs: Any) -> None:
        # pytest-lsp would write the server's stderr to ours.
        start = cast("Callable[..., Awaitable[None]]", JsonRPCClient.start_io)  # pyright: ignore[reportUnknownMemberType]
        await start(self, cmd, *args, limit=1 << 24, **kwargs)
        self._listening = asyncio.create_task(self._listen())

    def on(self, method: str, handler: Callable[[Any], object]) -> None:
        """Have a message handled."""
        register = cast("Callable[[Any], object]", self.feature(method))

        def handle(params: Any) -> object:  # pygls leaves marks on what it is given
            return handler(params)

        register(handle)

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._server is not None
        return self._server

    async def _listen(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.stderr.append(line.decode(errors="replace"))

    async def server_exit(self, server: asyncio.subprocess.Process) -> None:
        if self._listening is not None:
            await asyncio.wait({self._listening}, timeout=5)
        self.handled()

    def report_server_error(self, error: Exception, source: type[PyglsError | JsonRpcException]) -> None:
        self.violations.append(f"{source.__name__}: {error}")

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)


def _converter() -> Any:
    """Custom messages stay the plain tables that they are."""
    converter = get_converter()
    for kind in (JsonRPCRequestMessage, JsonRPCResponseMessage, JsonRPCNotification):
        converter.register_structure_hook(kind, lambda table, kind: kind(**table))
    # lsprotocol takes everything with a command for one.
    actions = types.Command | types.CodeAction
    converter.register_structure_hook_func(
        lambda kind: kind == actions,
        lambda table, _: converter.structure(
            table, types.Command if isinstance(table.get("command"), str) else types.CodeAction
        ),
    )
    return converter
