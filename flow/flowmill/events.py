"""The closed set of events that a run yields; CONTRACT of the `--json` lines, the journal and `flow/event`."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import ClassVar, Literal, TypeAlias, cast

from flowmill.shapes import (
    Budget,
    Mode,
    Origin,
    Outcome,
    SelectedHow,
    Status,
    StrategyName,
    Target,
    TestRef,
    Usage,
)

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True)
class RunStarted:
    type: ClassVar[str] = "run.started"
    mode: Mode
    target: Target
    model: str
    strategy: StrategyName
    budget: Budget


@dataclass(frozen=True, slots=True)
class TestsSelected:
    __test__ = False
    type: ClassVar[str] = "tests.selected"
    tests: tuple[TestRef, ...]
    how: SelectedHow


@dataclass(frozen=True, slots=True)
class Stage:
    type: ClassVar[str] = "stage"
    name: str
    state: Literal["started", "finished"]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class DraftDelta:
    type: ClassVar[str] = "draft.delta"
    draft: int
    text: str


@dataclass(frozen=True, slots=True)
class DraftMade:
    type: ClassVar[str] = "draft"
    draft: int
    origin: Origin
    parent: int | None
    code: str
    diff: str


@dataclass(frozen=True, slots=True)
class TestReported:
    __test__ = False
    type: ClassVar[str] = "test"
    draft: int
    id: str
    outcome: Outcome
    seconds: float
    message: str
    details: str


@dataclass(frozen=True, slots=True)
class DraftScored:
    type: ClassVar[str] = "draft.scored"
    draft: int
    passed: int
    failed: int
    best: bool


@dataclass(frozen=True, slots=True)
class Note:
    type: ClassVar[str] = "note"
    level: Literal["info", "warning"]
    text: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Counts per outcome, only outcomes that occur; `held_back` is on tests that the model never saw."""

    before: dict[str, int]
    after: dict[str, int]
    held_back: dict[str, int]


@dataclass(frozen=True, slots=True)
class Seconds:
    """`overhead` is the total less the time that the model or the tests (or both) were busy."""

    total: float
    model: float
    tests: float
    overhead: float


@dataclass(frozen=True, slots=True)
class RunFinished:
    type: ClassVar[str] = "run.finished"
    status: Status
    best: int | None
    diff: str
    evidence: Evidence
    calls: int
    tokens: Usage
    seconds: Seconds


Event = (
    RunStarted
    | TestsSelected
    | Stage
    | DraftDelta
    | DraftMade
    | TestReported
    | DraftScored
    | Note
    | RunFinished
)


@dataclass(frozen=True, slots=True)
class Record:
    """An event with its run, its place in it (0, 1, 2 ...) and the seconds since the run started."""

    run: str
    seq: int
    t: float
    event: Event

    def to_json(self) -> dict[str, Json]:
        """The object as the contract names its fields, ready for `json.dumps`."""
        head: dict[str, Json] = {
            "type": self.event.type,
            "run": self.run,
            "seq": self.seq,
            "t": round(self.t, 4),
        }
        return head | _fields(self.event)


def _fields(value: object) -> dict[str, Json]:
    assert is_dataclass(value)
    return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}


def _plain(value: object) -> Json:
    if is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in cast("tuple[object, ...]", value)]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in cast("dict[object, object]", value).items()}
    assert value is None or isinstance(value, (bool, int, str))
    return value
