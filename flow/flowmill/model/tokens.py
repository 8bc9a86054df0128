"""A plain guess at token counts, for servers that do not tell."""

from __future__ import annotations

from flowmill.shapes import Prompt, Usage

CHARACTERS_PER_TOKEN = 3.5
"""Code in the tokenizers of today's models: 3.2 to 4.2 characters."""
PER_MESSAGE = 4


def estimate_tokens(text: str) -> int:
    """About how many tokens a text has; 0 only for the empty text."""
    return -int(-len(text) // CHARACTERS_PER_TOKEN)


def estimate_prompt(prompt: Prompt) -> int:
    """About how many tokens a prompt has, with the marks around its messages and the prefill."""
    if prompt.raw:
        return estimate_tokens(prompt.raw)
    return estimate_tokens(prompt.prefill) + sum(
        estimate_tokens(message.text) + PER_MESSAGE for message in prompt.messages
    )


def estimate_usage(prompt: Prompt, answer: str) -> Usage:
    return Usage(prompt=estimate_prompt(prompt), completion=estimate_tokens(answer))
