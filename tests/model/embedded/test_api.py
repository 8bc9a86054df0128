"""The HTTP server in front of OpenVINO's batches: the server and its clients are real, the pipeline is scripted."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Generator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass

import openai
import pytest

from doubles.openvino import GENAI, Pipeline
from flowmill.errors import ModelError
from flowmill.model.client import OpenAIModel
from flowmill.model.embedded.api import Api, chat_text
from flowmill.model.embedded.batches import Batches
from flowmill.model.embedded.profile import embedded_profile
from flowmill.shapes import AnswerEnd, Delta, Message, Prompt

CONTEXT = 4000


@dataclass
class Site:
    """A server, what it runs on, and a client of flowmill's own."""

    pipeline: Pipeline
    api: Api
    loads: list[Pipeline]
    model: OpenAIModel

    @property
    def url(self) -> str:
        return f"{self.api.listening_address}/v1"


@pytest.fixture
def said() -> str:
    """What the model answers, whatever it is asked."""
    return "return a + b\n```\nThat adds them."


@pytest.fixture
def site(said: str) -> Iterator[Site]:
    with serve(said, idle=600.0) as site:
        yield site


@contextmanager
def serve(said: str, idle: float) -> Generator[Site]:
    pipeline = Pipeline(lambda prompt: said)
    loads: list[Pipeline] = []

    def load() -> Pipeline:
        loads.append(pipeline)
        return pipeline

    api = Api(0, Batches(GENAI, load, CONTEXT, idle), "qwen2.5-coder-1.5b", "key", CONTEXT, 4)
    thread = threading.Thread(target=api.serve_forever, args=(0.01,))
    thread.start()
    model = OpenAIModel(
        f"{api.listening_address}/v1", "key", embedded_profile("qwen2.5-coder-1.5b"), server="embedded"
    )
    try:
        yield Site(pipeline, api, loads, model)
    finally:
        api.shutdown()
        thread.join()
        api.server_close()


def prompt(text: str = "Add.", **options: object) -> Prompt:
    return Prompt((Message("system", "Be brief."), Message("user", text)), **options)  # pyright: ignore[reportArgumentType]


async def answer(model: OpenAIModel, asked: Prompt) -> tuple[str, AnswerEnd]:
    text = ""
    async with aclosing(model.stream(asked)) as pieces:
        async for piece in pieces:
            if isinstance(piece, AnswerEnd):
                return text, piece
            assert isinstance(piece, Delta)
            text += piece.text
    raise AssertionError("no end")


async def test_an_answer_goes_on_from_its_beginning_and_ends_at_a_stop(site: Site) -> None:
    asked = prompt(prefill="```python\ndef add(a, b):\n", stop=("```",), temperature=0.5, seed=7)

    text, end = await answer(site.model, asked)

    assert text == "return a + b\n"
    assert end.finish == "stop"
    said, config = site.pipeline.asked[0]
    assert said == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nAdd.<|im_end|>\n"
        "<|im_start|>assistant\n```python\ndef add(a, b):\n"
    )
    assert (config.do_sample, config.temperature, config.rng_seed) == (True, 0.5, 7)
    assert end.usage.prompt == len(said)
    assert site.pipeline.handles[0].cancelled


async def test_a_raw_prompt_is_gone_on_with_as_it_is(site: Site) -> None:
    text, end = await answer(site.model, Prompt((), raw="<|fim_prefix|>def add(a, b):\n    ", stop=("\n",)))
    assert (text, end.finish) == ("return a + b", "stop")
    [(said, config)] = site.pipeline.asked
    assert said == "<|fim_prefix|>def add(a, b):\n    "
    assert end.usage.prompt == len(said)
    assert {ord("|"), ord("~")} == config.stop_token_ids


async def test_a_raw_prompt_may_be_answered_whole(site: Site) -> None:
    async with openai.AsyncOpenAI(base_url=site.url, api_key="key") as client:
        done = await client.completions.create(model="m", prompt="def", stop=["```"])
    assert done.choices[0].text == "return a + b\n"


async def test_a_cold_answer_is_not_sampled_and_one_that_is_too_long_is_cut(site: Site) -> None:
    text, end = await answer(site.model, prompt(max_tokens=6))
    assert (text, end.finish, end.usage.completion) == ("return", "length", 6)
    assert not site.pipeline.asked[0][1].do_sample


async def test_what_an_earlier_prompt_began_with_counts_as_cached_in_whole_blocks(site: Site) -> None:
    await answer(site.model, prompt("x" * 100))
    _, again = await answer(site.model, prompt("x" * 100))
    _, other = await answer(site.model, prompt("x" * 50 + "y" * 50))
    assert again.usage.cached == (again.usage.prompt - 1) // 32 * 32
    before = len(
        chat_text([("system", "Be brief."), ("user", "x" * 50)]).partition(
            "<|im_end|>\n<|im_start|>assistant"
        )[0]
    )
    assert other.usage.cached == before // 32 * 32


