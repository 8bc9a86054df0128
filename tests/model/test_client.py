"""The client against a real HTTP server on loopback that follows a script."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from email.utils import formatdate

import pytest

from doubles.clients import KEY, PROMPT, Clock, model_at, pieces_of, text_of
from doubles.openai_server import FakeOpenAI, Reply, error
from flowmill.errors import ModelError
from flowmill.model.client import OpenAIModel
from flowmill.model.retry import Limits
from flowmill.shapes import AnswerEnd, Delta, Restarted, Usage


async def test_streams_each_chunk_and_ends_with_usage_and_cached_tokens() -> None:
    usage = {"prompt_tokens": 30, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 20}}
    async with FakeOpenAI([Reply(("def ", "f(): ", "pass"), usage=usage)]) as server:
        pieces = await pieces_of(model_at(server))
    assert pieces == [Delta("def "), Delta("f(): "), Delta("pass"), AnswerEnd(Usage(30, 20, 4), "stop")]
    (request,) = server.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.json == {
        "model": "test-model",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Write f."}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 64,
        "temperature": 0.0,
        "top_p": 1.0,
        "seed": 0,
    }


async def test_without_a_key_none_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-meant-for-openai-only")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-the-user")
    async with FakeOpenAI([Reply(("x",))]) as server:
        await pieces_of(model_at(server, key=""))
    headers = server.requests[0].headers
    assert "authorization" not in headers
    assert "openai-organization" not in headers


async def test_no_proxy_is_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with FakeOpenAI([Reply(("x",))]) as server:
        assert text_of(await pieces_of(model_at(server))) == "x"


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("length", "length"), ("content_filter", "filter"), ("tool_calls", "stop"), ("eos", "stop")],
)
async def test_finish_reasons(reason: str, finish: str) -> None:
    async with FakeOpenAI([Reply(("x",), finish=reason)]) as server:
        end = (await pieces_of(model_at(server)))[-1]
    assert isinstance(end, AnswerEnd)
    assert end.finish == finish


async def test_usage_is_estimated_where_the_server_tells_none() -> None:
    async with FakeOpenAI([Reply(("x" * 35,), usage_sent=False, ending="no_done")]) as server:
        end = (await pieces_of(model_at(server)))[-1]
    assert isinstance(end, AnswerEnd)
    assert end.usage.completion == 10
    assert end.usage.prompt > 0


async def test_an_answer_that_is_not_streamed_is_taken_whole() -> None:
    body = {
        "choices": [{"message": {"content": "whole"}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    }
    async with FakeOpenAI([Reply(body=json.dumps(body))]) as server:
        pieces = await pieces_of(model_at(server))
    assert pieces == [Delta("whole"), AnswerEnd(Usage(1, 0, 2), "length")]


# ---------------------------------------------------------------- retries
async def test_429_waits_as_long_as_retry_after_says() -> None:
    clock = Clock()
    replies = [error(429, "slow down", headers={"Retry-After": "7"}), Reply(("ok",))]
    async with FakeOpenAI(replies) as server:
        assert text_of(await pieces_of(model_at(server, clock=clock))) == "ok"
    assert clock.waits == [7.0]


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after-ms": "250", "Retry-After": "9"}, 0.25),
        ({"Retry-After": formatdate(1_000_012.0, usegmt=True)}, 12.0),
        ({"Retry-After": formatdate(999_000.0, usegmt=True)}, 0.0),
        ({"Retry-After": "soon"}, 0.5),
        ({}, 0.5),
    ],
)
async def test_forms_of_retry_after(headers: dict[str, str], wait: float) -> None:
    clock = Clock()
    async with FakeOpenAI([error(503, "loading", headers=headers), Reply(("ok",))]) as server:
        await pieces_of(model_at(server, clock=clock))
    assert clock.waits == [wait]


async def test_500_is_asked_again_with_growing_waits_until_it_is_given_up() -> None:
    clock = Clock()
    async with FakeOpenAI([error(500, "oops")], repeat=True) as server:
        with pytest.raises(ModelError, match=r"failed \(500\): oops; given up after 4 attempts"):
            await pieces_of(model_at(server, clock=clock))
    assert clock.waits == [0.5, 1.0, 2.0]
    assert len(server.requests) == 4


async def test_a_server_that_goes_away_after_it_answered_is_waited_for() -> None:
    clock = Clock()
    async with FakeOpenAI([Reply(("ok",))]) as server:
        model = model_at(server, clock=clock)
        assert [piece async for piece in model.stream(PROMPT)]
    with pytest.raises(ModelError, match=r"connection refused.*given up after 4 attempts"):
        await pieces_of(model)
    assert clock.waits == [0.5, 1.0, 2.0]


async def test_no_wait_goes_beyond_the_time_left_or_the_longest_wait() -> None:
    reply = error(429, "slow down", headers={"Retry-After": "30"})
    async with FakeOpenAI([reply], repeat=True) as server:
        with pytest.raises(ModelError, match="no time is left to ask again"):
            await pieces_of(model_at(server, left=29.0))
        with pytest.raises(ModelError, match="it asks to wait 30 s"):
            await pieces_of(model_at(server, limits=Limits(longest_wait=20)))
    assert len(server.requests) == 2


async def test_a_stream_that_breaks_restarts_and_counts_both_attempts() -> None:
    clock = Clock()
    replies = [Reply(("half ", "an"), ending="break"), Reply(("whole",), usage={"prompt_tokens": 9})]
    async with FakeOpenAI(replies) as server:
        pieces = await pieces_of(model_at(server, clock=clock))
    restarts = [place for place, piece in enumerate(pieces) if isinstance(piece, Restarted)]
    assert len(restarts) == 1
    assert pieces[restarts[0] + 1] == Delta("whole")
    end = pieces[-1]
    assert isinstance(end, AnswerEnd)
    assert end.usage.prompt > 9
    assert len(clock.waits) == 1


async def test_a_clean_end_without_a_finish_reason_is_a_break_too() -> None:
    async with FakeOpenAI([Reply(("half",), ending="cut"), Reply(("whole",))]) as server:
        pieces = await pieces_of(model_at(server))
    assert [type(piece) for piece in pieces] == [Delta, Restarted, Delta, AnswerEnd]


async def test_an_error_within_the_stream_is_asked_again() -> None:
    broken = Reply(("half",), raw=[{"error": {"message": "upstream died", "code": 502}}], ending="cut")
    async with FakeOpenAI([broken, Reply(("whole",))]) as server:
        pieces = await pieces_of(model_at(server))
    (restarted,) = [piece for piece in pieces if isinstance(piece, Restarted)]
    assert "upstream died" in restarted.reason


async def test_a_stall_counts_as_a_break() -> None:
    limits = Limits(attempts=2, first_seconds=5, stall_seconds=0.05)
    replies = [Reply(("half",), ending="stall"), Reply(("whole",))]
    async with FakeOpenAI(replies) as server:
        pieces = await pieces_of(model_at(server, limits=limits))
        await asyncio.wait_for(server.dropped.wait(), 5)
    assert [type(piece) for piece in pieces] == [Delta, Restarted, Delta, AnswerEnd]


async def test_no_first_byte_ends_with_its_own_limit() -> None:
    limits = Limits(attempts=1, first_seconds=0.05, stall_seconds=5)
    async with FakeOpenAI([Reply((), ending="stall")]) as server:
        with pytest.raises(ModelError, match=r"sent no answer for 0\.05 s"):
            await pieces_of(model_at(server, limits=limits))


async def test_a_finished_answer_does_not_depend_on_what_follows() -> None:
    finish = {"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}
    async with FakeOpenAI([Reply(raw=[finish], ending="break")]) as server:
        pieces = await pieces_of(model_at(server))
    assert [type(piece) for piece in pieces] == [Delta, AnswerEnd]


async def test_an_endless_answer_is_cut() -> None:
    async with FakeOpenAI([Reply(["spam " * 20] * 50)]) as server:
        pieces = await pieces_of(model_at(server))
    end = pieces[-1]
    assert isinstance(end, AnswerEnd)
    assert end.finish == "length"
    assert len(text_of(pieces)) < 64 * 8 + 101


async def test_an_empty_stream_is_an_error() -> None:
    async with FakeOpenAI([Reply((), ending="cut")], repeat=True) as server:
        with pytest.raises(ModelError, match="sent an empty answer"):
            await pieces_of(model_at(server))


async def test_closing_early_closes_the_connection() -> None:
    async with FakeOpenAI([Reply(("first",), ending="stall")]) as server:
        model = model_at(server)
        async with aclosing(model.stream(PROMPT)) as pieces:
            assert await anext(pieces) == Delta("first")
        await asyncio.wait_for(server.dropped.wait(), 5)
        await model.aclose()


async def test_cancelling_the_consumer_closes_the_connection() -> None:
    seen = asyncio.Event()

    async def consume(model: OpenAIModel) -> None:
        async for _ in model.stream(PROMPT):
            seen.set()

    async with FakeOpenAI([Reply(("first",), ending="stall")]) as server:
        model = model_at(server)
        task = asyncio.ensure_future(consume(model))
        await asyncio.wait_for(seen.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.dropped.wait(), 5)
        await model.aclose()
