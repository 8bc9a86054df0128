"""What the test process says, line by line; nothing of it is taken on trust.

A draft shares that process, so each line is parsed, its fields are checked and cut
to size, and whatever does not fit is a `WireError`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast, get_args

from flowmill.shapes import FunctionName, Need, NeedKind, Outcome, Trust

ID_CHARS = 4_000
MESSAGE_CHARS = 500
DETAIL_CHARS = 8_000
CALL_CHARS = 400
CANARIES = ("assert", "unittest", "raises", "fixture")
"""What a test process shows to fail still, after tests that all passed; see child/canary.py."""


class WireError(ValueError):
    """A line that our test process would never write."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The interpreter is up. `problem` is why it cannot run pytest, "" if it can."""

    problem: str
    detail: str


@dataclass(frozen=True, slots=True)
class Item:
    id: str
    trust: Trust


@dataclass(frozen=True, slots=True)
class AllCollected:
    """`missing` are the entries asked for that match nothing; `traced` if the function to trace was found."""

    missing: tuple[str, ...]
    traced: bool


@dataclass(frozen=True, slots=True)
class Broken:
    """Something could not be collected, or pytest itself was interrupted."""

    path: str
    message: str
    details: str
    through: bool


@dataclass(frozen=True, slots=True)
class Started:
    id: str


@dataclass(frozen=True, slots=True)
class Phase:
    """The running test went on to its next phase, which has a limit of its own."""


@dataclass(frozen=True, slots=True)
class Reached:
    """The running test executes the traced function; said at once, in case it does not live to report."""


@dataclass(frozen=True, slots=True)
class Result:
    """`reached`: it executed the traced function, first with `call`; `everywhere`: so did something that all tests share."""

    id: str
    outcome: Outcome
    seconds: float
    message: str
    details: str
    reached: bool
    everywhere: bool
    call: str = ""


@dataclass(frozen=True, slots=True)
class Functions:
    """Functions of the project that a test executed; those of no test in particular if `id` is ""."""

    id: str
    ran: tuple[FunctionName, ...]


@dataclass(frozen=True, slots=True)
class Needed:
    need: Need


@dataclass(frozen=True, slots=True)
class Confined:
    """The layers of the sandbox that are in force from here on."""

    layers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unfit:
    """The draft cannot be put into the code that is loaded; no test was run."""

    why: str


@dataclass(frozen=True, slots=True)
class Canary:
    """`caught`: the canaries that failed, as they must; `broken`: the machinery that is not what it was."""

    caught: tuple[str, ...]
    broken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finish:
    status: int


Line = (
    Hello
    | Item
    | AllCollected
    | Broken
    | Started
    | Phase
    | Reached
    | Result
    | Functions
    | Needed
    | Confined
    | Unfit
    | Canary
    | Finish
)
_Fields = dict[str, object]


def parse(raw: bytes, nonce: str = "") -> Line:
    """The line's meaning. Raises WireError for anything but a well-formed line of a known kind.

    With a `nonce` every line has to carry it, but for that of an interpreter which
    cannot run pytest: it ends before it reads its order.
    """
    try:
        value: object = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise WireError("not JSON") from error
    if not isinstance(value, dict):
        raise WireError("not an object")
    fields = cast(_Fields, value)
    reader = _READERS.get(_text(fields, "k", 20))
    if reader is None:
        raise WireError("unknown kind of line")
    line = reader(fields)
    if nonce and fields.get("n") != nonce and not (isinstance(line, Hello) and line.problem):
        raise WireError("without the mark of this run")
    return line


def _text(fields: _Fields, name: str, limit: int, *, tail: bool = False) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise WireError(f"{name} is not a text")
    return value[-limit:] if tail else value[:limit]


def _list(fields: _Fields, name: str) -> list[object]:
    value = fields.get(name)
    if not isinstance(value, list):
        raise WireError(f"{name} is not a list")
    return cast(list[object], value)


