"""The settings of the editor: asked for when it is ready, and again whenever they change."""

from __future__ import annotations

from lsprotocol import types

from flowmill_server.configuration import SECTION
from flowmill_server.server import FlowServer


async def start(server: FlowServer) -> None:
    """Once the client is initialized: ask to be told of changes. For the settings, `folders` asks."""
    if server.client.dynamic_configuration:
        options = types.DidChangeConfigurationRegistrationOptions(section=SECTION)
        await server.client.register(types.WORKSPACE_DID_CHANGE_CONFIGURATION, options)


def register(server: FlowServer) -> None:
    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    def did_change_configuration(params: types.DidChangeConfigurationParams) -> None:
        server.configuration.pushed(params.settings)
        server.outcomes.roots.doubt()
        server.spawn(server.configuration.refresh())
