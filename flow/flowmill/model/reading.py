"""What one piece of a streamed answer says, from any of the dialects in use."""

from __future__ import annotations

from dataclasses import dataclass

from flowmill.model.loose import entries, mapping, text, whole
from flowmill.shapes import FinishReason, Usage

_FINISH: dict[str, FinishReason] = {"length": "length", "max_tokens": "length", "content_filter": "filter"}


@dataclass(frozen=True, slots=True)
class Heard:
    """A piece of the answer; `failed` if the server gave up (OpenRouter's finish reason "error")."""

    text: str = ""
    finish: FinishReason | None = None
    usage: Usage | None = None
    failed: bool = False


def heard(chunk: object) -> Heard:
    """Read a chunk of a stream, or a whole completion of a server that does not stream."""
    chunk = mapping(chunk)
    choices = entries(chunk.get("choices"))
    choice = mapping(choices[0]) if choices else {}
    said = mapping(choice.get("delta")) or mapping(choice.get("message"))
    reason = text(choice.get("finish_reason"))
    words = _content(said.get("content")) or text(choice.get("text"))
    refused = bool(text(said.get("refusal")))
    return Heard(
        text=words,
        finish=_finish(reason, refused),
        usage=_usage(chunk),
        failed=reason == "error",
    )


def _content(content: object) -> str:
    """A text, or Mistral's list of parts of which the reasoning is none of ours."""
    parts = (mapping(part) for part in entries(content))
    return text(content) or "".join(text(part.get("text")) for part in parts if part.get("type") == "text")


def _finish(reason: str, refused: bool) -> FinishReason | None:
    if refused:
        return "filter"
    return _FINISH.get(reason, "stop") if reason else None


def _usage(chunk: dict[str, object]) -> Usage | None:
    usage = mapping(chunk.get("usage"))
    if not usage:
        return None
    details = mapping(usage.get("prompt_tokens_details"))
    cached = whole(details.get("cached_tokens"))
    if cached is None:  # DeepSeek, Anthropic behind a proxy, older llama.cpp
        elsewhere = (usage.get("prompt_cache_hit_tokens"), usage.get("cache_read_input_tokens"))
        counts = (whole(value) for value in (*elsewhere, mapping(chunk.get("timings")).get("cache_n")))
        cached = next((count for count in counts if count is not None), 0)
    return Usage(
        prompt=whole(usage.get("prompt_tokens")) or 0,
        cached=cached,
        completion=whole(usage.get("completion_tokens")) or 0,
    )
