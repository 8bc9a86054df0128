"""Where OpenVINO serves, where llama.cpp does, and that the weights are converted once."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import openai
import pytest

from flowmill.errors import UsageError
from flowmill.model.embedded import openvino
from flowmill.model.embedded.catalogue import LARGE
from flowmill.model.embedded.engine import EngineOrder, serve_batches
from flowmill.model.embedded.launch import EmbeddedServer, connect
from flowmill.model.embedded.locks import FileLock
from flowmill.model.embedded.openvino import Unsuited, check, convert, is_ready, is_wanted, place_for
from flowmill.model.embedded.weights import installed
from flowmill.paths import cache_dir

on_linux = pytest.mark.skipif(
    sys.platform != "linux" or importlib.util.find_spec("openvino_genai") is None,
    reason="OpenVINO serves on Linux only, where it is installed",
)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("FLOWMILL_ENGINE", raising=False)
    monkeypatch.setattr(openvino, "machine_memory", memory(16))
    monkeypatch.setattr("platform.machine", "x86_64".strip)
    path = tmp_path / "models" / "model.gguf"
    path.parent.mkdir()
    path.write_bytes(b"GGUF, and then nothing")
    return path


def memory(gigabytes: int) -> Callable[[Path], int]:
    def told(root: Path) -> int:
        return gigabytes * 1_000_000_000

    return told


def on(root: Path) -> Callable[[Path], None]:
    def checked(file: Path) -> None:
        check(file, root)

    return checked


def machine(tmp_path: Path, flags: str) -> Path:
    """The root of a machine whose processor has these."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cpuinfo").write_text(f"processor : 0\nflags : fpu avx2 {flags} rtm\n")
    return tmp_path


@on_linux
@pytest.mark.parametrize("flags", ["avx512_vnni", "avx_vnni", "avx512_vnni avx_vnni"])
def test_a_processor_that_multiplies_bytes_suits(file: Path, tmp_path: Path, flags: str) -> None:
    check(file, machine(tmp_path, flags))


@on_linux
@pytest.mark.parametrize("flags", ["", "avx512_vnnix"])
def test_one_that_does_not_is_left_to_llama(file: Path, tmp_path: Path, flags: str) -> None:
    with pytest.raises(Unsuited, match="VNNI"):
        check(file, machine(tmp_path, flags))


@on_linux
def test_it_can_be_switched_off(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWMILL_ENGINE", "llama.cpp")
    with pytest.raises(Unsuited, match="FLOWMILL_ENGINE"):
        check(file, machine(tmp_path, "avx_vnni"))


def test_what_is_no_engine_is_said_in_one_line() -> None:
    assert is_wanted({"FLOWMILL_ENGINE": " OpenVINO"})
    assert not is_wanted({"FLOWMILL_ENGINE": "llama.cpp"})
    with pytest.raises(UsageError, match=r"FLOWMILL_ENGINE is 'vulkan': it can be openvino or llama\.cpp"):
        is_wanted({"FLOWMILL_ENGINE": "vulkan"})


@on_linux
def test_converting_takes_more_memory_than_serving(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino, "machine_memory", memory(6))
    root = machine(tmp_path, "avx_vnni")
    with pytest.raises(Unsuited, match=r"6\.0 GB of memory"):
        check(file, root)
    place_for(file).mkdir()
    (place_for(file) / "openvino_model.bin").touch()
    check(file, root)


@on_linux
def test_a_full_disk_is_left_alone(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino, "ROOM", 1e15)
    with pytest.raises(Unsuited, match="GB left"):
        check(file, machine(tmp_path, "avx_vnni"))


@on_linux
def test_weights_that_cannot_be_converted_leave_it_to_llama(
    file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = machine(tmp_path, "avx_vnni")
    monkeypatch.setattr(openvino, "check", on(root))
    assert serve_batches(EngineOrder("m", str(file), "key", batches=True)) is None
    assert "llama.cpp serves instead of OpenVINO: the weights cannot be converted" in capfd.readouterr().err
    assert not is_ready(place_for(file))


@on_linux
def test_a_conversion_that_is_killed_leaves_nothing_that_counts(file: Path) -> None:
    part = file.parent / "model-openvino.part"
    part.mkdir()
    (part / "openvino_model.bin").touch()
    assert not is_ready(place_for(file))
    with pytest.raises(Unsuited):
        convert(file)


@on_linux
def test_two_that_convert_at_once_do_it_once(file: Path) -> None:
    """The second one waits for the first, and finds its work done."""
    folder = place_for(file)
    with FileLock(folder.with_name(f"{folder.name}.lock")) as first:
        assert first.take()
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(convert, file)
            assert wait([second], timeout=1.0).not_done == {second}
            folder.mkdir()
            (folder / "openvino_model.bin").touch()
            first.drop()
            assert second.result(timeout=60) == folder
    assert list(folder.iterdir()) == [folder / "openvino_model.bin"]


@on_linux
def test_it_tells_nobody_and_leaves_the_home_alone(tmp_path: Path) -> None:
    code = (
        "import sys; from flowmill.model.embedded.openvino import genai; genai()\n"
        "print([name for name, module in sys.modules.items() if 'openvino_telemetry' in name and module])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert said.stdout == "[]\n"
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------ the real one
real = pytest.mark.skipif(
    installed(LARGE) is None or not is_ready(place_for(installed(LARGE) or Path())),
    reason=f"{LARGE.name} is not in the cache, converted: flowmill model pull {LARGE.alias}",
)


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedServer]:
    async with await connect(LARGE, cache_dir()) as server:
        yield server


@real
async def test_the_real_model_goes_on_and_counts(server: EmbeddedServer) -> None:
    assert (server.width, server.context) == (openvino.WIDTH, 8192)
    async with openai.AsyncOpenAI(base_url=server.base_url, api_key=server.api_key) as client:
        for cached in (False, True):
            stream = await client.chat.completions.create(
                model=LARGE.name,
                messages=[
                    {
                        "role": "user",
                        "content": f"# process {os.getpid()}\n" * 20 + "Write add(a, b) in Python.",
                    },
                    {"role": "assistant", "content": "```python\ndef add(a, b):\n"},
                ],
                max_tokens=24,
                temperature=0,
                stop=["```"],
                stream=True,
                stream_options={"include_usage": True},
            )
            pieces = [chunk async for chunk in stream]
            text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
            assert text.strip() == "return a + b"
            usage = pieces[-1].usage
            assert usage
            assert usage.prompt_tokens_details
            assert bool(usage.prompt_tokens_details.cached_tokens) == cached


@real
def test_the_converted_weights_are_found_by_a_process_of_their_own() -> None:
    file = installed(LARGE)
    assert file
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from flowmill.model.embedded.openvino import *; print(convert(Path({str(file)!r})))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == str(place_for(file))
