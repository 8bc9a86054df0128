"""What an embedded model is worth on a CPU: short prompts, short replies."""

from __future__ import annotations

from dataclasses import replace

from flowmill.model.profiles import profile_for
from flowmill.shapes import ModelProfile

PROMPT = 2500
"""Prompt tokens that two cores read in 45 seconds (llama.cpp) or 10 (OpenVINO), once a run: later calls find them cached."""
REPLY = 700


def embedded_profile(name: str) -> ModelProfile:
    """The profile of a model of the catalogue as flowmill itself serves it."""
    return replace(profile_for(name, "embedded"), prompt=PROMPT, reply=REPLY)
