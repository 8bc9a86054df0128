"""What an embedded model is worth on a CPU: short prompts, short replies."""

from __future__ import annotations

from dataclasses import replace

from flowmill.model.profiles import profile_for
from flowmill.shapes import HoleMarks, ModelProfile

PROMPT, PROMPT_READ_FAST = 2500, 4000
"""Prompt tokens that two cores read in 45 seconds (llama.cpp) and in 16 (OpenVINO), once a run: later calls
find them cached."""
REPLY = 700
QWEN = HoleMarks("<|repo_name|>", "<|file_sep|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
"""Of Qwen2.5-Coder, the family of all models of the catalogue (Hui et al. 2024)."""


def embedded_profile(name: str, width: int = 1) -> ModelProfile:
    """The profile of a model of the catalogue as flowmill itself serves it; OpenVINO has a width above 1."""
    profile = replace(profile_for(name, "embedded"), prompt=PROMPT, reply=REPLY, width=width)
    if width == 1:
        return profile
    # Holes are a second kind of prompt to read, which takes llama.cpp too long.
    return replace(profile, prompt=PROMPT_READ_FAST, fills=QWEN)
