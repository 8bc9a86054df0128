"""What the table says of models by name."""

from __future__ import annotations

import pytest

from flowmill.model.profiles import ServerKind, cost, is_reasoning, profile_for, server_by_host
from flowmill.shapes import ModelProfile, Usage


@pytest.mark.parametrize(
    ("name", "reflects"),
    [
        ("qwen2.5-coder-0.5b", False),
        ("qwen2.5-coder:1.5b", False),
        ("Qwen/Qwen2.5-Coder-3B-Instruct", False),
        ("/models/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf", False),
        ("qwen2.5-coder-7b", True),
        ("qwen/qwen-2.5-coder-32b-instruct", True),
        ("qwen3-coder-30b-a3b-instruct", True),
        ("qwen3:4b", False),
        ("llama3.2:3b", False),
        ("meta-llama/Llama-3.1-8B-Instruct", True),
        ("mixtral-8x7b", True),
        ("deepseek-r1-distill-qwen-1.5b", False),
        ("deepseek-reasoner", True),
        ("gpt-4o", True),
        ("o3", True),
        ("anthropic/claude-sonnet-4", True),
        ("gemini-2.5-pro", True),
        ("nobody-knows-it", False),
        ("nobody-knows-it-70b", True),
    ],
)
def test_only_large_models_reflect(name: str, reflects: bool) -> None:
    assert profile_for(name).reflects is reflects


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("qwen2.5-coder-1.5b", 32_768),
        ("gpt-4o-2024-08-06", 128_000),
        ("gpt-4.1-mini", 1_047_576),
        ("gpt-4-0613", 8192),
        ("gpt-5.1", 400_000),
        ("o3-mini", 200_000),
        ("llama-3.3-70b", 131_072),
        ("nobody-knows-it", 8192),
    ],
)
def test_contexts(name: str, context: int) -> None:
    assert profile_for(name).context == context


def test_local_servers_load_less_than_the_model_was_trained_for() -> None:
    assert profile_for("qwen2.5-coder:7b", "ollama").context == 4096
    assert profile_for("qwen2.5-coder-7b", "vllm").context == 32_768


@pytest.mark.parametrize(
    ("server", "prefills"),
    [
        ("embedded", True),
        ("llamacpp", True),
        ("vllm", True),
        ("ollama", True),
        ("hosted", False),
        ("unknown", False),
    ],
)
def test_prefills_is_the_servers_matter(server: ServerKind, prefills: bool) -> None:
    assert profile_for("qwen2.5-coder-7b", server).prefills is prefills


def test_an_unknown_hosted_model_is_taken_for_a_large_one() -> None:
    assert profile_for("brand-new-model", "hosted").reflects


def test_cost_counts_cached_tokens_at_their_own_price() -> None:
    profile = profile_for("gpt-4o", "hosted")
    usage = Usage(prompt=1_000_000, cached=400_000, completion=100_000)
    assert cost(profile, usage) == pytest.approx(0.6 * 2.5 + 0.4 * 1.25 + 0.1 * 10)  # pyright: ignore[reportUnknownMemberType]


def test_cost_without_a_cached_price_is_never_too_little() -> None:
    profile = ModelProfile("m", price_prompt=1.0, price_completion=2.0)
    assert cost(profile, Usage(1_000_000, 900_000, 0)) == 1.0


@pytest.mark.parametrize("name", ["gpt-4o-2024-05-13", "gpt-4o-audio-preview", "qwen2.5-coder-7b", "gpt-5.9"])
def test_no_price_is_invented(name: str) -> None:
    assert cost(profile_for(name), Usage(1, 0, 1)) is None


def test_the_users_own_server_costs_nothing_known() -> None:
    assert cost(profile_for("gpt-4o", "vllm"), Usage(1, 0, 1)) is None


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://api.openai.com/v1", "hosted"),
        ("https://openrouter.ai/api/v1", "openrouter"),
        ("https://notopenrouter.ai/api/v1", "unknown"),
        ("http://127.0.0.1:8080/v1", "unknown"),
    ],
)
def test_hosts(url: str, kind: ServerKind) -> None:
    assert server_by_host(url) == kind


@pytest.mark.parametrize(
    ("name", "reasons"), [("o1", True), ("gpt-5-mini", True), ("gpt-5-chat", False), ("olmo", False)]
)
def test_reasoning_models(name: str, reasons: bool) -> None:
    assert is_reasoning(name) is reasons
