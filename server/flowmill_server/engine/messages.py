"""What the server and its engine tell each other: pickled frames over two pipes of their own.

Both ends are of one version and one user, so pickle spares a codec for every shape of the
engine. What a draft's process wrote never travels here but as text inside of these shapes.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flowmill.engine.affected import AffectedReport, AffectedSpec
from flowmill.engine.request import Result
from flowmill.events import Record
from flowmill.shapes import Draft, Mode, Target

HEADER = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Place:
    """Where to work, as the editor sees it: its settings for that folder, and its open buffers."""

    editor: Mapping[str, object]
    trusted: bool | None
    buffers: Mapping[Path, bytes]
    folder: Path | None = None
    """The workspace folder that holds the file."""


@dataclass(frozen=True, slots=True)
class StartRun:
    """A run on one function. `given` drafts come first; with `asks` False no model is asked."""

    run: str
    mode: Mode
    file: Path
    qualname: str
    place: Place
    force: bool = False
    rejected: tuple[str, ...] = ()
    given: tuple[Draft, ...] = ()
    asks: bool = True


@dataclass(frozen=True, slots=True)
class CancelRun:
    run: str


@dataclass(frozen=True, slots=True)
class FindAffected:
    """Run the tests that a saved file may have broken; answered by one `Affected` with the same number."""

    number: int
    spec: AffectedSpec
    place: Place


@dataclass(frozen=True, slots=True)
class StopFinding:
    number: int


Request = StartRun | CancelRun | FindAffected | StopFinding


@dataclass(frozen=True, slots=True)
class Up:
    """The first word of a process: from now on it reads what it is sent."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The run has begun. `warnings` are lines about settings that were bad or not the project's to make."""

    run: str
    target: Target
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    record: Record


@dataclass(frozen=True, slots=True)
class Ended:
    """The last word on a run. `problem` is one line, "" if nothing broke off; `code` is what a command would exit with."""

    run: str
    result: Result | None = None
    problem: str = ""
    hint: str = ""
    code: int = 0


@dataclass(frozen=True, slots=True)
class Affected:
    number: int
    report: AffectedReport | None
    problem: str = ""


Reply = Up | Opened | Told | Ended | Affected


def frame(message: Request | Reply) -> bytes:
    """The message as it travels."""
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return HEADER.pack(len(body)) + body
