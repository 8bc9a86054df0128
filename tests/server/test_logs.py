"""The log file: opened late, moved while it is written, never in anybody's way."""

from __future__ import annotations

import logging
from collections.abc import Generator
from pathlib import Path

import pytest

from flowmill_server import logs

OURS = logging.getLogger("flowmill_server.something")


@pytest.fixture(autouse=True)
def as_it_was() -> Generator[None]:
    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    levels = {name: logging.getLogger(name).level for name in logs.OURS}
    yield
    logs.stop()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def lines(path: Path) -> list[str]:
    return [line.rpartition(": ")[2] for line in path.read_text(encoding="utf-8").splitlines()]


def test_nothing_is_made_before_the_first_record(tmp_path: Path) -> None:
    logs.start(tmp_path / "new" / "server.log")
    logs.stop()
    assert not [*tmp_path.iterdir()]


def test_it_moves_while_it_is_written(tmp_path: Path) -> None:
    first, second = tmp_path / "first.log", tmp_path / "new" / "second.log"
    logs.start(first)
    OURS.info("one")
    logs.stop()
    logs.start(first)
    logs.use(second)
    assert logs.where() == str(second)
    OURS.info("two \ud800 %s", "é")
    logs.stop()
    assert lines(first) == ["one"]
    assert lines(second) == ["two \\ud800 é"]


def test_of_others_only_warnings_and_details_only_on_demand(tmp_path: Path) -> None:
    logs.start(tmp_path / "a.log")
    logging.getLogger("pygls").info("not told")
    OURS.debug("not told")
    logging.getLogger("pygls").warning("told")
    logs.verbose(True)
    OURS.debug("told too")
    logs.verbose(False)
    OURS.debug("not told")
    logs.stop()
    assert lines(tmp_path / "a.log") == ["told", "told too"]


def test_it_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "BYTES", 1_000)
    logs.start(tmp_path / "a.log")
    for _ in range(200):
        OURS.info("x" * 100)
    logs.stop()
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(sizes) == {"a.log", "a.log.1", "a.log.2"}
    assert max(sizes.values()) <= 1_000


def test_a_place_that_cannot_be_written_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    logs.start(tmp_path / "file" / "a.log")
    OURS.info("one")
    OURS.info("two")
    logs.stop()
    said = capsys.readouterr().err
    assert said.count("logging to stderr") == 1
    assert said.count("one") == said.count("two") == 1


def test_a_home_of_nobody_is_a_folder_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    logs.start(tmp_path / "a.log")
    logs.use("~nobody-of-that-name/b.log")
    assert logs.where() == str(tmp_path / "~nobody-of-that-name" / "b.log")
