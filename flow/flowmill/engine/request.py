"""What a run is asked for and what it is given to work with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flowmill.model.redact import Masker
from flowmill.protocols import Model, Runner
from flowmill.shapes import Budget, Draft, Mode, Project, StrategyName, Target


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One function, one wish.

    `buffers` are the open editors' texts, encoded as they would be saved, which stand
    in for the files on disk. `rejected` are bodies that the user discarded before, `given`
    drafts that are judged before any other. A budget of no calls asks no model at all.
    """

    mode: Mode
    file: Path
    qualname: str
    project: Project
    strategy: StrategyName = "flow"
    budget: Budget = Budget()
    tests: tuple[str, ...] = ()
    seed: int = 0
    force: bool = False
    test_seconds: float = 10.0
    model_name: str = ""
    buffers: Mapping[Path, bytes] = field(default_factory=dict[Path, bytes])
    rejected: tuple[str, ...] = ()
    given: tuple[Draft, ...] = ()


@dataclass(frozen=True, slots=True)
class Tools:
    """The engine's hands. `connect` is awaited beside the baseline, so that neither waits for the other."""

    runner: Runner
    connect: Callable[[], Awaitable[Model]]
    redact: Callable[[str], str] = str
    lanes: int = 1
    """How many drafts may be judged at once."""
    shares_cores: bool = False
    """Whether the model surely computes on the cores that the tests run on, as the embedded one does."""
    mask: Masker = field(default_factory=Masker)
    """Takes the keys, and nothing else, out of code and of what tests say; `redact` is for what servers say."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a finished run leaves for whoever may write it: the whole new file, never a patch to guess."""

    target: Target
    original: bytes
    data: bytes
    draft: Draft
    verified: bool
    improved: bool
