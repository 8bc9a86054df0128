"""One attempt at one case as one JSON line, so that a comparison can stop and go on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

Key = tuple[str, str, str, int, int]


@dataclass(frozen=True, slots=True)
class Row:
    """What one strategy made of one case.

    `claimed`: the command ended with exit code 0. `solved`: the judge's word, in a clean
    copy. `visible`: did what the tool could see pass; None if it could see no test.
    `broken`: why the attempt says nothing about the strategy, and is to be made again.
    Seconds: `seconds` is the command from outside, the other four are its own account.
    """

    case: str
    strategy: str
    model: str
    seed: int
    repeat: int
    limits: str
    claimed: bool = False
    solved: bool = False
    visible: bool | None = None
    why: str = ""
    broken: str = ""
    code: int | None = None
    status: str = ""
    run: str = ""
    calls: int = 0
    prompt: int = 0
    cached: int = 0
    completion: int = 0
    seconds: float = 0.0
    total: float = 0.0
    model_seconds: float = 0.0
    test_seconds: float = 0.0
    overhead: float = 0.0
    touched: tuple[str, ...] = ()
    """Files other than the target that the command changed or left in the project."""
    setup: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def key(self) -> Key:
        return (self.case, self.strategy, self.model, self.seed, self.repeat)


class Store:
    """The rows of a file, the last one of each key; appended to line by line."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.rows: dict[Key, Row] = {row.key: row for row in read(path)} if path else {}

    def done(self, key: Key) -> bool:
        """Is there an answer already? A broken attempt is none."""
        row = self.rows.get(key)
        return row is not None and not row.broken

    def add(self, row: Row) -> None:
        self.rows[row.key] = row
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(row)) + "\n")


def read(path: Path) -> Sequence[Row]:
    """The rows of a file; none if there is no file. A line cut short by a crash is passed over."""
    known = {f.name for f in fields(Row)}
    rows: list[Row] = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            data = json.loads(line)
        except ValueError:
            continue
        data["touched"] = tuple(data.get("touched", ()))
        rows.append(Row(**{name: value for name, value in data.items() if name in known}))
    return rows
