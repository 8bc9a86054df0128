"""What the user set in the editor, per workspace folder and as it is now, and what comes of it in a project.

The editor's settings come in three layers, each of which goes before the one above it:
`initializationOptions`, what `workspace/didChangeConfiguration` pushed, and what the client
answers to `workspace/configuration`, first in general and then for the folder.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from lsprotocol import types

from flowmill.options import BY_NAME, snake
from flowmill.settings import Settings, load_settings
from flowmill.trust import trust_file
from flowmill_server.client import Client
from flowmill_server.engine.usable import project_root
from flowmill_server.workspace import Folders

SECTION = "flowmill"
NOT_SETTINGS = frozenset({"flow", "settings", SECTION, "trace", "server", "enable", "enabled"})
"""Keys beside the settings that belong to the protocol or to the editor's own plugin."""
PLACES = frozenset({"python", "project", "log_file"})
"""Settings that name a place, in which the workspace folder may be left out."""
CLIENT_SECONDS = 10.0

Table = Mapping[str, object]
Spawn = Callable[[Coroutine[Any, Any, None]], object]
Stamp = tuple[int, int] | None


class Listener(Protocol):
    def changed(self) -> None:
        """Some setting of some folder may be another one now."""
        ...


@dataclass(frozen=True, slots=True)
class _Asked:
    """All but the disk that the settings of a folder come from."""

    folder: Path
    editor: Table
    environ: Mapping[str, str]
    trusted: bool | None
    cwd: Path | None


@dataclass(frozen=True, slots=True)
class _Loaded:
    """Settings with what they came from, so that it can be told whether they still hold."""

    settings: Settings
    warnings: tuple[str, ...]
    asked: _Asked
    stamps: tuple[Path, Stamp, Stamp]
    """The project's root, and the times of its pyproject.toml and of the user's decisions on trust."""


