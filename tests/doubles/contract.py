"""What every line on standard output with `--json` must be."""

from __future__ import annotations

import json
from typing import Any

HEAD = {"type", "run", "seq", "t"}
FIELDS = {
    "run.started": {"mode", "target", "model", "strategy", "budget"},
    "tests.selected": {"tests", "how"},
    "stage": {"name", "state", "seconds"},
    "draft.delta": {"draft", "text"},
    "draft": {"draft", "origin", "parent", "code", "diff"},
    "test": {"draft", "id", "outcome", "seconds", "message", "details"},
    "draft.scored": {"draft", "passed", "failed", "best"},
    "note": {"level", "text"},
    "run.finished": {"status", "best", "diff", "evidence", "calls", "tokens", "seconds"},
}
OUTCOMES = {"passed", "failed", "error", "skipped", "timeout", "crashed"}
WORDS = {
    ("run.started", "mode"): {"generate", "repair"},
    ("run.started", "strategy"): {"flow", "direct", "sample", "alphacodium"},
    ("tests.selected", "how"): {"given", "coverage", "static", "all"},
    ("stage", "state"): {"started", "finished"},
    ("draft", "origin"): {"model", "mutation", "donor"},
    ("test", "outcome"): OUTCOMES,
    ("note", "level"): {"info", "warning"},
    ("run.finished", "status"): {"verified", "improved", "unchanged", "failed", "cancelled"},
}
EXIT = {"verified": {0}, "improved": {1}, "unchanged": {1}, "failed": {1}, "cancelled": {130}}
BROKEN_OFF = {1, 2, 3, 4}
"""Exit codes of a run that ended by an error; its last event says what it had got to."""


def check_events(out: str, code: int) -> None:
    """Each run's lines whole and in order, one run after the other; none if the command was refused."""
    events: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    runs = {event["run"]: [e for e in events if e["run"] == event["run"]] for event in events}
    assert [event for run in runs.values() for event in run] == events
    for run in runs.values():
        _check_run(run)
    if len(runs) == 1:
        assert code in EXIT[events[-1]["status"]] | BROKEN_OFF


def _check_run(events: list[dict[str, Any]]) -> None:
    assert [event["seq"] for event in events] == list(range(len(events)))
    times = [event["t"] for event in events]
    assert times == sorted(times)
    kinds = [event["type"] for event in events]
    assert (kinds[0], kinds.count("run.started")) == ("run.started", 1)
    assert (kinds[-1], kinds.count("run.finished")) == ("run.finished", 1)
    for event in events:
        _check(event)


def _check(event: dict[str, Any]) -> None:
    kind = event["type"]
    assert event.keys() == HEAD | FIELDS[kind], event
    for (of, field), words in WORDS.items():
        assert of != kind or event[field] in words, event
    if kind == "run.started":
        assert event["target"].keys() == {"file", "qualname", "start", "end"}
        assert event["budget"].keys() >= {"seconds", "calls", "tokens"}
    elif kind == "tests.selected":
        for test in event["tests"]:
            assert test.keys() == {"id", "trust"}
            assert test["trust"] in ("project", "doctest", "model")
    elif kind == "test":
        assert "\n" not in event["message"]
    elif kind == "run.finished":
        _check_end(event)


def _check_end(event: dict[str, Any]) -> None:
    assert event["evidence"].keys() == {"before", "after", "held_back"}
    for tally in event["evidence"].values():
        assert tally.keys() <= OUTCOMES
        assert all(isinstance(count, int) and count > 0 for count in tally.values())
    assert event["tokens"].keys() == {"prompt", "cached", "completion"}
    assert event["seconds"].keys() == {"total", "model", "tests", "overhead"}
    assert all(value >= 0 for value in event["seconds"].values())
