"""The life of the embedded server, with the real launcher, guard and locks around an engine without a model."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import os
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from flowmill.errors import ModelError
from flowmill.model.embedded.catalogue import SMALL, Weights
from flowmill.model.embedded.launch import EmbeddedServer, LaunchOptions, connect
from flowmill.model.embedded.lease import Listening, MeetingPlace

ENGINE = Path(__file__).with_name("stand_in_engine.py")
CONTEXT = 1234
MODEL = replace(SMALL, size=4, sha256=hashlib.sha256(b"gguf").hexdigest())


@dataclass(frozen=True)
class Site:
    """A cache folder with a tiny model in it, and the engine's notes."""

    cache: Path
    model: Weights = MODEL

    @property
    def notes(self) -> Path:
        return self.cache / "notes"

    @property
    def place(self) -> MeetingPlace:
        return MeetingPlace(self.cache / "server" / self.model.name)

    def engines(self) -> list[int]:
        """Process ids of all engines that were ever started here."""
        return [int(line) for line in self.notes.read_text().split()] if self.notes.exists() else []

    def options(self, *extra: str, seconds: float = 30.0, port: int = 0) -> LaunchOptions:
        command = (sys.executable, str(ENGINE), str(self.notes), *extra)
        return LaunchOptions(command=command, seconds=seconds, port=port)

    async def connect(self, *extra: str, seconds: float = 30.0) -> EmbeddedServer:
        return await connect(self.model, self.cache, self.options(*extra, seconds=seconds))

    def guard(self) -> int:
        state = self.place.read()
        assert isinstance(state, Listening)
        return state.pid

    def gone(self) -> bool:
        """Whether no process of the server is left; the kernel says."""
        with self.place.alive() as alive:
            return alive.take()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    models = tmp_path / "models"
    models.mkdir()
    (models / MODEL.file).write_bytes(b"gguf")
    (models / (MODEL.file + ".ok")).write_text(MODEL.sha256)
    return Site(tmp_path)


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def get(server: EmbeddedServer, path: str, key: str) -> int:
    parts = urllib.parse.urlsplit(server.base_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
        return connection.getresponse().status
    finally:
        connection.close()


async def test_serves_with_its_key_and_leaves_nothing_behind(site: Site) -> None:
    async with await site.connect() as server:
        assert server.base_url.startswith("http://127.0.0.1:")
        assert server.base_url.endswith("/v1")
        assert server.context == CONTEXT
        assert get(server, "/props", server.api_key) == 200
        assert get(server, "/props", "guess") == 401
        assert server.problem() is None
    assert site.gone()
    assert site.place.read() is None


async def test_close_twice_is_once(site: Site) -> None:
    server = await site.connect()
    await server.aclose()
    await server.aclose()


async def test_parallel_users_share_one_server(site: Site) -> None:
    first, second, third = await asyncio.gather(site.connect(), site.connect(), site.connect())
    assert first.base_url == second.base_url == third.base_url
    assert len(site.engines()) == 1
    await first.aclose()
    await third.aclose()
    assert get(second, "/props", second.api_key) == 200
    await second.aclose()
    assert site.gone()


async def test_starts_again_after_the_last_user_left(site: Site) -> None:
    await (await site.connect()).aclose()
    async with await site.connect() as server:
        assert get(server, "/health", server.api_key) == 200
    assert len(site.engines()) == 2


async def test_a_fixed_port_is_a_server_of_its_own(site: Site) -> None:
    shared = await site.connect()
    port = int(shared.base_url.removesuffix("/v1").rpartition(":")[2])
    await shared.aclose()
    async with await site.connect(), await connect(site.model, site.cache, site.options(port=port)) as own:
        assert own.base_url == f"http://127.0.0.1:{port}/v1"
        assert len(site.engines()) == 3


USER = """
import asyncio, sys
from pathlib import Path
from test_launch import Site, MODEL

async def main():
    server = await Site(Path(sys.argv[1])).connect()
    print("ready", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def kill_a_user(site: Site) -> None:
    """Let another process use the server, and kill it."""
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", USER, str(site.cache)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ) as user:
        assert user.stdout
        assert user.stdout.readline() == b"ready\n"
        assert not site.gone()
        user.kill()


async def test_dies_with_a_parent_that_is_killed(site: Site) -> None:
    await asyncio.to_thread(kill_a_user, site)
    killed = time.monotonic()
    await until(site.gone)
    assert time.monotonic() - killed < 5.0


async def test_the_engine_dies_with_its_guard_and_the_next_user_starts_anew(site: Site) -> None:
    first = await site.connect()
    os.kill(site.guard(), signal.SIGKILL)
    await until(site.gone)
    assert "ended from outside" in (first.problem() or "")
    async with await site.connect() as second:
        assert get(second, "/props", second.api_key) == 200
    await first.aclose()


async def test_cancelled_while_loading_leaves_no_process(site: Site, tmp_path: Path) -> None:
    loading = asyncio.ensure_future(site.connect("--gate", str(tmp_path / "never")))
    await until(lambda: bool(site.engines()))
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    assert site.gone()


async def test_a_second_user_waits_for_the_first_ones_loading(site: Site, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    first = asyncio.ensure_future(site.connect("--gate", str(gate)))
    await until(lambda: bool(site.engines()))
    second = asyncio.ensure_future(site.connect("--gate", str(gate)))
    gate.touch()
    async with await first as one, await second as two:
        assert one.base_url == two.base_url
    assert len(site.engines()) == 1


async def test_a_stale_state_is_not_believed(site: Site) -> None:
    site.place.create()
    site.place.write(Listening("http://127.0.0.1:1/v1", "old", os.getpid()))
    async with await site.connect() as server:
        assert server.api_key != "old"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"base_url": 1}'])
async def test_a_broken_state_is_not_believed(site: Site, text: str) -> None:
    site.place.create()
    (site.place.folder / "state").write_text(text)
    async with await site.connect() as server:
        assert server.problem() is None


async def test_missing_weights_name_the_command_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not downloaded") as caught:
        await connect(MODEL, tmp_path)
    assert caught.value.hint == "Run: flowmill model pull qwen2.5-coder-0.5b"


@pytest.mark.parametrize(
    ("crash", "message"),
    [
        ("ggml: failed to allocate buffer", "not enough free memory"),
        ("E srv: couldn't bind HTTP server socket", "cannot listen"),
        ("llama_model_load: error loading model: magic", "cannot be loaded"),
        ("ModuleNotFoundError: No module named 'xllamacpp'", "xllamacpp is not installed"),
        ("boom", r"ended at once \(exit status 1\)"),
    ],
)
async def test_a_start_that_fails_says_why(site: Site, crash: str, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        await site.connect("--crash", crash)
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    assert site.gone()


async def test_an_engine_that_is_killed_while_loading_counts_as_out_of_memory(site: Site) -> None:
    loading = asyncio.ensure_future(site.connect("--gate", str(site.cache / "never")))
    await until(lambda: bool(site.engines()))
    os.kill(site.engines()[0], signal.SIGKILL)
    with pytest.raises(ModelError, match="not enough free memory"):
        await loading


async def test_loading_has_a_limit(site: Site) -> None:
    with pytest.raises(ModelError, match="did not load in time"):
        await site.connect("--gate", str(site.cache / "never"), seconds=0.5)
    await until(site.gone)


async def test_a_later_crash_is_told(site: Site) -> None:
    server = await site.connect()
    with pytest.raises(http.client.RemoteDisconnected):
        get(server, "/die", server.api_key)
    await until(site.gone)
    assert "exit status 7" in (server.problem() or "")
    assert str(site.place.log) in (server.problem() or "")
    await server.aclose()


async def test_a_read_only_cache_is_told(site: Site) -> None:
    (site.cache / "server").write_text("a file where the folder should be")
    with pytest.raises(ModelError, match="cannot write"):
        await site.connect()


def proc(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_no_key_is_shown_or_passed_on(
    site: Site, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-the-users-own")
    monkeypatch.setenv("HF_TOKEN", "hf-the-users-own")
    async with await site.connect() as server:
        for pid in (site.guard(), *site.engines()):
            assert server.api_key not in proc(pid, "cmdline")
            assert "the-users-own" not in proc(pid, "environ")
        assert (site.place.folder / "state").stat().st_mode & 0o777 == 0o600
        assert server.api_key not in site.place.log.read_text()
    assert capfd.readouterr() == ("", "")


async def test_the_log_is_capped(site: Site) -> None:
    site.place.create()
    site.place.log.write_bytes(b"x" * 2_000_001)
    async with await site.connect():
        assert site.place.log.stat().st_size < 10_000
