"""An editor for tests, at the real server's process: real buffers, real messages, and manners to choose.

    async with Editor.start(tmp_path, profile="helix", model=server) as editor:
        buffer = editor.open("calc.py")
        await editor.run_action(buffer, "def add", "Generate with flow")
        await editor.until(lambda: editor.seen.of("run.finished"), "the run's end")

Nothing here sleeps: `until` looks again whenever a message came in.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from lsprotocol import types

from doubles.buffers import Buffer
from doubles.command import KEY, MARK
from doubles.editor_answers import Answers
from doubles.editor_desk import Desk
from doubles.editor_edits import apply
from doubles.editor_profile import Profile, read_profile
from doubles.editor_seen import Manners, Message, Seen
from doubles.editor_wire import WireClient
from doubles.openai_server import FakeOpenAI
from doubles.processes import gone, marked

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds after which `until` gives up; what it waits for takes a few on a machine that is not busy."""
END_SECONDS = 5.0


class Editor(Desk):
    """Made by `start`; what it was told is in `seen`, how it behaves in `manners`."""

    def __init__(self, root: Path, profile: Profile, options: Mapping[str, object]) -> None:
        super().__init__(root)
        self.profile = profile
        self.options = dict(options)
        self.settings: dict[str, object] = {}
        """What the user set under `flowmill`."""
        self.folder_settings: dict[Path, dict[str, object]] = {}
        self.folders: list[Path] = [root]
        self.manners = Manners()
        self.seen = Seen()
        self.capabilities = types.ServerCapabilities()
        """The server's."""
        self.client = WireClient(self._came, self._handled, lambda method: self.manners.answers(method))
        self._args: tuple[str, ...] = ()
        self._env: dict[str, str] = {}
        self._waiting: set[asyncio.Future[None]] = set()
        self._scratch = ""
        self._requests = 0

    @classmethod
    def start(
        cls,
        root: Path,
        profile: str = "vscode",
        *,
        model: FakeOpenAI | None = None,
        options: Mapping[str, object] | None = None,
        settings: Mapping[str, object] | None = None,
        env: Mapping[str, str] | None = None,
        cache: Path | None = None,
        folders: Sequence[Path] | None = None,
        silent: bool = False,
        args: Sequence[str] = (),
    ) -> Editor:
        """To be used as `async with`. `options` are the initializationOptions, `settings` those of `flowmill`.

        Beside the project are its cache (unless `cache` is given) and the user's folders. A `silent`
        editor never answers a request; `manners` can be changed at any time.
        """
        editor = cls(root, read_profile(profile), options or {})
        editor.settings.update(settings or {})
        editor.folders = [root] if folders is None else list(folders)
        editor.manners = Manners.silent() if silent else Manners()
        editor._args = tuple(args)
        editor._scratch = tempfile.mkdtemp(prefix="scratch-", dir=root.parent)
        editor._env = _environment(root, editor._scratch, cache, model) | dict(env or {})
        Answers(editor).register()
        return editor

    # ------------------------------------------------------------------ life
    async def __aenter__(self) -> Editor:
        command = ("-m", "flowmill_server", *self._args)
        await self.client.start_io(sys.executable, *command, cwd=self.root, env=self._env)
        try:
            await asyncio.wait_for(self._initialize(), PATIENCE)
        except (RuntimeError, asyncio.TimeoutError) as error:
            await self._kill()
            raise AssertionError(f"the server did not start\n{self._last()}") from error
        return self

    async def _initialize(self) -> None:
        result = await self.client.initialize_session(self.initialize_params())
        self.capabilities = result.capabilities
        self.encoding = (
            str(getattr(e, "value", e)) if (e := result.capabilities.position_encoding) else "utf-16"
        )
        if self.profile.pushes and self.settings:
            self.push_settings()

    def initialize_params(self) -> types.InitializeParams:
        """What this client sends."""
        folders = [types.WorkspaceFolder(path.as_uri(), path.name) for path in self.folders]
        flat = self.settings if self.profile.pushes == "flat" else {}
        first = self.folders[0] if self.folders else None
        return types.InitializeParams(
            capabilities=self.profile.capabilities,
            client_info=self.profile.info,
            process_id=os.getpid(),
            root_uri=first.as_uri() if first else None,
            root_path=str(first) if first else None,
            workspace_folders=folders if self.profile.folders else None,
            initialization_options={**self.options, **flat} or None,
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.is_alive:
                await asyncio.wait_for(self.client.shutdown_session(), END_SECONDS)
            left = await gone(self.children(), 1.0)
        finally:
            await self._kill()
        if kind is None:
            self._check(left)

    def _check(self, left: list[int]) -> None:
        """What must hold of every server that has ended."""
        errors = "".join(self.client.stderr)
        assert left == [], "processes were left behind"
        assert self.client.violations == [], self.client.violations
        assert "Traceback" not in errors, errors
        assert KEY not in errors + json.dumps(list(self.seen.heard), default=str)

    async def _kill(self) -> None:
        if self.is_alive:
            self.client.process.kill()
        for pid in self.children():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self.client.process.wait()
        if self.client.process.stdin is not None:
            self.client.process.stdin.close()
        await self.client.stop()

    @property
    def is_alive(self) -> bool:
        return self.client.process.returncode is None

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send the server a signal."""
        self.client.process.send_signal(number)

    def hang_up(self) -> None:
        """Close the server's stdin, as when the editor dies."""
        assert self.client.process.stdin is not None
        self.client.process.stdin.close()

    async def exited(self, seconds: float = END_SECONDS) -> int:
        """The exit code."""
        return await asyncio.wait_for(self.client.process.wait(), seconds)

    def children(self) -> list[int]:
        """Every living process below the server, at whatever remove, also when the server has died."""
        return [pid for pid in marked(self._scratch) if pid != self.client.process.pid]

    # ------------------------------------------------------------------ waiting
    async def until(self, condition: Callable[[], T], what: str = "", seconds: float = PATIENCE) -> T:
        """The condition's first true value, looked at after each message and when the server ends."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not (found := condition()):
            if not self.is_alive:
                raise AssertionError(f"the server ended before {what or 'it'}\n{self._last()}")
            news: asyncio.Future[None] = loop.create_future()
            self._waiting.add(news)
            await asyncio.wait({news}, timeout=deadline - loop.time())
            self._waiting.discard(news)
            if not news.done() and not condition():
                raise AssertionError(f"waited {seconds} s for {what or 'it'}\n{self._last()}")
        return found

    def _came(self, message: Message) -> None:
        self.seen.heard.append(message)
        if message.get("method") == "flow/event":
            self.seen.events.append(message["params"])

    def _handled(self) -> None:
        for news in self._waiting:
            if not news.done():
                news.set_result(None)

    def _last(self) -> str:
        lines = [json.dumps(message, default=str)[:400] for message in list(self.seen.heard)[-12:]]
        return "\n".join(["the last messages:", *lines, "stderr:", *list(self.client.stderr)[-15:]])

    # ------------------------------------------------------------------ messages
    async def request(self, method: str, params: object = None) -> Any:
        """The result. Raises `pygls.exceptions.JsonRpcException` for an error."""
        return await asyncio.wait_for(self.client.protocol.send_request_async(method, params), PATIENCE)

    def begin(self, method: str, params: object = None) -> tuple[str, asyncio.Future[Any]]:
        """Send a request; its id and its answer to come."""
        self._requests += 1
        number = f"begun-{self._requests}"
        return number, asyncio.wrap_future(self.client.protocol.send_request(method, params, msg_id=number))

    def notify(self, method: str, params: object = None) -> None:
        self.client.protocol.notify(method, params)

    def cancel(self, number: str) -> None:
        """`$/cancelRequest`; the answer is still awaited, as in editors."""
        # pygls would cancel the future with it, and complain of the answer.
        self.send({"method": types.CANCEL_REQUEST, "params": {"id": number}})

    def send(self, message: Message) -> None:
        """Send any message, `jsonrpc` included unless it is given."""
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.client.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    async def command(self, name: str, *arguments: object) -> Any:
        """`workspace/executeCommand`; its result."""
        params = types.ExecuteCommandParams(name, list(arguments) or None)
        return await self.request(types.WORKSPACE_EXECUTE_COMMAND, params)

    # ------------------------------------------------------------------ settings
    async def configure(self, **settings: object) -> None:
        """Change settings as a user does, and let the server know as this client does."""
        self.settings.update(settings)
        if self.profile.pushes or types.WORKSPACE_DID_CHANGE_CONFIGURATION in self.seen.registered:
            self.push_settings()

    def push_settings(self) -> None:
        table = (
            {**self.options, **self.settings}
            if self.profile.pushes == "flat"
            else {"flowmill": self.settings}
        )
        self.notify(
            types.WORKSPACE_DID_CHANGE_CONFIGURATION, types.DidChangeConfigurationParams(settings=table)
        )

    def configuration(self, item: types.ConfigurationItem) -> object:
        """What this client answers for one item of `workspace/configuration`."""
        if item.section != "flowmill" or self.profile.pushes == "flat":
            return None
        scopes = {path.as_uri(): table for path, table in self.folder_settings.items()}
        return {**self.settings, **scopes.get(item.scope_uri or "", {})} or None

    # ------------------------------------------------------------------ code actions
    async def code_actions(
        self, buffer: Buffer, at: int | str, *, only: Sequence[str] | None = None
    ) -> list[types.CodeAction | types.Command]:
        """What the menu offers on a line: its number from 0, or the first line that has this text."""
        line = at if isinstance(at, int) else buffer.line_of(at)
        place = types.Range(types.Position(line, 0), types.Position(line, 0))
        context = types.CodeActionContext(
            diagnostics=self.diagnostics_at(buffer, line), only=list(only) if only is not None else None
        )
        document = types.TextDocumentIdentifier(buffer.uri)
        params = types.CodeActionParams(document, place, context)
        return list(await self.request(types.TEXT_DOCUMENT_CODE_ACTION, params) or ())

    def diagnostics_at(self, buffer: Buffer, line: int) -> list[types.Diagnostic]:
        published = self.seen.diagnostics.get(buffer.uri)
        found = published.diagnostics if published else ()
        return [each for each in found if each.range.start.line <= line <= each.range.end.line]

    async def run_action(self, buffer: Buffer, at: int | str, title: str) -> Any:
        """Choose the action whose title begins so: its edit is applied, then its command run; the result."""
        offered = await self.code_actions(buffer, at)
        chosen = [action for action in offered if action.title.startswith(title)]
        assert chosen, f"{title!r} is not among {[action.title for action in offered]}"
        action = chosen[0]
        command = action if isinstance(action, types.Command) else action.command
        if isinstance(action, types.CodeAction):
            assert action.disabled is None, f"{action.title} is disabled: {action.disabled}"
            if action.edit is not None:
                applied, reason = apply(self, action.edit)
                assert applied, reason
        return await self.command(command.command, *(command.arguments or ())) if command else None


EMBEDDED = {"FLOWMILL_BASE_URL": "embedded"}
"""Where no model is given, whatever else the environment says."""
EditorOf = Callable[..., Awaitable[Editor]]
"""What the fixture `editor` is: `await editor(profile, **how)`, with the keywords of `Editor.start`."""
ModelOf = Callable[..., Awaitable[FakeOpenAI]]
"""What the fixture `model` is: `await model(*answers)`, of which the last one is given for ever."""


def _environment(root: Path, scratch: str, cache: Path | None, model: FakeOpenAI | None) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    asked = {"FLOWMILL_BASE_URL": model.base_url, "FLOWMILL_MODEL": "scripted"} if model else EMBEDDED
    return {
        **kept,
        **asked,
        "HOME": str(root.parent),
        "TMPDIR": scratch,
        # The interpreter of the tests, which has pytest, as in an environment that the user activated.
        "VIRTUAL_ENV": sys.prefix,
        "FLOWMILL_CACHE_DIR": str(cache or root.parent / "cache"),
        "FLOWMILL_CONFIG_DIR": str(root.parent / "config"),
        "FLOWMILL_API_KEY": KEY,
        MARK: scratch,
    }
