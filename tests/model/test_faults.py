"""Every failure is one clear line that names the endpoint and never a key."""

from __future__ import annotations

import json
import socket
import ssl
import traceback

import pytest

from doubles.openai_server import FakeOpenAI, Reply, error
from flowmill.errors import ModelError
from flowmill.model.client import OpenAIModel
from flowmill.model.faults import Place, is_foreign, of_exception, of_status
from flowmill.model.redact import MaskedStream, Masker, redactor, shown
from flowmill.model.retry import Limits, Pace
from flowmill.shapes import Message, ModelProfile, Prompt

KEY = "sk-proj-0123456789abcdefghijklmnop"
PROMPT = Prompt((Message("user", "Write f."),))
PAGE = "<!DOCTYPE html><html><head><title>Log in</title></head></html>"


async def no_wait(seconds: float) -> None:
    pass


async def failure(base_url: str, *, key: str = KEY, name: str = "my-model") -> ModelError:
    model = OpenAIModel(
        base_url, key, ModelProfile(name), limits=Limits(connect_seconds=2), pace=Pace(no_wait)
    )
    assert KEY not in repr(model)
    with pytest.raises(ModelError) as caught:
        async for _ in model.stream(PROMPT):
            pass
    await model.aclose()
    line = str(caught.value)
    assert "\n" not in line
    assert KEY[:12] not in "".join(traceback.format_exception(caught.value))
    return caught.value


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (
            error(401, f"Incorrect API key provided: {KEY[:8]}*******mnop. You can find it at"),
            "refused the key (401): check FLOWMILL_API_KEY",
        ),
        (error(403, f"key {KEY} has no access"), "(403): key *** has no access"),
        (error(402, "Insufficient Balance"), "is out of quota or credit (402): Insufficient Balance"),
        (
            error(429, "You exceeded your current quota", code="insufficient_quota"),
            "is out of quota or credit (429): You exceeded your current quota",
        ),
        (
            error(
                400,
                "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001",
            ),
            "9001 tokens, it has room for 8192",
        ),
        (
            error(
                400,
                "the request exceeds the available context size",
                n_prompt_tokens=700,
                n_ctx=512,
                type="exceed_context_size_error",
            ),
            "700 tokens, it has room for 512",
        ),
        (Reply(body=PAGE, content_type="text/html"), "answered a web page instead of JSON (200)"),
        (Reply(status=404, body=PAGE, content_type="text/html"), "answered a web page instead of JSON (404)"),
        (
            Reply(status=404, body='{"detail": "Not Found"}'),
            "/v1/chat/completions does not exist there (404)",
        ),
        (Reply(status=307, body="", headers={"Location": "http://elsewhere/"}), "redirects elsewhere (307)"),
        (Reply(body="not json at all"), "answered something that is not JSON"),
        (Reply(body='{"error": "out of memory"}'), "failed (500): out of memory"),
    ],
)
async def test_each_refusal_has_its_line(reply: Reply, expected: str) -> None:
    async with FakeOpenAI([reply], repeat=True) as server:
        line = str(await failure(server.base_url))
    assert expected in line
    assert server.base_url in line


@pytest.mark.parametrize(
    ("reply", "remedy"),
    [
        (error(402, "Insufficient Balance."), "Balance; add credit there, or choose another endpoint"),
        (error(429, "x", code="insufficient_quota"), "; add credit there, or choose another endpoint"),
        (error(403, "no"), "; check FLOWMILL_API_KEY, or choose another model with --model"),
        (error(429, "slow down", {"Retry-After": "0"}), "; try again later, or choose another endpoint"),
        (error(503, "down", {"Retry-After": "0"}), "; try again; the server's log may say more"),
        (error(400, "too dark"), "; choose another model with --model, or another endpoint with --base-url"),
        (Reply(body="not json at all"), "; is --base-url the API's address (most end in /v1)?"),
        (Reply((), ending="break"), "; try again; the server's log may say more"),
    ],
)
async def test_each_refusal_says_what_to_do(reply: Reply, remedy: str) -> None:
    async with FakeOpenAI([reply], repeat=True) as server:
        assert remedy in str(await failure(server.base_url))


async def test_quota_and_auth_are_not_asked_again() -> None:
    replies = [error(429, "x", code="insufficient_quota"), error(401, "no"), error(402, "pay")]
    async with FakeOpenAI(replies) as server:
        for _ in replies:
            await failure(server.base_url)
    assert len(server.requests) == 3


async def test_a_missing_key_is_asked_for() -> None:
    async with FakeOpenAI([error(401, "missing key")]) as server:
        assert "asks for a key (401): set FLOWMILL_API_KEY" in str(await failure(server.base_url, key=""))


