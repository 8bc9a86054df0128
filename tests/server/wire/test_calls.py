"""What a JSON value is, and how what is none is answered."""

from __future__ import annotations

import pytest

from flowmill_server.wire.calls import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    Fault,
    Notification,
    Reply,
    Request,
    read_call,
)


def test_proper_messages() -> None:
    v = {"jsonrpc": "2.0"}
    assert read_call(v | {"id": 1, "method": "m", "params": {"a": 1}}) == Request(1, "m", {"a": 1})
    assert read_call(v | {"id": "x", "method": "m"}) == Request("x", "m", None)
    assert read_call(v | {"id": 1.0, "method": "m"}) == Request(1.0, "m", None)
    assert read_call(v | {"method": "m", "params": [1]}) == Notification("m", [1])
    assert read_call(v | {"id": 1, "result": None}) == Reply(1, None, None)
    assert read_call(v | {"id": 1, "error": {"code": 3}}) == Reply(1, None, {"code": 3})
    assert read_call(v | {"id": 1, "error": "no"}) == Reply(1, None, {"message": "no"})


@pytest.mark.parametrize("content", [None, 1, "x", True, [], [{"jsonrpc": "2.0", "method": "m", "id": 1}]])
def test_what_is_no_object_is_answered_without_an_id(content: object) -> None:
    fault = read_call(content)
    assert isinstance(fault, Fault)
    assert (fault.code, fault.id, fault.answered) == (INVALID_REQUEST, None, True)


@pytest.mark.parametrize("number", [None, True, 1.5, float("inf"), [1], {"a": 1}])
def test_ids_that_are_none(number: object) -> None:
    assert read_call({"jsonrpc": "2.0", "id": number, "method": "m"}) == Fault(
        INVALID_REQUEST, "id must be a number or a text"
    )


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ({"id": 3, "method": "m"}, (INVALID_REQUEST, 3, True)),
        ({"jsonrpc": "1.0", "id": 3, "method": "m"}, (INVALID_REQUEST, 3, True)),
        ({"method": "m"}, (INVALID_REQUEST, None, False)),
        ({"jsonrpc": "2.0", "id": 3, "method": 4}, (INVALID_REQUEST, 3, True)),
        ({"jsonrpc": "2.0", "method": None}, (INVALID_REQUEST, None, False)),
        ({"jsonrpc": "2.0", "id": 3, "method": "m", "params": 5}, (INVALID_PARAMS, 3, True)),
        ({"jsonrpc": "2.0", "method": "m", "params": "x"}, (INVALID_PARAMS, None, False)),
        ({"jsonrpc": "2.0", "id": 3}, (INVALID_REQUEST, 3, False)),
        ({"jsonrpc": "2.0", "id": [3], "result": 1}, (INVALID_REQUEST, None, False)),
        ({"jsonrpc": "2.0"}, (INVALID_REQUEST, None, False)),
    ],
)
def test_faults(message: dict[str, object], fault: tuple[int, int | None, bool]) -> None:
    found = read_call(message)
    assert isinstance(found, Fault)
    assert (found.code, found.id, found.answered) == fault