async def test_answers_asked_for_together_are_written_together(site: Site) -> None:
    site.pipeline.gate.clear()
    asks = [asyncio.create_task(answer(site.model, prompt(f"{n}"))) for n in range(4)]
    async with openai.AsyncOpenAI(base_url=site.url, api_key="key") as client:
        await until(client, at_work=4)
        site.pipeline.gate.set()
        ends = await asyncio.gather(*asks)
    assert len({text for text, _ in ends}) == 1
    assert site.pipeline.together == 4


async def until(client: openai.AsyncOpenAI, *, at_work: int) -> None:
    """Ask the server until so many answers are being written: it has no other way to tell."""
    address = str(client.base_url).removesuffix("v1/") + "slots"
    for _ in range(1000):
        slots = await client.get(address, cast_to=list[dict[str, bool]])
        if sum(slot["is_processing"] for slot in slots) == at_work:
            return
    raise AssertionError(f"never {at_work} at work")


async def test_a_client_that_hangs_up_while_its_prompt_is_read_frees_the_model(site: Site) -> None:
    site.pipeline.gate.clear()
    asking = asyncio.create_task(answer(site.model, prompt()))
    async with openai.AsyncOpenAI(base_url=site.url, api_key="key") as client:
        await until(client, at_work=1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await site.model.aclose()
        await asyncio.to_thread(wait_until, site.pipeline, site)
        await until(client, at_work=0)
    assert site.pipeline.handles[0].cancelled


def wait_until(pipeline: Pipeline, site: Site) -> None:
    """Let passes happen one by one, as slow as the server looks for its client, until the answer is dropped."""
    for _ in range(200):
        pipeline.gate.set()
        if pipeline.handles[0].cancelled:
            return
        pipeline.gate.clear()
        threading.Event().wait(0.01)
    raise AssertionError("the answer goes on")


@pytest.mark.parametrize("said", ["x = '😀'"])
async def test_half_a_character_is_held_back(site: Site) -> None:
    async with openai.AsyncOpenAI(base_url=site.url, api_key="key") as client:
        stream = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "smile"}], stream=True
        )
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
    assert "".join(pieces) == "x = '😀'"
    assert "😀" in pieces
    assert not any("\ufffd" in piece for piece in pieces)


async def test_a_whole_answer_where_no_stream_is_wanted(site: Site) -> None:
    async with openai.AsyncOpenAI(base_url=site.url, api_key="key") as client:
        assert [model.id async for model in client.models.list()] == ["qwen2.5-coder-1.5b"]
        done = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": [{"type": "text", "text": "Add."}]}], stop="```"
        )
    assert done.choices[0].message.content == "return a + b\n"
    assert done.usage
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens


async def test_who_has_no_key_or_talks_nonsense_is_refused(site: Site) -> None:
    async with openai.AsyncOpenAI(base_url=site.url, api_key="wrong") as client:
        with pytest.raises(openai.AuthenticationError):
            await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Add."}])
    async with openai.AsyncOpenAI(base_url=site.url, api_key="key") as client:
        with pytest.raises(openai.BadRequestError, match="not a chat completion"):
            await client.chat.completions.create(model="m", messages=[{"role": "user"}])  # pyright: ignore[reportArgumentType, reportCallIssue]
        with pytest.raises(openai.BadRequestError, match="not a completion"):
            await client.post("/completions", cast_to=object, body={"model": "m"})
        with pytest.raises(openai.NotFoundError):
            await client.embeddings.create(model="m", input="def")
    assert site.pipeline.asked == []


async def test_a_prompt_beyond_the_context_is_refused_in_words_that_the_client_knows(site: Site) -> None:
    with pytest.raises(ModelError, match=r"too long .* has room for 4000"):
        await answer(site.model, prompt("x" * CONTEXT))
    text, _ = await answer(site.model, prompt())
    assert text.startswith("return")


async def test_a_pass_that_fails_ends_its_answers_and_not_the_server(site: Site) -> None:
    site.pipeline.broken = "out of blocks"
    async with openai.AsyncOpenAI(base_url=site.url, api_key="key", max_retries=0) as client:
        with pytest.raises(openai.BadRequestError, match="out of blocks"):
            await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "Add."}], stream=True
            )
    site.pipeline.broken = ""
    text, _ = await answer(site.model, prompt())
    assert text.startswith("return")


async def test_an_idle_model_leaves_memory_and_comes_back(said: str) -> None:
    with serve(said, idle=0.0) as site:
        await answer(site.model, prompt())
        assert await asyncio.to_thread(site.api.batches.left_memory.wait, 10)
        text, _ = await answer(site.model, prompt())
        assert text.startswith("return")
        assert len(site.loads) >= 2


async def test_what_does_not_speak_http_is_hung_up_on(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.api.server_port)) as raw:
        raw.sendall(b"\x16\x03\x01 no http\r\n\r\n")
        assert b"400" in await asyncio.to_thread(raw.recv, 1000)
    text, _ = await answer(site.model, prompt())
    assert text.startswith("return")


async def test_a_fault_of_any_kind_leaves_the_server_to_those_who_ask_next(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise TypeError("no such tokens")

    with monkeypatch.context() as patched:
        patched.setattr(site.pipeline, "add_request", broken)
        with pytest.raises(ModelError, match="no such tokens"):
            await answer(site.model, prompt())
    text, _ = await answer(site.model, prompt())
    assert text.startswith("return")
