"""What an embedded model is worth on a CPU: short prompts, short replies."""

from __future__ import annotations

from dataclasses import replace

from flowmill.model.profiles import profile_for
from flowmill.shapes import ModelProfile

PROMPT, PROMPT_READ_FAST = 2500, 4000
"""Prompt tokens that two cores read in 45 seconds (llama.cpp) and in 16 (OpenVINO), once a run: later calls
find them cached."""
REPLY = 700


def embedded_profile(name: str, width: int = 1) -> ModelProfile:
    """The profile of a model of the catalogue as flowmill itself serves it; OpenVINO has a width above 1."""
    prompt = PROMPT if width == 1 else PROMPT_READ_FAST
    return replace(profile_for(name, "embedded"), prompt=prompt, reply=REPLY, width=width)
