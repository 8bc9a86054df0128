from __future__ import annotations

import json

import pytest

from flowmill.runner import wire
from flowmill.runner.child.canary import EXPECTED

RESULT: dict[str, object] = {
    "k": "test",
    "id": "t.py::a",
    "outcome": "passed",
    "seconds": 0.5,
    "message": "",
    "details": "",
    "reached": True,
    "everywhere": False,
    "call": "f(a=1)",
}


def line(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def test_a_result() -> None:
    assert wire.parse(line(**RESULT)) == wire.Result("t.py::a", "passed", 0.5, "", "", True, False, "f(a=1)")


def test_texts_are_cut() -> None:
    parsed = wire.parse(
        line(**(RESULT | {"message": "m" * 9999 + "\nsecond", "details": "d" * 99999 + "end"}))
    )
    assert isinstance(parsed, wire.Result)
    assert len(parsed.message) == wire.MESSAGE_CHARS
    assert len(parsed.details) == wire.DETAIL_CHARS
    assert parsed.details.endswith("end")


def test_a_message_is_one_line() -> None:
    parsed = wire.parse(line(**(RESULT | {"message": "one\ntwo"})))
    assert isinstance(parsed, wire.Result)
    assert parsed.message == "one"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"[" * 100_000,
        line(k="exec"),
        line(k=1),
        line(k="item", id="a", trust="absolute"),
        line(k="item", id=3, trust="project"),
        line(k="finish", status="0"),
        line(k="finish", status=True),
        line(k="collected", missing="x", traced=True),
        line(**(RESULT | {"outcome": "verified"})),
        line(**(RESULT | {"seconds": -1})),
        line(**(RESULT | {"seconds": float("nan")})),
        line(**(RESULT | {"seconds": True})),
        line(**(RESULT | {"reached": 1})),
        line(k="canary", caught="assert", broken=[]),
        line(k="canary", caught=[]),
        line(k="unfit", why=None),
        line(k="confined", layers={}),
    ],
    ids=range(21),
)
def test_what_we_never_write_is_refused(raw: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.parse(raw)


def test_a_canary() -> None:
    parsed = wire.parse(line(k="canary", caught=["assert"], broken=["x" * 9999] * 99))
    assert parsed == wire.Canary(("assert",), ("x" * 100,) * 50)


def test_every_line_carries_the_mark_of_its_run() -> None:
    assert wire.parse(line(k="finish", n="mark", status=0), "mark") == wire.Finish(0)
    for other in ({}, {"n": "other"}, {"n": None}):
        with pytest.raises(wire.WireError):
            wire.parse(line(k="finish", status=0, **other), "mark")


def test_the_canaries_are_those_of_the_child() -> None:
    assert set(EXPECTED) == set(wire.CANARIES)
