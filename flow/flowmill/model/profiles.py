"""What is publicly known about models, by name; servers that tell more are believed more."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlsplit

from flowmill.shapes import ModelProfile, Usage

ServerKind = Literal["unknown", "embedded", "llamacpp", "vllm", "ollama", "lmstudio", "openrouter", "hosted"]
"""What answers at an endpoint; "hosted" is OpenAI and whoever else is not run by the user."""

PREFILLING: frozenset[ServerKind] = frozenset({"embedded", "llamacpp", "vllm", "ollama"})
UNTOLD_CONTEXT: dict[ServerKind, int] = {"llamacpp": 4096, "ollama": 4096, "lmstudio": 4096}
"""What these servers load a model with by default, whatever it was trained for."""
REFLECTS_FROM = 7.0
"""Billions of parameters from which planning in prose helps more than it hurts."""
THINKING_REPLY = 8192
"""Answers of models whose hidden reasoning counts as part of the answer."""
_HOSTS: dict[str, ServerKind] = {
    "openrouter.ai": "openrouter",
    "api.openai.com": "hosted",
    "api.anthropic.com": "hosted",
    "api.deepseek.com": "hosted",
    "api.mistral.ai": "hosted",
    "api.groq.com": "hosted",
    "api.together.xyz": "hosted",
    "generativelanguage.googleapis.com": "hosted",
}


@dataclass(frozen=True, slots=True)
class _Family:
    """One row: a pattern of the name without folders and vendor; prices are (prompt, cached, completion)."""

    pattern: str
    context: int
    reflects: bool | None = None
    """None: by the number of parameters in the name."""
    reply: int = 1024
    temperature: float = 0.8
    top_p: float = 0.95
    prices: tuple[float, float | None, float] | None = None


# The first row that matches from the name's beginning counts. Prices in dollars per
# million tokens, only where the vendor's list has one stable price for that very name.
_FAMILIES: tuple[_Family, ...] = (
    _Family(r"qwen-?2\.5-coder", 32_768, None, 1024),
    _Family(r"qwen3-coder", 262_144, True, 2048, 0.7, 0.8),
    _Family(r"qwen3", 40_960, None, THINKING_REPLY, 0.6),
    _Family(r"qwen-?2\.5", 32_768),
    _Family(r"qwq", 131_072, True, THINKING_REPLY, 0.6),
    _Family(r"codeqwen", 65_536),
    _Family(r"gpt-4o-mini(?:-2024|$)", 128_000, True, 2048, prices=(0.15, 0.075, 0.60)),
    _Family(r"gpt-4o(?:-2024-08-06|-2024-11-20|$)", 128_000, True, 2048, prices=(2.50, 1.25, 10.0)),
    _Family(r"gpt-4o|chatgpt-4o", 128_000, True, 2048),
    _Family(r"gpt-4\.1-nano", 1_047_576, True, 2048, prices=(0.10, 0.025, 0.40)),
    _Family(r"gpt-4\.1-mini", 1_047_576, True, 2048, prices=(0.40, 0.10, 1.60)),
    _Family(r"gpt-4\.1", 1_047_576, True, 2048, prices=(2.0, 0.50, 8.0)),
    _Family(r"gpt-4-turbo", 128_000, True, 2048),
    _Family(r"gpt-4", 8192, True),
    _Family(r"gpt-3\.5", 16_385, True),
    _Family(r"gpt-5-chat", 128_000, True, 2048),
    _Family(r"gpt-5-nano", 400_000, True, THINKING_REPLY, 1.0, 1.0, (0.05, 0.005, 0.40)),
    _Family(r"gpt-5-mini", 400_000, True, THINKING_REPLY, 1.0, 1.0, (0.25, 0.025, 2.0)),
    _Family(r"gpt-5(?:-20\d\d|$)", 400_000, True, THINKING_REPLY, 1.0, 1.0, (1.25, 0.125, 10.0)),
    _Family(r"gpt-5", 400_000, True, THINKING_REPLY, 1.0, 1.0),
    _Family(r"gpt-oss", 131_072, True, THINKING_REPLY, 1.0, 1.0),
    _Family(r"o4-mini(?!-deep)", 200_000, True, THINKING_REPLY, 1.0, 1.0, (1.10, 0.275, 4.40)),
    _Family(r"o3-mini", 200_000, True, THINKING_REPLY, 1.0, 1.0, (1.10, 0.55, 4.40)),
    _Family(r"o1-(?:mini|preview)", 128_000, True, THINKING_REPLY, 1.0, 1.0),
    _Family(r"o[134](?![a-z0-9])", 200_000, True, THINKING_REPLY, 1.0, 1.0),
    _Family(r"claude-(?:sonnet-4|3-7-sonnet|3\.7-sonnet)", 200_000, True, 2048, prices=(3.0, 0.30, 15.0)),
    _Family(r"claude-haiku-4", 200_000, True, 2048, prices=(1.0, 0.10, 5.0)),
    _Family(r"claude", 200_000, True, 2048),
    _Family(r"gemini-2\.5", 1_048_576, True, THINKING_REPLY),
    _Family(r"gemini", 1_048_576, True, 4096),
    _Family(r"gemma-?3", 131_072),
    _Family(r"gemma", 8192),
    _Family(r"deepseek-reasoner", 65_536, True, THINKING_REPLY),
    _Family(r"deepseek-r1", 65_536, None, THINKING_REPLY, 0.6),
    _Family(r"deepseek-coder-v2", 131_072, True),
    _Family(r"deepseek-coder", 16_384),
    _Family(r"deepseek", 65_536, True, 2048),
    _Family(r"codellama|code-llama", 16_384),
    _Family(r"(?:meta-)?llama-?3\.[123]", 131_072),
    _Family(r"(?:meta-)?llama-?3", 8192),
    _Family(r"(?:meta-)?llama-?4", 131_072, True),
    _Family(r"codestral|devstral|mistral-(?:large|medium|small)", 32_768, True, 2048, 0.7),
    _Family(r"mi[sx]tral|ministral", 32_768, None, 1024, 0.7),
    _Family(r"phi-?4", 16_384),
    _Family(r"starcoder2", 16_384, False),
    _Family(r"granite", 8192),
)
_SIZE = re.compile(r"(?<![\w.])(?:\d+x)?(\d+(?:\.\d+)?)b(?![a-z0-9])")
_HOSTED_DEFAULT = _Family("", 16_384, True, 2048)
_DEFAULT = _Family("", 8192)


def profile_for(name: str, server: ServerKind = "unknown") -> ModelProfile:
    """What is known of a model by its name, on that kind of server; unknown names get careful values.

    The name may be a file's path or carry a vendor ("openai/gpt-4o", "qwen2.5-coder:7b").
    """
    short = _short(name)
    fallback = _HOSTED_DEFAULT if server in ("hosted", "openrouter") else _DEFAULT
    family = next((row for row in _FAMILIES if re.match(row.pattern, short)), fallback)
    reflects = family.reflects if family.reflects is not None else _billions(short) >= REFLECTS_FROM
    profile = ModelProfile(
        name=name,
        context=min(family.context, UNTOLD_CONTEXT.get(server, family.context)),
        reply=family.reply,
        reflects=reflects,
        prefills=server in PREFILLING,
        temperature=family.temperature,
        top_p=family.top_p,
    )
    # The lists are the vendors': elsewhere (and on the user's own machine) other prices hold.
    return priced(profile, *family.prices) if family.prices and server in ("hosted", "unknown") else profile


def priced(
    profile: ModelProfile, prompt: float | None, cached: float | None, completion: float | None
) -> ModelProfile:
    """The profile with these prices, in dollars per million tokens."""
    return replace(profile, price_prompt=prompt, price_cached=cached, price_completion=completion)


def cost(profile: ModelProfile, usage: Usage) -> float | None:
    """What a usage costs in dollars, None if the prices are not known.

    Cached tokens count at the full price where no price for them is known: never too little.
    """
    if profile.price_prompt is None or profile.price_completion is None:
        return None
    cached_price = profile.price_prompt if profile.price_cached is None else profile.price_cached
    cached = min(usage.cached, usage.prompt)
    fresh = usage.prompt - cached
    total = fresh * profile.price_prompt + cached * cached_price + usage.completion * profile.price_completion
    return total / 1_000_000


def server_by_host(base_url: str) -> ServerKind:
    """The kind of server that an endpoint's host gives away; "unknown" for all others."""
    host = urlsplit(base_url).hostname or ""
    for known, kind in _HOSTS.items():
        if host == known or host.endswith(f".{known}"):
            return kind
    return "unknown"


def is_reasoning(name: str) -> bool:
    """Is this one of OpenAI's reasoning models, which take no sampling parameters?"""
    return re.match(r"o[134](?![a-z0-9])|gpt-5(?!-chat)", _short(name)) is not None


def _short(name: str) -> str:
    return re.split(r"[/\\]", name.strip().lower())[-1]


def _billions(short: str) -> float:
    sizes = [float(size) for size in _SIZE.findall(short)]
    return max(sizes, default=0.0)
