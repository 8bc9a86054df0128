"""Workspace folders that come and go."""

from __future__ import annotations

from lsprotocol import types

from flowmill_server.server import FlowServer


async def settle(server: FlowServer) -> None:
    """Learn the folders' real places, then the settings for each of them."""
    await server.folders.settle()
    await server.configuration.refresh()


def register(server: FlowServer) -> None:
    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def did_change_workspace_folders(params: types.DidChangeWorkspaceFoldersParams) -> None:
        server.folders.change(params.event)
        server.spawn(settle(server))
