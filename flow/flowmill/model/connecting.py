"""Opens the model that an endpoint means: the embedded one is started if it does not run yet."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from flowmill.endpoint import Endpoint
from flowmill.model.client import OpenAIModel, discover_server
from flowmill.model.embedded import catalogue
from flowmill.model.embedded.launch import EmbeddedServer, connect
from flowmill.model.embedded.profile import embedded_profile
from flowmill.paths import cache_dir
from flowmill.protocols import Model
from flowmill.shapes import AnswerPiece, ModelProfile, Prompt


class EmbeddedModel:
    """The model on the user's own machine; closing it lets the server go."""

    def __init__(self, inner: OpenAIModel, server: EmbeddedServer) -> None:
        self._inner = inner
        self._server = server

    @property
    def profile(self) -> ModelProfile:
        return self._inner.profile

    async def stream(self, prompt: Prompt) -> AsyncGenerator[AnswerPiece, None]:
        async with aclosing(self._inner.stream(prompt)) as pieces:
            async for piece in pieces:
                yield piece

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            await self._server.aclose()


async def connect_to(endpoint: Endpoint, seconds_left: Callable[[], float]) -> Model:
    """The endpoint's model, its profile as the server tells it. Raises `ModelError`."""
    if endpoint.base_url is None:
        return await _embedded(endpoint, seconds_left)
    found = await discover_server(endpoint.base_url, endpoint.api_key or "", endpoint.model or "")
    return OpenAIModel(
        endpoint.base_url,
        endpoint.api_key or "",
        found.profile,
        server=found.server,
        seconds_left=seconds_left,
    )


async def _embedded(endpoint: Endpoint, seconds_left: Callable[[], float]) -> Model:
    weights = catalogue.find(endpoint.model) if endpoint.model else catalogue.default_model()
    server = await connect(weights, cache_dir())
    profile = replace(embedded_profile(weights.name, server.width), context=server.context)
    model = OpenAIModel(
        server.base_url, server.api_key, profile, server="embedded", seconds_left=seconds_left
    )
    return EmbeddedModel(model, server)