@pytest.mark.parametrize(
    "reply",
    [
        error(404, "The model `my-model` does not exist.", code="model_not_found"),
        Reply(status=404, body=json.dumps({"error": "model 'my-model' not found, try pulling it first"})),
        error(400, "my-model is not a valid model ID"),
    ],
)
async def test_an_unknown_model_names_the_nearest(reply: Reply) -> None:
    names = ("my-model-2", "other", "embed")
    pages = {"/v1/models": {"data": [{"id": name} for name in names]}}
    async with FakeOpenAI([reply], pages=pages) as server:
        line = str(await failure(server.base_url))
    assert "has no model 'my-model'; it has my-model-2 and 2 more: choose one with --model" in line


async def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://user:secretpassword@127.0.0.1:{free.getsockname()[1]}/v1?token=abcdefghijkl"
        line = str(await failure(url))
    assert "connection refused" in line
    assert "is it running?" in line
    assert "secretpassword" not in line
    assert "abcdefghijkl" not in line


@pytest.mark.parametrize(
    ("url", "expected"),
    [("ftp://host/v1", "is not an http address"), ("localhost:1234", "is not an http address")],
)
async def test_addresses_that_are_none(url: str, expected: str) -> None:
    assert expected in str(await failure(url))


async def test_https_against_a_plain_server() -> None:
    async with FakeOpenAI() as server:
        line = str(await failure(server.base_url.replace("http://", "https://")))
    assert "http:// rather than https://" in line


async def test_a_missing_path_suggests_v1() -> None:
    async with FakeOpenAI([Reply(status=404, body="{}")]) as server:
        root = server.base_url.removesuffix("/v1")
        assert f"try --base-url {root}/v1" in str(await failure(root))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"key {KEY}!", "key ***!"),
        (f"key {KEY[:12]}...", "key ***"),
        ("sk-abc********wxyz is wrong", "*** is wrong"),
        ("Bearer abcdef123456", "Bearer ***"),
        ("at http://me:pw@host/v1", "at http://host/v1"),
        ("sk-anothersecret1234 too", "*** too"),
        ("task-force and risk-taking stay", "task-force and risk-taking stay"),
        ("2 ** 3 and *args, **kwargs", "2 ** 3 and *args, **kwargs"),
    ],
)
def test_redaction(text: str, masked: str) -> None:
    assert redactor([KEY])(text) == masked


def test_a_short_placeholder_is_masked_as_a_word_only() -> None:
    assert redactor(["none", ""])("none of nonempty") == "*** of nonempty"
    assert Masker(["none"])("none of nonempty") == "*** of nonempty"


def test_a_letter_is_no_key_and_code_stays_what_it_is() -> None:
    code = "x = max(x, 1)  # -> text"
    assert redactor(["x"])(code) == Masker(["x", ""])(code) == code
    assert Masker([KEY, "pass*word"])(f"a = {KEY!r}; b = 'pass*word'") == "a = '***'; b = '***'"


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_a_key_is_masked_also_where_it_comes_in_pieces(size: int) -> None:
    mask = Masker([KEY, "none", "abcabcab"])
    text = f"a = {KEY}; b = {KEY[:-1]}; none of nonempty or anone; abcabcabcabcab; {KEY}{KEY} sk-"
    stream = MaskedStream(mask)
    pieces = [stream.feed(text[at : at + size]) for at in range(0, len(text), size)]
    assert "".join(pieces) + stream.rest() == mask(text)
    assert pieces[-1].find("sk-") == -1 or size == 1


def test_what_cannot_begin_a_key_is_not_held_back() -> None:
    stream = MaskedStream(Masker([KEY]))
    assert [stream.feed(piece) for piece in ("return 1", KEY[:5], "x")] == ["return 1", "", f"{KEY[:5]}x"]


def test_shown_endpoint() -> None:
    assert shown("https://u:p@host:8/v1/?key=s#f") == "https://host:8/v1"


def test_a_certificate_that_cannot_be_verified() -> None:
    place = Place("https://host:8/v1", "m", True, redactor([KEY]))
    fault = of_exception(ssl.SSLCertVerificationError(1, f"self-signed certificate {KEY}"), place)
    assert str(fault) == "the certificate of host cannot be verified: self-signed certificate ***"
    assert "SSL_CERT_FILE" in fault.hint
    assert fault.again == "never"


def test_a_mistake_of_our_own_is_not_taken_for_the_servers() -> None:
    assert not is_foreign(TypeError("ours"))
    assert not is_foreign(ValueError("ours"))
    assert is_foreign(ConnectionResetError())


def test_a_rate_limit_that_mentions_billing_is_no_quota() -> None:
    body = {
        "error": {
            "message": "Rate limit reached. Add a payment method at https://x/account/billing",
            "code": "rate_limit_exceeded",
        }
    }
    fault = of_status(429, body, Place("http://h/v1", "m", True, str), 20.0)
    assert (fault.again, fault.wait) == ("later", 20.0)
