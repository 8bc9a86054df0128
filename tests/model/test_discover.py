"""Discovering what a server runs, with the answers that each kind of server gives."""

from __future__ import annotations

import socket

import pytest

from doubles.openai_server import FakeOpenAI, Reply
from flowmill.errors import ModelError
from flowmill.model.client import discover, discover_server
from flowmill.model.discover import understood
from flowmill.model.profiles import profile_for

NAME = "qwen2.5-coder-7b"
Pages = dict[str, object]
ONE: Pages = {"/v1/models": {"data": [{"id": NAME}]}}

LLAMA_CPP: Pages = {
    "/v1/models": {"data": [{"id": NAME, "owned_by": "llamacpp", "meta": {"n_ctx_train": 32768}}]},
    "/props": {"default_generation_settings": {"n_ctx": 6144}, "total_slots": 2, "model_path": "x.gguf"},
}
VLLM: Pages = {"/v1/models": {"data": [{"id": NAME, "owned_by": "vllm", "max_model_len": 16384}]}}
OLLAMA: Pages = {
    "/v1/models": {"data": [{"id": NAME, "owned_by": "library"}]},
    "/api/show": {
        "modelfile": "FROM x",
        "parameters": 'stop "<|im_end|>"\nnum_ctx                        12288',
        "model_info": {"qwen2.context_length": 32768},
    },
    "/api/ps": {"models": []},
}
OLLAMA_DEFAULT: Pages = {**OLLAMA, "/api/show": {"model_info": {"qwen2.context_length": 32768}}}
OLLAMA_LOADED: Pages = {**OLLAMA, "/api/ps": {"models": [{"name": f"{NAME}:latest", "context_length": 9000}]}}
STUDIO: Pages = {
    **ONE,
    "/api/v0/models": {"data": [{"id": NAME, "max_context_length": 32768, "loaded_context_length": 7000}]},
    "/props": {"error": "Unexpected endpoint or method. (GET /props)"},
    "/api/show": {"error": "Unexpected endpoint or method."},
}
OTHER: Pages = {"/v1/models": {"data": [{"id": NAME, "context_window": 24000}]}}


@pytest.mark.parametrize(
    ("pages", "server", "context", "prefills"),
    [
        pytest.param(LLAMA_CPP, "llamacpp", 6144, True, id="llama.cpp"),
        pytest.param(VLLM, "vllm", 16384, True, id="vllm"),
        pytest.param(OLLAMA, "ollama", 12288, True, id="ollama"),
        pytest.param(OLLAMA_DEFAULT, "ollama", 4096, True, id="ollama-default"),
        pytest.param(OLLAMA_LOADED, "ollama", 9000, True, id="ollama-loaded"),
        pytest.param(STUDIO, "lmstudio", 7000, False, id="lm-studio"),
        pytest.param(OTHER, "unknown", 24000, False, id="other"),
        pytest.param({}, "unknown", 32768, False, id="tells-nothing"),
        pytest.param(
            {"/props": [1], "/v1/models": "x", "/api/show": None}, "unknown", 32768, False, id="garbage"
        ),
    ],
)
async def test_each_kind_of_server(pages: Pages, server: str, context: int, prefills: bool) -> None:
    async with FakeOpenAI(pages=pages) as fake:
        # Generous, so that a busy machine changes nothing: every question is answered at once.
        found = await discover_server(fake.base_url, "key", NAME, seconds=20)
    assert (found.server, found.profile.context, found.profile.prefills) == (server, context, prefills)
    assert found.profile.name == NAME
    assert found.profile.reflects


def test_openrouter_tells_context_and_prices() -> None:
    entry = {
        "id": "vendor/model-x",
        "context_length": 200_000,
        "pricing": {"prompt": "0.000003", "completion": "0.000015", "input_cache_read": "0.0000003"},
        "top_provider": {"context_length": 100_000, "max_completion_tokens": 1500},
    }
    told = {"models": {"data": [entry, {"id": "vendor/other"}]}}
    profile = understood("vendor/model-x", "openrouter", told).profile
    assert (profile.context, profile.reply) == (100_000, 1500)
    assert profile.price_prompt == pytest.approx(3.0)  # pyright: ignore[reportUnknownMemberType]
    assert profile.price_cached == pytest.approx(0.3)  # pyright: ignore[reportUnknownMemberType]
    assert profile.price_completion == pytest.approx(15.0)  # pyright: ignore[reportUnknownMemberType]


def test_the_answer_fits_into_a_small_context() -> None:
    told = {"props": {"default_generation_settings": {"n_ctx": 1000}}}
    assert understood(NAME, "unknown", told).profile.reply == 500


async def test_the_only_model_is_taken_without_asking() -> None:
    async with FakeOpenAI(pages=ONE) as fake:
        assert (await discover(fake.base_url, "")).name == NAME


async def test_several_models_are_named() -> None:
    pages = {"/v1/models": {"data": [{"id": "a"}, {"id": "b"}]}}
    async with FakeOpenAI(pages=pages) as fake:
        with pytest.raises(ModelError, match="has 2 models, choose one with --model: a, b"):
            await discover(fake.base_url, "")


async def test_no_model_at_all() -> None:
    async with FakeOpenAI(pages={"/v1/models": {"data": []}}) as fake:
        with pytest.raises(ModelError, match="lists no model"):
            await discover(fake.base_url, "")


async def test_a_refused_key_is_said_when_the_name_is_needed() -> None:
    async with FakeOpenAI(pages={"/v1/models": Reply(status=401, body="{}")}) as fake:
        with pytest.raises(ModelError, match=r"refused the key \(401\)"):
            await discover(fake.base_url, "sk-wrong-wrong-wrong")


async def test_an_unreachable_server_leaves_a_named_model_to_the_table() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        assert await discover(url, "", NAME) == profile_for(NAME)
        with pytest.raises(ModelError, match="no server answers"):
            await discover(url, "")


async def test_a_silent_server_costs_no_more_than_the_time_given() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        assert await discover(url, "", NAME, seconds=0.05) == profile_for(NAME)


async def test_a_hosted_service_is_not_probed() -> None:
    found = await discover_server("https://api.openai.com/v1", "key", "gpt-4o")
    assert (found.server, found.profile.context) == ("hosted", 128_000)
