"""What runs that go on beside one another show, and when."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, cast

from flowmill.cli.in_turn import InTurn
from flowmill.engine.run import Run
from flowmill.events import Note, Record


class Told:
    """A view that keeps what it is given."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def __enter__(self) -> Told:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def show(self, record: Record) -> None:
        self.words.append(f"{record.run} {cast(Note, record.event).text}")

    def wrote(self, path: Path) -> None:
        self.words.append(f"wrote {path}")


def record(run: str, text: str) -> Record:
    return Record(run, 0, 0.0, Note("info", text))


def run() -> Run:
    return cast(Run, cast(Any, object()))


def test_one_run_is_shown_whole_before_the_next() -> None:
    told = Told()
    shown = InTurn(told)
    one, two, three = (shown.lane(run()) for _ in range(3))
    two.show(record("2", "a"))
    three.show(record("3", "a"))
    one.show(record("1", "a"))
    three.wrote(Path("c.py"))
    three.close()
    assert told.words == ["1 a"]
    one.close()
    assert told.words == ["1 a", "2 a"]
    two.show(record("2", "b"))
    two.close()
    assert told.words == ["1 a", "2 a", "2 b", "3 a", "wrote c.py"]
    assert shown.front is None