class Configuration:
    """The settings that hold for a file. Everything but `load` answers from memory, at once."""

    def __init__(
        self, client: Client, folders: Folders, spawn: Spawn, environ: Mapping[str, str] | None = None
    ) -> None:
        self._client = client
        self._folders = folders
        self._spawn = spawn
        self._environ = os.environ if environ is None else environ
        self._given: dict[str, object] = {}
        self._pushed: dict[str, object] = {}
        self._pulled: dict[Path | None, dict[str, object]] = {}
        self._loaded: dict[Path, _Loaded] = {}
        self._loading: set[Path] = set()
        self._generation = 0
        self._answered = asyncio.Event()
        self._listeners: list[Listener] = []

    def learn(self, options: Table) -> None:
        """Take over the settings in `initializationOptions`: flat, or in a table of their own."""
        nested = {**as_table(options.get("settings")), **as_table(options.get(SECTION))}
        nested |= as_table(as_table(options.get("settings")).get(SECTION))
        self._given = _own({**options, **nested})

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    @property
    def trusted(self) -> bool | None:
        """What the editor knows of the workspace; None leaves it to what the user told flowmill.

        Only `initializationOptions` can say it: settings may come from the workspace itself.
        """
        trusted = self._client.flow.get("trusted")
        return trusted if isinstance(trusted, bool) else None

    # ------------------------------------------------------------------ from memory
    def editor_settings(self, path: Path) -> dict[str, object]:
        """What the editor says for this file, by camelCase name, without what is not set."""
        root = self._folders.root_of(path)
        folder = self._pulled.get(root, {}) if root is not None else {}
        table = {**self._given, **self._pushed, **self._pulled.get(None, {}), **folder}
        return {key: _placed(key, value, root) for key, value in table.items()}

    def settings(self, path: Path) -> Settings:
        """The settings for the file as last loaded; until then, and while they load, the editor's alone."""
        loaded = self._loaded.get(path.parent)
        if loaded is not None:
            return loaded.settings
        if path.parent not in self._loading:
            self._loading.add(path.parent)
            self._spawn(self._load_again([path]))
        return load_settings({}, self._environ, None, editor=self.editor_settings(path))[0]

    # ------------------------------------------------------------------ from the disk
    async def load(self, path: Path) -> Settings:
        """The settings for the file as they are on disk at this moment; read in a thread, told if bad."""
        while True:
            generation = self._generation
            loaded = await asyncio.to_thread(_load, self._ask_for(path), self._loaded.get(path.parent))
            if generation == self._generation:
                break  # else the editor changed its mind meanwhile
        self._loaded[path.parent] = loaded
        self.complain(loaded.warnings)
        return loaded.settings

    async def known(self) -> None:
        """Wait until the client has answered for the first time, as long as it is given to answer."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._answered.wait(), CLIENT_SECONDS)

    def _ask_for(self, path: Path) -> _Asked:
        root = self._folders.root_of(path)
        return _Asked(path.parent, self.editor_settings(path), self._environ, self.trusted, root)

    def complain(self, warnings: Iterable[str]) -> None:
        """Name each bad setting once; the engine's warnings too."""
        for warning in warnings:
            self._client.show_message(f"flowmill: {warning}", "warning", once=True)

    # ------------------------------------------------------------------ changes
    def pushed(self, settings: object) -> None:
        """Take over what `workspace/didChangeConfiguration` carries, which may be nothing."""
        if not isinstance(settings, Mapping):
            return
        table = as_table(cast("object", settings))
        # Some clients send what is below the section, and some send everything that they have.
        flat = {key: value for key, value in table.items() if snake(key) in BY_NAME}
        self._pushed = _own(as_table(table[SECTION]) if SECTION in table else flat)

    async def refresh(self) -> None:
        """Ask the client again, where it can be asked, and let everybody know."""
        self._generation += 1
        generation = self._generation
        pulled = await self._pull()
        if generation != self._generation:
            return  # a newer question is on its way
        self._pulled = pulled
        self._answered.set()
        self._generation += 1  # for loads that began while the client thought
        await self._reload()

    async def project_changed(self) -> None:
        """A pyproject.toml is another one now."""
        await self._reload()

    async def _reload(self) -> None:
        known = [folder / "_" for folder in self._loaded]
        await self._load_again(known)
        for listener in self._listeners:
            listener.changed()

    async def _load_again(self, paths: Sequence[Path]) -> None:
        for path in paths:
            try:
                await self.load(path)
            finally:
                self._loading.discard(path.parent)

    async def _pull(self) -> dict[Path | None, dict[str, object]]:
        """What the client answers, by folder and in general; what it answered before if it does not."""
        roots: tuple[Path | None, ...] = (None, *self._folders.roots)
        scopes = (None if root is None else self._folders.uri(root) for root in roots)
        items = [types.ConfigurationItem(scope_uri=scope, section=SECTION) for scope in scopes]
        params = types.ConfigurationParams(items)
        answer = await self._client.ask(types.WORKSPACE_CONFIGURATION, params, seconds=CLIENT_SECONDS)
        if not isinstance(answer, Sequence) or isinstance(answer, str):
            return self._pulled
        tables = [_own(as_table(item)) for item in cast("Sequence[object]", answer)]
        return dict(zip(roots, tables, strict=False))


def as_table(value: object) -> dict[str, object]:
    """The value with its keys as texts if it is a table, else {}."""
    if not isinstance(value, Mapping):
        return {}
    return {str(key): item for key, item in cast("Mapping[object, object]", value).items()}


def _own(table: Table) -> dict[str, object]:
    """The settings in the table that are set, each under its camelCase name; unknown keys stay, to be named."""
    found: dict[str, object] = {}
    for key, value in table.items():
        if key in NOT_SETTINGS or value is None or value == "":
            continue
        option = BY_NAME.get(snake(key))
        found[option.camel if option else key] = value
    return found


def _placed(key: str, value: object, root: Path | None) -> object:
    """A place that the user gave relative to the workspace folder, made absolute."""
    if root is None or snake(key) not in PLACES or not isinstance(value, str):
        return value
    text = value.replace("${workspaceFolder}", str(root))
    # A python without a slash is a command to be looked up, unless it is a folder of the project.
    named = key == "python" and "/" not in text and os.sep not in text
    return text if named or text.startswith("~") else str(root / text)


def _load(asked: _Asked, before: _Loaded | None) -> _Loaded:
    """In a thread: what the project and the editor say together."""
    root, problem = project_root(asked.editor, asked.folder / "_.py", asked.cwd)
    stamps = (root, _stamp(root / "pyproject.toml"), _stamp(trust_file()))
    if before is not None and before.stamps == stamps and before.asked == asked:
        return before
    settings, warnings = load_settings({}, asked.environ, root, editor=asked.editor, trusted=asked.trusted)
    problems = (problem,) if problem else ()
    return _Loaded(settings, (*problems, *warnings), asked, stamps)


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
