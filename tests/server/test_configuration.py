from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from doubles.editor import EditorOf
from doubles.editor_profile import read_profile
from flowmill.settings import Settings
from flowmill_server.client import Client
from flowmill_server.configuration import Configuration
from flowmill_server.workspace import Folders


class Wire:
    """Answers `workspace/configuration` when the test says so, and keeps the notifications."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.asked: list[tuple[types.ConfigurationParams, asyncio.Future[Any]]] = []

    def notify(self, method: str, params: Any = None) -> None:
        self.told.append((method, params))

    def send_request_async(self, method: str, params: Any = None) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.asked.append((params, future))
        return future

    @property
    def lines(self) -> list[str]:
        return [params.message for method, params in self.told if method == "window/showMessage"]


class Made:
    """A configuration with its folders, and a client that is VS Code unless told otherwise."""

    def __init__(
        self,
        *roots: Path,
        options: object = None,
        profile: str = "vscode",
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.wire = Wire()
        self.changes = 0
        self._tasks: list[asyncio.Task[None]] = []
        folders = [types.WorkspaceFolder(root.as_uri(), root.name) for root in roots]
        params = types.InitializeParams(read_profile(profile).capabilities, workspace_folders=folders)
        params.initialization_options = options  # type: ignore[assignment]
        client = Client(self.wire)
        client.learn(params)
        self.folders = Folders()
        self.folders.learn(params)
        self.of = Configuration(client, self.folders, self.spawn, environ or {})
        self.of.learn(client.options)
        self.of.listen(self)

    def changed(self) -> None:
        self.changes += 1

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.ensure_future(work))

    async def settle(self) -> None:
        await asyncio.gather(*self._tasks)

    async def refresh(self, *answers: object) -> None:
        """Ask again, and answer: in general, and for each folder."""
        work = asyncio.ensure_future(self.of.refresh())
        await asyncio.sleep(0)
        self.wire.asked[-1][1].set_result(answers)
        await work


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "pyproject.toml").write_text('[tool.flowmill]\nmax-calls = 7\nstrategy = "sample"\n')
    return tmp_path / "shop"


# ------------------------------------------------------------------ the editor's layers
@pytest.mark.parametrize(
    "options",
    [
        {"flow": {"events": True}, "maxSeconds": 30, "allowUnverified": True},
        {"settings": {"maxSeconds": 30, "allowUnverified": True}},
        {"flowmill": {"maxSeconds": 30, "allowUnverified": True}},
        {"settings": {"flowmill": {"maxSeconds": 30, "allow-unverified": True}}},
        {
            "max_seconds": 30,
            "allow_unverified": True,
            "model": None,
            "baseUrl": "",
            "trace": {"server": "off"},
        },
    ],
)
def test_options_flat_or_nested(options: object, root: Path) -> None:
    made = Made(root, options=options)
    assert made.of.editor_settings(root / "a.py") == {"maxSeconds": 30, "allowUnverified": True}


@pytest.mark.parametrize("options", [None, [], "text", {"flow": "on"}, {"settings": [1]}, {"flowmill": None}])
async def test_odd_options_set_nothing(options: object, root: Path) -> None:
    made = Made(root, options=options)
    assert made.of.editor_settings(root / "a.py") == {}
    assert (await made.of.load(root / "a.py")).max_calls == 7
    assert made.wire.lines == []


async def test_later_layers_go_before_earlier_ones(root: Path) -> None:
    other = root.parent / "other"
    made = Made(root, other, options={"model": "options", "seed": 1, "maxCalls": 1, "maxTokens": 1})
    made.of.pushed({"flowmill": {"model": "pushed", "seed": 2, "maxCalls": 2}})
    await made.refresh({"model": "pulled", "seed": 3}, {"model": "folder"}, None)
    (asked, _) = made.wire.asked[-1]
    assert [(item.scope_uri, item.section) for item in asked.items] == [
        (None, "flowmill"),
        (root.as_uri(), "flowmill"),
        (other.as_uri(), "flowmill"),
    ]
    both = {"maxCalls": 2, "maxTokens": 1, "seed": 3}
    assert made.of.editor_settings(root / "a.py") == both | {"model": "folder"}
    assert made.of.editor_settings(other / "a.py") == both | {"model": "pulled"}
    assert made.of.editor_settings(root.parent / "a.py") == both | {"model": "pulled"}


async def test_nothing_set_is_not_set(root: Path) -> None:
    made = Made(root, options={"model": "options", "tests": ["a"]})
    await made.refresh({"model": None, "tests": ""}, {"maxSeconds": None})
    assert made.of.editor_settings(root / "a.py") == {"model": "options", "tests": ["a"]}


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"flowmill": {"seed": 4}}, {"seed": 4}),
        ({"seed": 4, "editor.fontSize": 12}, {"seed": 4}),  # everything that the client has
        ({"flowmill": {}}, {}),
        ({"flowmill": None}, {}),
        ({}, {}),
        (None, {"seed": 1}),  # ask me
        ([], {"seed": 1}),
        ("text", {"seed": 1}),
    ],
)
def test_what_is_pushed_replaces_what_was_pushed(settings: object, found: object, root: Path) -> None:
    made = Made(root, profile="kate")
    made.of.pushed({"flowmill": {"seed": 1}})
    made.of.pushed(settings)
    assert made.of.editor_settings(root / "a.py") == found


async def test_a_client_that_does_not_answer_keeps_what_it_said(root: Path) -> None:
    made = Made(root)
    await made.refresh({"seed": 3}, None)
    work = asyncio.ensure_future(made.of.refresh())
    await asyncio.sleep(0)
    made.wire.asked[-1][1].set_exception(ValueError("no"))
    await work
    assert made.of.editor_settings(root / "a.py") == {"seed": 3}
    await made.refresh("not a list")
    await made.refresh()
    assert made.changes == 4


async def test_only_the_last_of_many_answers_counts(root: Path) -> None:
    made = Made(root)
    works = [asyncio.ensure_future(made.of.refresh()) for _ in range(3)]
    await asyncio.sleep(0)
    for place, seed in ((2, 2), (0, 0), (1, 1)):
        made.wire.asked[place][1].set_result([{"seed": seed}, None])
        await works[place]
    assert made.of.editor_settings(root / "a.py") == {"seed": 2}
    assert made.changes == 1


async def test_a_client_that_cannot_be_asked_is_not(root: Path) -> None:
    made = Made(root, profile="kate", options={"seed": 5})
    await made.of.refresh()
    await made.of.known()
    assert (made.wire.asked, made.changes) == ([], 1)
    assert made.of.editor_settings(root / "a.py") == {"seed": 5}


@pytest.mark.parametrize(
    ("name", "value", "placed"),
    [
        ("python", ".venv/bin/python", "{root}/.venv/bin/python"),
        ("python", "${workspaceFolder}/.venv", "{root}/.venv"),
        ("python", "python3.12", "python3.12"),
        ("python", "/usr/bin/python3", "/usr/bin/python3"),
        ("python", "~/env/bin/python", "~/env/bin/python"),
        ("project", "backend", "{root}/backend"),
        ("project", "${workspaceFolder}", "{root}"),
        ("logFile", "logs/flow.log", "{root}/logs/flow.log"),
        ("python", 3, 3),
        ("model", "a/b", "a/b"),
    ],
)
def test_places_are_those_of_the_folder(name: str, value: object, placed: object, root: Path) -> None:
    made = Made(root, options={name: value})
    expected = placed.format(root=root) if isinstance(placed, str) else placed
    assert made.of.editor_settings(root / "a.py") == {name: expected}
    assert made.of.editor_settings(root.parent / "a.py") == {name: value}


# ------------------------------------------------------------------ the settings of a project
async def test_editor_before_environment_before_project(root: Path) -> None:
    made = Made(root, options={"maxCalls": 3}, environ={"FLOWMILL_MODEL": "mine"})
    found = await made.of.load(root / "pkg" / "a.py")
    assert (found.max_calls, found.model, found.strategy, found.max_seconds) == (3, "mine", "sample", 120.0)
    assert found.sources["strategy"] == "[tool.flowmill]"


async def test_until_they_are_loaded_the_editors_settings_hold(root: Path) -> None:
    made = Made(root, options={"watch": True})
    first = made.of.settings(root / "a.py")
    assert (first.watch, first.max_calls) == (True, Settings().max_calls)
    made.of.settings(root / "b.py")  # asks for nothing more
    assert len(made._tasks) == 1
    await made.settle()
    assert made.of.settings(root / "a.py").max_calls == 7
    assert made.of.settings(root / "b.py").watch is True


async def test_a_changed_pyproject_counts_at_the_next_load(root: Path) -> None:
    made = Made(root)
    before = await made.of.load(root / "a.py")
    assert await made.of.load(root / "a.py") is before
    (root / "pyproject.toml").write_text("[tool.flowmill]\nmax-calls = 11\n")
    assert made.of.settings(root / "a.py").max_calls == 7
    assert (await made.of.load(root / "a.py")).max_calls == 11


async def test_a_pyproject_that_the_client_watches_counts_at_once(root: Path) -> None:
    made = Made(root)
    await made.of.load(root / "a.py")
    (root / "pyproject.toml").unlink()
    await made.of.project_changed()
    assert (made.of.settings(root / "a.py").max_calls, made.changes) == (Settings().max_calls, 1)


async def test_a_change_of_the_editors_settings_counts_at_once(root: Path) -> None:
    made = Made(root)
    await made.of.load(root / "a.py")
    await made.refresh({"watch": True}, {"autoRepair": True})
    found = made.of.settings(root / "a.py")
    assert (found.watch, found.auto_repair, found.max_calls, made.changes) == (True, True, 7, 1)


async def test_settings_that_change_while_they_are_read_are_read_again(root: Path) -> None:
    made = Made(root)
    loading = asyncio.ensure_future(made.of.load(root / "a.py"))
    await asyncio.sleep(0)  # it reads the disk by now
    await made.refresh({"seed": 9}, None)
    assert (await loading).seed == 9
    assert made.of.settings(root / "a.py").seed == 9


async def test_the_projects_folder_may_be_given(root: Path) -> None:
    (root / "backend").mkdir()
    (root / "backend" / "pyproject.toml").write_text("[tool.flowmill]\nmax-calls = 13\n")
    made = Made(root, options={"project": "backend"})
    assert (await made.of.load(root / "backend" / "a.py")).max_calls == 13
    assert made.wire.lines == []
    # A file that is not in it has the project that it would have had.
    assert (await made.of.load(root / "a.py")).max_calls == 7
    (line,) = made.wire.lines
    assert line.startswith("flowmill: the editor's settings: project: ")
    assert f"not all that is open here is in {root / 'backend'}; for the rest" in line


async def test_the_real_server_hears_of_a_changed_pyproject(editor: EditorOf, project: Path) -> None:
    watching = await editor("helix")
    await watching.until(lambda: "workspace/didChangeWatchedFiles" in watching.seen.registered, "the watch")
    (project / "pyproject.toml").write_text('[tool.flowmill]\nseed = "low"\n')
    uri, kind = (project / "pyproject.toml").as_uri(), types.FileChangeType.Created
    watching.notify(
        types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
        types.DidChangeWatchedFilesParams([types.FileEvent(uri, kind)]),
    )
    line = "flowmill: [tool.flowmill]: seed = 'low' must be a whole number, 0 or more; the default is used"
    await watching.until(lambda: line in watching.seen.texts(), "the line on the seed")


async def test_an_editor_that_never_answers_still_has_its_actions(editor: EditorOf) -> None:
    silent = await editor("sublime", silent=True)
    buffer = silent.open("calc.py")
    assert [action.title for action in await silent.code_actions(buffer, "def add")] == ["Generate with flow"]


# ------------------------------------------------------------------ what is wrong with them
async def test_each_bad_value_is_named_once_with_its_default(root: Path) -> None:
    (root / "pyproject.toml").write_text(
        '[tool.flowmill]\nmax-calls = "many"\nbase-url = "http://x.example/v1"\n'
    )
    made = Made(root, options={"maxSeconds": -1, "stratgy": "flow", "tests": [3]})
    for name in ("a.py", "b.py", "pkg/c.py"):
        found = await made.of.load(root / name)
        assert (found.max_seconds, found.max_calls, found.tests, found.base_url) == (120.0, 40, (), None)
    assert made.wire.lines == [
        "flowmill: the editor's settings: maxSeconds = -1 must be a number of seconds above 0; the default is used",
        "flowmill: the editor's settings: stratgy is no setting; did you mean strategy?",
        "flowmill: the editor's settings: tests = [3] must be a list of pytest node ids; the default is used",
        "flowmill: [tool.flowmill] base-url is ignored: the project is not trusted with it; to allow it: "
        f"flowmill doctor --trust --project {root}",
        "flowmill: [tool.flowmill]: max-calls = 'many' must be a whole number, 1 or more; the default is used",
    ]


async def test_a_broken_pyproject_is_named(root: Path) -> None:
    (root / "pyproject.toml").write_text("[tool")
    made = Made(root)
    assert (await made.of.load(root / "a.py")).max_calls == Settings().max_calls
    (line,) = made.wire.lines
    assert "is not valid TOML" in line


@pytest.mark.parametrize(
    ("options", "trusted", "sandbox"),
    [
        ({"flow": {"trusted": True}}, True, "off"),
        ({"flow": {"trusted": False}}, False, "auto"),
        ({"flow": {"trusted": "yes"}}, None, "auto"),
        ({"settings": {"flow": {"trusted": True}}}, None, "auto"),
        (None, None, "auto"),
    ],
)
async def test_only_the_options_say_that_a_workspace_is_trusted(
    options: object, trusted: bool | None, sandbox: str, root: Path
) -> None:
    (root / "pyproject.toml").write_text('[tool.flowmill]\nsandbox = "off"\n')
    made = Made(root, options=options)
    await made.refresh({"flow": {"trusted": True}}, {"flow": {"trusted": True}})
    assert made.of.trusted is trusted
    assert (await made.of.load(root / "a.py")).sandbox == sandbox
