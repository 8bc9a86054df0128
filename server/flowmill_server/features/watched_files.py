"""Files that change on disk and say something about the project: its pyproject.toml, and its tests."""

from __future__ import annotations

from lsprotocol import types

from flowmill_server.server import FlowServer
from flowmill_server.text.uris import path_of

NAME = "pyproject.toml"
TESTS = ("**/test_*.py", "**/*_test.py", "**/conftest.py")
WATCHED = types.DidChangeWatchedFilesRegistrationOptions(
    [types.FileSystemWatcher(pattern) for pattern in (f"**/{NAME}", *TESTS)]
)


async def start(server: FlowServer) -> None:
    """Ask a client that watches files to tell of ours; without one, each run looks at them by itself."""
    if server.client.watched_files:
        await server.client.register(types.WORKSPACE_DID_CHANGE_WATCHED_FILES, WATCHED)


def register(server: FlowServer) -> None:
    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def did_change_watched_files(params: types.DidChangeWatchedFilesParams) -> None:
        if any(change.uri.endswith(f"/{NAME}") for change in params.changes):
            server.outcomes.roots.doubt()
            server.spawn(server.configuration.project_changed())
        for change in params.changes:
            path = path_of(change.uri)
            if path is not None and path.suffix == ".py":
                server.outcomes.test_file_changed(path)