def _flag(fields: _Fields, name: str) -> bool:
    value = fields.get(name)
    if not isinstance(value, bool):
        raise WireError(f"{name} is not true or false")
    return value


def _seconds(fields: _Fields) -> float:
    value = fields.get("seconds")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e6:
        raise WireError("seconds is not a duration")
    return float(value)


def _choice(fields: _Fields, name: str, choices: tuple[str, ...]) -> str:
    value = _text(fields, name, 20)
    if value not in choices:
        raise WireError(f"{name} is none of {', '.join(choices)}")
    return value


def _hello(fields: _Fields) -> Hello:
    problem = _choice(fields, "problem", ("", "no_python", "no_pytest"))
    return Hello(problem, _text(fields, "detail", MESSAGE_CHARS))


def _item(fields: _Fields) -> Item:
    return Item(_text(fields, "id", ID_CHARS), cast(Trust, _choice(fields, "trust", get_args(Trust))))


def _collected(fields: _Fields) -> AllCollected:
    missing = tuple(str(entry)[:ID_CHARS] for entry in _list(fields, "missing")[:1000])
    return AllCollected(missing, _flag(fields, "traced"))


def _broken(fields: _Fields) -> Broken:
    return Broken(
        _text(fields, "path", ID_CHARS),
        _text(fields, "message", MESSAGE_CHARS),
        _text(fields, "details", DETAIL_CHARS, tail=True),
        _flag(fields, "through"),
    )


def _result(fields: _Fields) -> Result:
    return Result(
        _text(fields, "id", ID_CHARS),
        cast(Outcome, _choice(fields, "outcome", get_args(Outcome))),
        _seconds(fields),
        _text(fields, "message", MESSAGE_CHARS).partition("\n")[0],
        _text(fields, "details", DETAIL_CHARS, tail=True),
        _flag(fields, "reached"),
        _flag(fields, "everywhere"),
        _text(fields, "call", CALL_CHARS).partition("\n")[0],
    )


def _functions(fields: _Fields) -> Functions:
    pairs: list[FunctionName] = []
    for pair in _list(fields, "ran"):
        if not isinstance(pair, list):
            raise WireError("ran is not a list of pairs")
        match cast(list[object], pair):
            case [str() as file, str() as qualname]:
                pairs.append((file[:ID_CHARS], qualname[:ID_CHARS]))
            case _:
                raise WireError("ran is not a list of pairs")
    return Functions(_text(fields, "id", ID_CHARS), tuple(pairs))


def _needed(fields: _Fields) -> Needed:
    kind = cast(NeedKind, _choice(fields, "kind", get_args(NeedKind)))
    return Needed(Need(kind, _text(fields, "id", ID_CHARS), _text(fields, "detail", MESSAGE_CHARS)))


def _confined(fields: _Fields) -> Confined:
    return Confined(_names(fields, "layers", 50))


def _names(fields: _Fields, name: str, limit: int) -> tuple[str, ...]:
    return tuple(str(entry)[:100] for entry in _list(fields, name)[:limit])


def _canary(fields: _Fields) -> Canary:
    return Canary(_names(fields, "caught", len(CANARIES)), _names(fields, "broken", 50))


def _finish(fields: _Fields) -> Finish:
    status = fields.get("status")
    if isinstance(status, bool) or not isinstance(status, int):
        raise WireError("status is not a number")
    return Finish(status)


_READERS: dict[str, Callable[[_Fields], Line]] = {
    "hello": _hello,
    "item": _item,
    "collected": _collected,
    "broken": _broken,
    "start": lambda fields: Started(_text(fields, "id", ID_CHARS)),
    "phase": lambda fields: Phase(),
    "reached": lambda fields: Reached(),
    "test": _result,
    "functions": _functions,
    "need": _needed,
    "confined": _confined,
    "unfit": lambda fields: Unfit(_text(fields, "why", MESSAGE_CHARS)),
    "canary": _canary,
    "finish": _finish,
}
