"""What a server does not accept is said again in plainer words, and remembered."""

from __future__ import annotations

import asyncio
import json

import pytest

from doubles.clients import PROMPT, collected, model_at, pieces_of, text_of
from doubles.openai_server import FakeOpenAI, Reply, Request, error
from flowmill.errors import ModelError
from flowmill.model.profiles import ServerKind
from flowmill.shapes import Message, ModelProfile, Prompt


async def test_a_refused_parameter_is_dropped_or_renamed_and_remembered() -> None:
    replies = [
        error(
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            param="max_tokens",
            code="unsupported_parameter",
        ),
        error(
            400, "Unsupported value: 'temperature' does not support 0 with this model.", param="temperature"
        ),
        Reply(("a",)),
        Reply(("b",)),
    ]
    async with FakeOpenAI(replies) as server:
        model = model_at(server)
        first = [piece async for piece in model.stream(PROMPT)]
        second = await pieces_of(model)
    assert text_of(first) + text_of(second) == "ab"
    assert len(server.requests) == 4
    last = server.requests[-1].json
    assert last["max_completion_tokens"] == 64
    assert not {"max_tokens", "temperature"} & set(last)
    assert "top_p" in last


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        (error(400, "stream_options is not supported"), "stream_options"),
        (
            Reply(
                status=422,
                body=json.dumps(
                    {
                        "detail": [
                            {"loc": ["body", "seed"], "msg": "Extra inputs are not permitted", "type": "x"}
                        ]
                    }
                ),
            ),
            "seed",
        ),
    ],
)
async def test_other_forms_of_refusing_a_parameter(reply: Reply, name: str) -> None:
    async with FakeOpenAI([reply, Reply(("ok",))]) as server:
        assert text_of(await pieces_of(model_at(server))) == "ok"
    assert name in server.requests[0].json
    assert name not in server.requests[1].json


async def test_two_calls_side_by_side_learn_the_same_refusal() -> None:
    def strict(request: Request) -> Reply:
        return error(400, "unknown field: seed") if "seed" in request.json else Reply(("ok",))

    async with FakeOpenAI([strict], repeat=True) as server:
        model = model_at(server)
        answers = await asyncio.gather(*(collected(model) for _ in range(3)))
        await model.aclose()
    assert [text_of(pieces) for pieces in answers] == ["ok"] * 3


async def test_the_longest_answer_that_a_model_agrees_to_is_kept() -> None:
    refusal = error(
        400,
        "max_tokens is too large: 64. This model supports at most 32 completion tokens.",
        param="max_tokens",
    )
    async with FakeOpenAI([refusal, Reply(("ok",))]) as server:
        await pieces_of(model_at(server))
    assert server.requests[1].json["max_tokens"] == 32


async def test_a_refusal_of_something_else_ends_the_call() -> None:
    async with FakeOpenAI([error(400, "the image is too dark")]) as server:
        with pytest.raises(ModelError, match=r"refused the request \(400\): the image is too dark"):
            await pieces_of(model_at(server))


PREFILL = "```python\ndef f(x):\n    "


@pytest.mark.parametrize(
    ("kind", "flags"), [("vllm", True), ("unknown", True), ("llamacpp", False), ("ollama", False)]
)
async def test_the_prefill_is_a_trailing_message(kind: ServerKind, flags: bool) -> None:
    prompt = Prompt((Message("user", "Write f."),), prefill=PREFILL)
    async with FakeOpenAI([Reply(("return x",))]) as server:
        pieces = await pieces_of(model_at(server, kind=kind), prompt)
    body = server.requests[0].json
    assert body["messages"][-1] == {"role": "assistant", "content": PREFILL}
    assert (body.get("add_generation_prompt"), body.get("continue_final_message")) == (
        (False, True) if flags else (None, None)
    )
    assert text_of(pieces) == "return x"


@pytest.mark.parametrize(
    "answer", [("return x",), (PREFILL + "return x",), ("```py", "thon\ndef f(x):", "\n    return x")]
)
async def test_an_echoed_prefill_is_taken_off(answer: tuple[str, ...]) -> None:
    prompt = Prompt((Message("user", "Write f."),), prefill=PREFILL)
    async with FakeOpenAI([Reply(answer)]) as server:
        pieces = await pieces_of(model_at(server), prompt)
    assert text_of(pieces) == "return x"


async def test_without_prefills_the_user_message_asks_for_the_beginning() -> None:
    prompt = Prompt((Message("user", "Write f."),), prefill=PREFILL)
    async with FakeOpenAI([Reply((PREFILL, "return x"))]) as server:
        pieces = await pieces_of(model_at(server, profile=ModelProfile("gpt-4o")), prompt)
    (message,) = server.requests[0].json["messages"]
    assert message["role"] == "user"
    assert message["content"].startswith("Write f.")
    assert message["content"].endswith(PREFILL)
    assert text_of(pieces) == "return x"


async def test_a_server_that_refuses_the_prefill_is_asked_in_words() -> None:
    refusal = error(400, "This model does not support assistant message prefill.")
    prompt = Prompt((Message("user", "Write f."),), prefill=PREFILL)
    async with FakeOpenAI([refusal, Reply(("return x",))]) as server:
        await pieces_of(model_at(server, kind="llamacpp"), prompt)
    assert [m["role"] for m in server.requests[1].json["messages"]] == ["user"]


async def test_a_template_without_a_system_role_gets_it_in_the_user_message() -> None:
    async with FakeOpenAI([error(500, "System role not supported"), Reply(("x",))]) as server:
        await pieces_of(model_at(server))
    assert server.requests[1].json["messages"] == [{"role": "user", "content": "Be brief.\n\nWrite f."}]
