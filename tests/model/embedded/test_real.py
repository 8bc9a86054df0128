"""The real engine with the small model, where its weights are already in the cache; nothing is downloaded."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import openai
import pytest

from flowmill.model.embedded.catalogue import SMALL
from flowmill.model.embedded.launch import EmbeddedServer, connect
from flowmill.model.embedded.weights import installed
from flowmill.paths import cache_dir

pytestmark = pytest.mark.skipif(
    installed(SMALL) is None, reason=f"{SMALL.name} is not in the cache: flowmill model pull {SMALL.alias}"
)


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedServer]:
    async with await connect(SMALL, cache_dir()) as server:
        yield server


async def test_answers_continues_and_stops(server: EmbeddedServer) -> None:
    async with openai.AsyncOpenAI(base_url=server.base_url, api_key=server.api_key) as client:
        assert [model.id async for model in client.models.list()] == [SMALL.name]
        stream = await client.chat.completions.create(
            model=SMALL.name,
            messages=[
                {"role": "user", "content": "Write a Python function add(a, b) that returns their sum."},
                {"role": "assistant", "content": "```python\ndef add(a, b):"},
            ],
            max_tokens=24,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
        pieces = [chunk async for chunk in stream]
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert "a + b" in text
    assert not text.startswith("```")
    usage = pieces[-1].usage
    assert usage
    assert usage.prompt_tokens > 20
    assert server.context == 8192


async def test_closing_a_stream_frees_the_slot_while_it_still_reads_the_prompt(
    server: EmbeddedServer,
) -> None:
    async with openai.AsyncOpenAI(base_url=server.base_url, api_key=server.api_key) as client:
        prompt = f"{time.monotonic()} " + " ".join(f"w{n}" for n in range(600))
        stream = await client.chat.completions.create(
            model=SMALL.name,
            messages=[{"role": "user", "content": prompt}],
            stream=True,
            extra_body={"return_progress": True},
        )
        await anext(aiter(stream))
        await stream.close()
        closed = time.monotonic()
        while any(slot["is_processing"] for slot in await _slots(client)):
            assert time.monotonic() - closed < 15
        assert time.monotonic() - closed < 15


async def _slots(client: openai.AsyncOpenAI) -> list[dict[str, bool]]:
    root = str(client.base_url).removesuffix("v1/")
    return await client.get(f"{root}slots", cast_to=list[dict[str, bool]])
