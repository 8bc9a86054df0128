"""One run as one file, so that a bug report is a file: JSON lines, first the run, then events and answers."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from flowmill.errors import UsageError
from flowmill.events import Json, Record
from flowmill.journal.decode import decode, record_from_json
from flowmill.journal.encode import prompt_json, usage_json
from flowmill.journal.shapes import Answer, JournalError, Recorded, RunRow
from flowmill.shapes import Prompt, Usage

FORMAT = 1


def export(recorded: Recorded, path: Path) -> None:
    """Write the run into that file, whole or not at all."""
    row: dict[str, Json] = asdict(recorded.run)
    row["source"] = base64.b64encode(recorded.source).decode("ascii")
    lines: list[Json] = []
    lines.append({"flowmill-run": FORMAT, "run": row})
    lines.extend({"event": record.to_json()} for record in recorded.records)
    lines.extend({"answer": _answer_json(answer)} for answer in recorded.answers)
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    if not path.name or os.path.isdir(path):
        raise UsageError(f"{path} is a folder: name a file in it")
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, "ascii")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UsageError(f"{path} cannot be written: {error.strerror}; name another file") from error


def load_export(path: Path) -> Recorded:
    """The run in a file that `export` wrote. Raises `JournalError` where it is none."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise JournalError(f"{path} cannot be read: {error}") from error
    row: RunRow | None = None
    source = b""
    records: list[Record] = []
    answers: list[Answer] = []
    for number, line in enumerate(lines, 1):
        held = _line(path, number, line)
        try:
            if number == 1:
                row, source = _run(held)
            elif "event" in held:
                record = record_from_json(held["event"])
                records += [record] if record else []
            elif "answer" in held:
                answers.append(_answer(held["answer"]))
        except (KeyError, TypeError, ValueError, JournalError) as error:
            raise JournalError(f"{path}, line {number}: not an exported run: {error}") from error
    if row is None:
        raise JournalError(f"{path} is empty; `flowmill runs export RUN FILE` writes such a file")
    return Recorded(row, source, tuple(records), tuple(answers))


def _line(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        held = json.loads(line)
    except ValueError:
        held = None
    if not isinstance(held, dict) or (number == 1 and held.get("flowmill-run") != FORMAT):  # pyright: ignore[reportUnknownMemberType]
        raise JournalError(f"{path}, line {number}: not a run that this version of flowmill exported")
    return cast("dict[str, Any]", held)


def _run(held: dict[str, Any]) -> tuple[RunRow, bytes]:
    fields = dict(held["run"])
    source = base64.b64decode(fields.pop("source"))
    return RunRow(**fields), source


def _answer_json(answer: Answer) -> dict[str, Json]:
    return {
        "call": answer.call,
        "prompt": prompt_json(answer.prompt),
        "text": answer.text,
        "usage": usage_json(answer.usage),
        "finish": answer.finish,
        "seconds": answer.seconds,
        "complete": answer.complete,
    }


def _answer(held: dict[str, Any]) -> Answer:
    prompt, usage = decode(Prompt, held["prompt"]), decode(Usage, held["usage"])
    return Answer(
        held["call"], prompt, held["text"], usage, held["finish"], held["seconds"], held["complete"]
    )
